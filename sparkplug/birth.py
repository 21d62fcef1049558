"""A birth as one host hands it to its peer: where and when it was received, and its bytes as they came."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sparkplug.errors import LocalProtocolError, PayloadError
from sparkplug.topic import EdgeNodeId

_NOT_BYTES = "a birth that no host has written"


@dataclass(frozen=True, slots=True)
class Birth:
    """device: None for an NBIRTH. at: when a host received it, ms UTC. payload: the message, unchanged."""

    edge: EdgeNodeId
    device: str | None
    server: str
    bd_seq: int
    at: int
    payload: bytes

    def encode(self) -> bytes:
        """One line of JSON, then the payload."""
        head = [self.edge.group, self.edge.edge, self.device, self.server, self.bd_seq, self.at]
        return json.dumps(head, separators=(",", ":")).encode() + b"\n" + self.payload

    @classmethod
    def decode(cls, data: bytes) -> Birth:
        """Raises PayloadError."""
        head, newline, payload = data.partition(b"\n")
        if not newline:
            raise PayloadError(_NOT_BYTES)
        try:
            group, edge, device, server, bd_seq, at = json.loads(head.decode())
            texts = (group, edge, server) if device is None else (group, edge, server, device)
            if (
                not all(isinstance(text, str) for text in texts)
                or type(bd_seq) is not int
                or type(at) is not int
            ):
                raise PayloadError(_NOT_BYTES)
            return cls(EdgeNodeId.checked(group, edge), device, server, bd_seq, at, payload)
        except (ValueError, TypeError, RecursionError, LocalProtocolError) as error:
            raise PayloadError(_NOT_BYTES) from error
