"""The STATE message of a host application: JSON, not protobuf (specification 4.2.3)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sparkplug.errors import StateError

# The end of the year 9999 in ms. A session believes no later one, for a host could not outrank it for ever.
LAST_TIMESTAMP = 253_402_300_799_999
# A host has to write a higher one after us, and foreign hosts hold it in 64 bits.
MAX_TIMESTAMP = 2**63 - 1
# A real one has 40 bytes; the limit keeps a flood of nested brackets away from the JSON parser.
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class HostState:
    """Whether a host application is online, and since when: `timestamp` in ms UTC (specification 6.4.27).

    The timestamp orders the messages: one that is lower than the last one seen does not count.
    """

    online: bool
    timestamp: int

    def encode(self) -> bytes:
        """The message's JSON, UTF-8."""
        return json.dumps(
            {"online": self.online, "timestamp": self.timestamp}, separators=(",", ":")
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> HostState:
        """Raises StateError. Unknown members are ignored, so that later versions may add some."""
        if len(data) > _MAX_BYTES:
            raise StateError(f"STATE of {len(data)} bytes")
        try:
            document = json.loads(data.decode())
        except (ValueError, RecursionError) as error:
            raise StateError(f"STATE is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise StateError("STATE is not a JSON object")
        online, timestamp = document.get("online"), document.get("timestamp")
        if not isinstance(online, bool):
            raise StateError("STATE without a boolean 'online'")
        # bool is an int in Python, and `true` is no time.
        if not isinstance(timestamp, int) or isinstance(timestamp, bool):
            raise StateError("STATE without an integer 'timestamp'")
        if not 0 <= timestamp <= MAX_TIMESTAMP:
            raise StateError(f"STATE timestamp out of range: {timestamp}")
        return cls(online, timestamp)
