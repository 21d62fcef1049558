"""Payloads to and from Sparkplug libraries that others wrote, each in an environment of its own."""
