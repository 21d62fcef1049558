"""Lines through several MQTT servers, without losing or doubling any: publisher, receiver, outbox, inbox."""
