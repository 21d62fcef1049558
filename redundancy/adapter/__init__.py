"""The adapter: components that read from several MQTT servers, without Django."""
