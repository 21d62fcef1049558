"""One edge node as a host sees it: born on one server, then numbered changes, then dead or lost.

    UNBORN  heard of, never born here. Nothing it says can be understood.
    ONLINE  the last NBIRTH stands; `server` and `bd_seq` say which session it belongs to.
    STALE   the server through which it was known is lost. Only a birth brings it back: what was missed
            meanwhile cannot be known.
    DEAD    its NDEATH came.

The rules that the table cannot say:

1.  A birth on another server makes the session here void. It is refused only if it is older by bdSeq and by
    its own timestamp: the tail of a session that the edge node has left.
2.  NDEATH counts only with the bdSeq of the last birth and from its server (5.5): the Will of a former
    session often comes after the birth of the next one.
3.  Births bypass the order and restart the count. At an NBIRTH all devices are stale until their DBIRTH.
4.  A gap that does not close in time: a birth is asked for, and what waited is processed, because its values
    are true and its samples would be lost otherwise. The session goes on meanwhile.
5.  Aliases are looked up among the metrics of the node or device that the topic names: an alias that two
    devices share is harmless, one that two metrics of the same device share means neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sparkplug.birth import Birth
from sparkplug.declaration import NO_BD_SEQ, Declaration, bd_seq_of, declaration, sane, with_members
from sparkplug.effects import (
    DeviceBorn,
    DeviceDied,
    Effect,
    NodeBorn,
    NodeDied,
    NodeStale,
    NodeView,
    Problem,
    RebirthWanted,
    Values,
)
from sparkplug.instant import Instant
from sparkplug.metric import Payload
from sparkplug.payload import Parsed
from sparkplug.reorder import BirthRequests, Sequence
from sparkplug.topic import EdgeNodeId, MessageType

# A node that makes up device names must not fill the memory.
MAX_DEVICES = 10_000


class NodeState(StrEnum):
    UNBORN = "unborn"
    ONLINE = "online"
    STALE = "stale"
    DEAD = "dead"


class _Step(StrEnum):
    BORN = "born"
    DIED = "died"
    LOST = "lost"


_N = NodeState
_TRANSITIONS: dict[NodeState, dict[_Step, NodeState]] = {
    _N.UNBORN: {_Step.BORN: _N.ONLINE},
    _N.ONLINE: {_Step.BORN: _N.ONLINE, _Step.DIED: _N.DEAD, _Step.LOST: _N.STALE},
    _N.STALE: {_Step.BORN: _N.ONLINE, _Step.DIED: _N.DEAD},
    _N.DEAD: {_Step.BORN: _N.ONLINE},
}


@dataclass(slots=True)
class Device:
    birth: Birth
    declared: Declaration
    online: bool = True
    died_at: int = 0  # ms on this host's clock, 0 if it did not die by a DDEATH


class Numbered(NamedTuple):
    """A message that takes its turn."""

    kind: MessageType
    device: str | None
    message: Parsed
    data: bytes


def newer(bd_seq: int, than: int) -> bool:
    """In a circle of 256: is `bd_seq` less than half of it ahead?"""
    return 0 < (bd_seq - than) % 256 < 128


class NodeSession:
    """Made and called by HostSession; returns effects, never raises on what was received."""

    def __init__(
        self, edge: EdgeNodeId, server: str, reorder_timeout: float, rebirth_interval: float
    ) -> None:
        self.edge = edge
        self.server = server  # of the last birth, or where the node was last heard
        self.state = NodeState.UNBORN
        self.bd_seq = NO_BD_SEQ
        self.birth: Birth | None = None
        self.adopted = False
        self.declared = Declaration()
        self.devices: dict[str, Device] = {}
        self.requests = BirthRequests(rebirth_interval)
        self.heard_at = float("-inf")  # when it last said what only a birth can explain
        self._sent_at = 0
        self._changed_at = 0
        self._sequence: Sequence[Numbered] = Sequence(reorder_timeout)

    @property
    def online(self) -> bool:
        return self.state is NodeState.ONLINE

    # --- births and deaths

    def on_birth(self, server: str, message: Parsed, data: bytes, now: Instant) -> list[Effect]:
        """NBIRTH."""
        payload = message.payload()
        bd_seq = bd_seq_of(payload)
        sent_at = sane(payload.timestamp, now.wall)
        if self._is_left_behind(server, bd_seq, sent_at):
            return [Problem("birth-late", f"{self.edge}: bdSeq {bd_seq} on {server} after {self.bd_seq}")]
        effects: list[Effect] = []
        if bd_seq == NO_BD_SEQ:
            effects.append(Problem("birth", f"{self.edge}: NBIRTH without bdSeq"))
        birth = Birth(self.edge, None, server, bd_seq, now.wall, data)
        self._sequence.restart(((payload.seq or 0) + 1) % 256)
        return [*effects, *self._born(birth, payload, sent_at, now)]

    def adopt(self, birth: Birth, message: Parsed, now: Instant) -> list[Effect]:
        """A birth that only the peer has received; `may_adopt` has said yes."""
        payload = message.payload()
        self._sequence.restart(None)
        effects = self._born(birth, payload, sane(payload.timestamp, birth.at), now)
        self.adopted = True  # after _born, which takes every birth for a received one
        return effects

    def may_adopt(self, birth: Birth) -> bool:
        """Is a peer's birth news? The same one revives a node that only the loss of a server made stale."""
        known = self.birth
        if known is None or newer(birth.bd_seq, known.bd_seq):
            return True
        if self.online:
            repeated = birth.bd_seq != known.bd_seq or birth.payload == known.payload
            return birth.at > known.at and not repeated
        if (birth.server, birth.bd_seq) == (known.server, known.bd_seq):
            # What died stays dead; what was out of sight may have been born again there.
            return self.state is NodeState.STALE and (birth.payload == known.payload or birth.at > known.at)
        return birth.at > self._changed_at

    def adopt_device(self, birth: Birth, message: Parsed) -> list[Effect]:
        """A device's birth from the peer: only for the node's session of the same server and bdSeq."""
        known_node = self.birth
        if not self.online or known_node is None or birth.device is None:
            return []
        if (birth.server, birth.bd_seq) != (self.server, self.bd_seq):
            return []
        known = self.devices.get(birth.device)
        if known is None:
            news = True
        elif known.online:
            news = birth.at > known.birth.at and birth.payload != known.birth.payload
        else:
            # A node born before our eyes makes older births of its devices void.
            news = birth.at > known.died_at and (self.adopted or birth.at >= known_node.at)
        return self._device_born(birth, message) if news else []

    def on_death(self, server: str, payload: Payload, now: Instant) -> list[Effect]:
        """NDEATH."""
        if self.state is NodeState.UNBORN and server == self.server:
            self.requests.settled()
        if server != self.server or bd_seq_of(payload) != self.bd_seq or not self._step(_Step.DIED):
            return []
        self._silence(now)
        return [NodeDied(self.edge, server, now.wall, f"NDEATH with bdSeq {self.bd_seq}")]

    def on_server_lost(self, server: str, why: str, now: Instant) -> list[Effect]:
        if self.requests.server == server:
            self.requests.settled()
        if server != self.server or not self._step(_Step.LOST):
            return []
        self._silence(now)
        return [NodeStale(self.edge, server, now.wall, why)]

    # --- numbered messages

    def on_numbered(self, server: str, item: Numbered, now: Instant) -> list[Effect]:
        """NDATA, DDATA, DBIRTH and DDEATH."""
        if not self.online:
            self.server = server if self.state is NodeState.UNBORN else self.server
            return self.trouble("unborn", f"{item.kind} on {server} before a birth", server, now)
        if server != self.server:
            return self.trouble(
                "other-server", f"{item.kind} on {server}, born on {self.server}", server, now
            )
        seq = item.message.seq
        if seq is None or seq > 255:
            return self.trouble("seq", f"{item.kind} with seq {seq}", server, now)
        digest = hash((item.kind, item.device, item.data))
        effects: list[Effect] = []
        for ready in self._sequence.take(seq, digest, item, now.mono):
            effects += self._process(ready, now)
        if self._sequence.deadline is not None:
            effects += self.tick(now)
        return effects

    def tick(self, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        deadline = self._sequence.deadline
        if deadline is not None and now.mono >= deadline:
            gap, items = self._sequence.give_up(now.mono)
            effects += self.trouble("seq-gap", gap, self.server, now)
            for item in items:
                effects += self._process(item, now)
        cause = self.requests.due(now.mono)
        if cause is not None:
            effects.append(RebirthWanted(self.edge, self.requests.server, cause))
        return effects

    def deadline(self) -> float | None:
        times = (self._sequence.deadline, self.requests.deadline)
        return min((time for time in times if time is not None), default=None)

    def trouble(self, kind: str, cause: str, server: str, now: Instant) -> list[Effect]:
        """A Problem that only a birth can heal; the request is limited."""
        self.heard_at = now.mono
        self.requests.want(server, cause)
        due = self.requests.due(now.mono)
        problem = Problem(kind, f"{self.edge}: {cause}")
        return [problem] if due is None else [problem, RebirthWanted(self.edge, server, due)]

    def view(self) -> NodeView:
        devices = {name: self.online and device.online for name, device in self.devices.items()}
        at = 0 if self.birth is None else self.birth.at
        return NodeView(self.server, self.bd_seq, self.online, at, devices, self.adopted)

    def births(self) -> list[Birth]:
        """Those that stand: the node's first."""
        if not self.online or self.birth is None:
            return []
        return [self.birth, *(device.birth for device in self.devices.values() if device.online)]

    def has_died(self, device: str | None) -> bool:
        """The node itself (None), or a device of it."""
        if self.state is NodeState.DEAD or device is None:
            return self.state is NodeState.DEAD
        known = self.devices.get(device)
        return self.online and known is not None and not known.online

    # --- inside

    def _step(self, step: _Step) -> bool:
        target = _TRANSITIONS[self.state].get(step)
        if target is None:
            return False
        self.state = target
        return True

    def _is_left_behind(self, server: str, bd_seq: int, sent_at: int) -> bool:
        """Rule 1."""
        return (
            self.online
            and server != self.server
            and bd_seq != NO_BD_SEQ
            and newer(self.bd_seq, bd_seq)
            and sent_at <= self._sent_at
        )

    def _born(self, birth: Birth, payload: Payload, sent_at: int, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for name, device in self.devices.items():
            if device.online:
                device.online = False
                effects.append(DeviceDied(self.edge, name, now.wall, "stale until it is born again"))
        self._step(_Step.BORN)
        self.server, self.bd_seq, self.birth = birth.server, birth.bd_seq, birth
        self.adopted, self._sent_at, self._changed_at = False, sent_at, birth.at
        self.requests.settled()
        metrics, self.declared, problems = declaration(self.edge, payload, sent_at)
        return [
            *effects,
            *problems,
            NodeBorn(self.edge, birth.server, birth.bd_seq, metrics, birth.at, birth),
        ]

    def _silence(self, now: Instant) -> None:
        self._changed_at = now.wall
        self._sequence.restart(None)
        self.requests.settled()
        for device in self.devices.values():
            device.online = False

    def _process(self, item: Numbered, now: Instant) -> list[Effect]:
        if item.kind is MessageType.DBIRTH and item.device is not None:
            birth = Birth(self.edge, item.device, self.server, self.bd_seq, now.wall, item.data)
            return self._device_born(birth, item.message)
        if item.kind is MessageType.DDEATH and item.device is not None:
            return self._device_died(item.device, item.message, now)
        declared = self.declared_for(item.device)
        if declared is None:
            return self.trouble("unborn", f"data of device {item.device} before its birth", self.server, now)
        stamp = sane(item.message.timestamp, now.wall)
        metrics, strangers = item.message.resolved(declared.known, stamp)
        effects: list[Effect] = []
        if declared.has_instances:
            faults: list[str] = []
            metrics = with_members(metrics, declared.templates, stamp, faults)
            if faults:
                effects.append(Problem("template", f"{self.edge}: {', '.join(faults[:5])[:300]}"))
        if metrics:
            effects.append(Values(self.edge, item.device, tuple(metrics), now.wall))
        if strangers:
            cause = f"not in the birth of {item.device or 'the node'}: {str(strangers[:5])[:200]}"
            effects += self.trouble("unknown-metric", cause, self.server, now)
        return effects

    def declared_for(self, device: str | None) -> Declaration | None:
        if device is None:
            return self.declared
        known = self.devices.get(device)
        return known.declared if known is not None and known.online else None

    def _device_born(self, birth: Birth, message: Parsed) -> list[Effect]:
        name = birth.device
        if name is None:
            return []
        if name not in self.devices and len(self.devices) >= MAX_DEVICES:
            return [Problem("too-many", f"{self.edge}: more than {MAX_DEVICES} devices")]
        payload = message.payload()
        sent_at = sane(payload.timestamp, birth.at)
        metrics, declared, problems = declaration(self.edge, payload, sent_at, self.declared)
        self.devices[name] = Device(birth, declared)
        return [*problems, DeviceBorn(self.edge, name, metrics, birth.at, birth)]

    def _device_died(self, name: str, message: Parsed, now: Instant) -> list[Effect]:
        device = self.devices.get(name)
        if device is None or not device.online:
            return []
        device.online, device.died_at = False, now.wall
        return [DeviceDied(self.edge, name, sane(message.timestamp, now.wall))]
