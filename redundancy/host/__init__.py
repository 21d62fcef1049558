"""MQTT Engine: the Sparkplug host application of a node, over all its MQTT servers."""
