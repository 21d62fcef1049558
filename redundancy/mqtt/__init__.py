"""MQTT sessions as a client. The only room that imports paho."""

from redundancy.mqtt.connection import TOO_LARGE, Connection
from redundancy.mqtt.receipts import Receipts
from redundancy.mqtt.reports import Acked, Kept, Lost, Message, Opened, Refused, Report, Subscribed
from redundancy.mqtt.unattended import Unattended

__all__ = [
    "TOO_LARGE",
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
    "Unattended",
]
