"""MQTT sessions as a client. The only room that imports paho."""

from redundancy.mqtt.connection import Connection
from redundancy.mqtt.receipts import Receipts
from redundancy.mqtt.reports import Acked, Kept, Lost, Message, Opened, Refused, Report, Subscribed

__all__ = [
    "Acked",
    "Connection",
    "Kept",
    "Lost",
    "Message",
    "Opened",
    "Receipts",
    "Refused",
    "Report",
    "Subscribed",
]
