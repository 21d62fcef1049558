"""The relay on real processes and real brokers that come and go."""
