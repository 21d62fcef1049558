"""What the server tells about itself below `$SYS/broker/`, by Mosquitto's topic names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from redundancy.distributor.sessions import Session

VERSION = "tandem distributor 0.1.0"
STATUS_PERIOD = 5.0


@dataclass(slots=True)
class Statistics:
    """Counts since the start. `received` counts packets of all types, `published` messages passed on."""

    received: int = 0
    published: int = 0
    dropped: int = 0
    denied: int = 0
    refused: int = 0
    malformed: int = 0
    slow: int = 0
    fenced: int = 0
    _told: dict[str, bytes] = field(default_factory=dict)

    def changed(self, sessions: Collection[Session]) -> list[tuple[str, bytes]]:
        """Topic and payload of what differs from the last time."""
        connected = sum(session.connection is not None for session in sessions)
        values = {
            "version": VERSION,
            "clients/connected": connected,
            "clients/disconnected": len(sessions) - connected,
            "clients/refused": self.refused,
            "clients/slow": self.slow,
            "clients/fenced": self.fenced,
            "messages/received": self.received,
            "publish/messages/received": self.published,
            "publish/messages/denied": self.denied,
            "publish/messages/dropped": self.dropped + sum(session.dropped for session in sessions),
            "packets/malformed": self.malformed,
        }
        fresh = []
        for name, value in values.items():
            payload = str(value).encode()
            if self._told.get(name) != payload:
                self._told[name] = payload
                fresh.append((f"$SYS/broker/{name}", payload))
        return fresh
