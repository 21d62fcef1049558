"""Bytes to Payload and back (specification 6.4).

Decoding is the hot path of a host, and touching the fields of a message costs many times what parsing it
costs. So the message is parsed once as a whole, which settles whether it is one, and once more with its
metrics left as bytes. Most of these look alike: name or alias, timestamp, datatype, an ordinary value, in
this order and with nothing else. plain.py's loop reads them as they stand; whatever looks different in any
byte is read field by field in decoding.py, with the same result. encoding.py is the way back.

A metric that cannot be read spoils only itself: value None, quality BAD. That covers unknown datatype codes,
text that is not UTF-8, and a value in a field that does not fit its datatype.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from sparkplug.decoding import LAST_TIMESTAMP, MAX_METRICS, Budget, Catalogue, text_or_none
from sparkplug.encoding import encode
from sparkplug.errors import PayloadError
from sparkplug.metric import Metric, Payload
from sparkplug.plain import read
from sparkplug.sparkplug_b_pb2 import Payload as WirePayload

__all__ = ["LAST_TIMESTAMP", "MAX_METRICS", "Catalogue", "Parsed", "decode", "encode"]


class Parsed:
    """A payload whose metrics have not been touched yet.

    Raises PayloadError if the bytes are none, or if reading them would fill the memory.

    A host looks at `seq` first, since what came too early has to wait for its turn.
    """

    __slots__ = ("_data", "_wire")

    def __init__(self, data: bytes) -> None:
        try:
            self._wire = WirePayload.FromString(data)
        except DecodeError as error:
            raise PayloadError(f"{len(data)} bytes that are no Sparkplug payload") from error
        Budget(len(self._wire.metrics))
        self._data = data
        # Whatever counts takes two bytes at least. So only a large message can have too much inside of its
        # metrics, and a host must hear of that here, where it expects it, and not in the middle of a birth.
        if len(data) > 2 * MAX_METRICS:
            self.payload()

    @property
    def seq(self) -> int | None:
        return self._wire.seq if self._wire.HasField("seq") else None

    @property
    def timestamp(self) -> int | None:
        return self._wire.timestamp if self._wire.HasField("timestamp") else None

    def payload(self) -> Payload:
        """Everything as it travelled."""
        wire = self._wire
        return Payload(
            self.timestamp,
            tuple(read(self._data, len(wire.metrics), None, 0, [])),
            self.seq,
            text_or_none(wire.uuid) if wire.HasField("uuid") else None,
            wire.body if wire.HasField("body") else None,
        )

    def resolved(self, known: Catalogue, stamp: int) -> tuple[list[Metric], list[int | str]]:
        """Metrics with the names and datatypes of their birth, and what the birth does not have.

        `stamp` (ms UTC) stands in for a missing or absurd timestamp. Members of a template instance are as
        they travelled; templates.py reads them by their definition.
        """
        strangers: list[int | str] = []
        return read(self._data, len(self._wire.metrics), known, stamp, strangers), strangers


def decode(data: bytes) -> Payload:
    """Raises PayloadError if the bytes as a whole are no payload; bad metrics come back as BAD."""
    return Parsed(data).payload()
