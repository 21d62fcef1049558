"""MQTT sessions as a client. The only room that imports paho."""

from redundancy.mqtt.connection import Connection
from redundancy.mqtt.reports import Acked, Kept, Lost, Message, Opened, Refused, Report, Subscribed

__all__ = ["Acked", "Connection", "Kept", "Lost", "Message", "Opened", "Refused", "Report", "Subscribed"]
