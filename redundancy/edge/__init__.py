"""MQTT Transmission: the edge nodes of a gateway, each on one MQTT server at a time."""
