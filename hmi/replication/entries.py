"""What the two nodes tell each other about the configuration: the bodies of its ledger records.

| provider        | key                 | says                                                            |
|-----------------|---------------------|-----------------------------------------------------------------|
| config          | a store's identity  | Standing: which version that node holds, which it asks for      |
| config-change   | revision mod RING   | Entry: one change, with its version and its parent's            |
| config-part     | 0, 1, 2, ...        | Part of everything, for a node that asked                       |
| config-conflict | the conflict's name | Kept: what one node had changed and the pair did not go on with |

Keys are used again and again, so the ledger holds the newest RING changes and at most one whole.
"""

from __future__ import annotations

import zlib
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, Field

from hmi.replication.descent import Version
from hmi.replication.schema import Strict, parse

RING = 64
ENTRY_BYTES = 1024 * 1024
PART_BYTES = 128 * 1024
_MOST_BYTES = 512 * 1024 * 1024
_LEVEL = 1


def _version(text: str) -> str:
    if text:
        Version.parse(text)
    return text


FullVersion = Annotated[str, Field(max_length=120), AfterValidator(_version)]
Line = Annotated[str, Field(max_length=1000)]
Shape = TypeVar("Shape", bound=Strict)


class Standing(Strict):
    """`wants` is the version that this node lacks and asks the other one for; empty if it lacks none."""

    node: Line
    version: FullVersion
    fresh: bool
    wants: FullVersion = ""


class Entry(Strict):
    """`changes`: key -> new body, null for a resource that is gone; null instead of all: too many to send."""

    version: FullVersion
    parent: FullVersion
    node: Line
    who: Line
    summary: Line
    changes: dict[Line, str | None] | None


class Part(Strict):
    """The head of a part; its share of the packed resources follows. `to` is what the asking node holds,
    `holds` whether that is in this node's own chain."""

    version: FullVersion
    to: FullVersion
    holds: bool
    number: Annotated[int, Field(ge=0, lt=10_000)]
    of: Annotated[int, Field(gt=0, le=10_000)]


class Kept(Strict):
    """`items` is what the `node` had under each key, null where it had deleted it; null instead of all:
    only that node has them. `own_only`: items are that node's own changes, and none of the other's."""

    name: Line
    node: Line
    version: FullVersion
    live: FullVersion
    at: Annotated[int, Field(ge=0, lt=2**53)]
    own_only: bool
    items: dict[Line, str | None] | None
    settled_by: Line = ""
    settled_at: Annotated[int, Field(ge=0, lt=2**53)] = 0
    taken: Annotated[int, Field(ge=0)] = 0


def packed(shape: Strict) -> bytes:
    """A record's body."""
    return _pack(shape.model_dump(mode="json"))


def unpacked(shape: type[Shape], body: bytes) -> Shape:
    """The inverse. Raises ValueError (Invalid among them): the sender is not believed."""
    return parse(shape, _inflated(body))


def pack_whole(resources: dict[str, str]) -> list[bytes]:
    """Everything, cut into pieces that travel one by one."""
    whole = _pack(resources)
    return [whole[at : at + PART_BYTES] for at in range(0, len(whole), PART_BYTES)]


def unpack_whole(pieces: list[bytes]) -> dict[str, str]:
    """The inverse. Raises ValueError."""
    found = orjson.loads(_inflated(b"".join(pieces)))
    if not isinstance(found, dict) or not all(isinstance(body, str) for body in found.values()):
        raise ValueError("is not a set of resources")
    return found


def pack_part(part: Part, piece: bytes) -> bytes:
    return orjson.dumps(part.model_dump()) + b"\n" + piece


def unpack_part(body: bytes) -> tuple[Part, bytes]:
    """The inverse of `pack_part`. Raises ValueError."""
    head, _, piece = body.partition(b"\n")
    return parse(Part, head), piece


def _pack(plain: Any) -> bytes:
    return zlib.compress(orjson.dumps(plain), _LEVEL)


def _inflated(body: bytes) -> bytes:
    machine = zlib.decompressobj()
    try:
        found = machine.decompress(body, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"can't be unpacked: {error}") from None
    if not machine.eof or machine.unused_data:
        raise ValueError("can't be unpacked: it ends too early or too late")
    return found
