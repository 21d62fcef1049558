"""The live tag image and its providers.

`[default]` is edge_tags, `[MQTT Engine]` engine_tags, `[System]` gateway_tags.
"""
