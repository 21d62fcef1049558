"""One edge node's session with a server: birth, numbered changes, death (specification 5.4 to 5.8, 5.17).

Knows one connection at a time and no list of servers. Which server comes next is decided elsewhere.

    CLOSED      no connection. Nothing is sent, nothing is heard.
    CONNECTING  the Will, with this session's bdSeq, is in the CONNECT.
    WAITING     connected and subscribed; no births before the primary host's STATE says online, or at once
                if no primary host is configured.
    ONLINE      NBIRTH and every DBIRTH are out; data flows.

The rules that the table cannot say:

1.  STATE counts if its timestamp is not lower than the highest seen, over all connections: the retained Will
    of a host that was replaced must not send edges away. Online and offline count alike; the first always.
    One that no calendar can hold never counts: it would outrank every true one for good. The STATE of hosts
    before 3.0, where it is believed, has no timestamp, and counts until the real one is heard.
2.  Host offline in WAITING or ONLINE: NDEATH, DISCONNECT, HostOffline. No STATE online in `state_wait`
    seconds: the same with HostSilent. Every deliberate leave begins with an NDEATH, born or not: a host
    compares bdSeq, and the specification makes no exception.
3.  One seq counts over the node and its devices: 0 at every NBIRTH, +1 for each message, 0 after 255.
    bdSeq stays that of the Will through every rebirth.
4.  From BirthDue to `birth()` no data goes out, in ONLINE too: a rebirth request stops data at once.
5.  The first rebirth request is answered at once; others within `rebirth_debounce` of an answer together get
    one answer when it has passed. Data with a metric that is not in the birth asks for a birth the same way.
6.  Anything received that does not fit is a Problem and changes nothing. A metric that cannot be written goes
    out as null with quality BAD: it never takes the others of its message with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from sparkplug.datatypes import DataType
from sparkplug.effects import (
    BirthDue,
    Close,
    Commanded,
    Effect,
    HostOffline,
    HostSilent,
    NextServerAsked,
    Online,
    Problem,
    Publish,
    Subscribe,
    Will,
)
from sparkplug.errors import LocalProtocolError, RemoteProtocolError, StateError
from sparkplug.instant import Instant
from sparkplug.legacy import legacy_online
from sparkplug.metric import BAD, Metric, Payload
from sparkplug.payload import decode, encode
from sparkplug.state import LAST_TIMESTAMP, HostState
from sparkplug.topic import (
    EdgeNodeId,
    MessageType,
    Topic,
    check_id,
    legacy_state_topic,
    state_host,
    state_topic,
)
from sparkplug.vocabulary import BD_SEQ, NEXT_SERVER, REBIRTH, RESERVED, Vocabulary


class EdgeState(StrEnum):
    """Where an EdgeSession stands; the table is at the head of edge.py."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    WAITING = "waiting"
    ONLINE = "online"


class _Step(StrEnum):
    OPEN = "open"
    CONNECTED = "connected"
    BORN = "born"
    ENDED = "ended"


_TRANSITIONS: dict[EdgeState, dict[_Step, EdgeState]] = {
    EdgeState.CLOSED: {_Step.OPEN: EdgeState.CONNECTING},
    EdgeState.CONNECTING: {_Step.CONNECTED: EdgeState.WAITING, _Step.ENDED: EdgeState.CLOSED},
    EdgeState.WAITING: {_Step.BORN: EdgeState.ONLINE, _Step.ENDED: EdgeState.CLOSED},
    EdgeState.ONLINE: {_Step.BORN: EdgeState.ONLINE, _Step.ENDED: EdgeState.CLOSED},
}


class EdgeSession:
    """Sans-I/O: every method takes the time and returns what to do, in order.

    host_id: the primary host, None for none. state_wait, rebirth_debounce: seconds. last_state: the highest
    STATE timestamp ever seen (ms), which the shell keeps over restarts. legacy_state: believe the host's
    plain ONLINE and OFFLINE on STATE/<host id>, too.
    """

    def __init__(
        self,
        edge: EdgeNodeId,
        host_id: str | None,
        *,
        state_wait: float = 3.0,
        rebirth_debounce: float = 5.0,
        use_aliases: bool = False,
        last_state: int = 0,
        legacy_state: bool = False,
    ) -> None:
        self.edge = EdgeNodeId.checked(*edge)
        self.host_id = None if host_id is None else check_id("host id", host_id)
        self.state = EdgeState.CLOSED
        self.last_state = last_state
        self.bd_seq = 0
        self._state_wait = state_wait
        self._debounce = rebirth_debounce
        self._use_aliases = use_aliases
        self._legacy_topic = legacy_state_topic(host_id) if legacy_state and host_id is not None else None
        self._state_heard = False  # the real one, in this connection
        self._vocabulary = Vocabulary(use_aliases)
        self._dead: set[str] = set()
        self._seq = 0
        self._birth_due = False
        self._state_deadline: float | None = None
        self._rebirth_at: float | None = None  # when a debounced request is answered
        self._quiet_until = float("-inf")

    # --- the connection

    def open(self, bd_seq: int, now: Instant) -> Will:
        """Before CONNECT. bd_seq: 0..255, one more than in the last one. LocalProtocolError unless CLOSED."""
        if not 0 <= bd_seq <= 255:
            raise LocalProtocolError(f"bdSeq must be 0 to 255, not {bd_seq}")
        if not self._step(_Step.OPEN):
            raise LocalProtocolError(f"open() while {self.state}")
        self.bd_seq = bd_seq
        self._vocabulary = Vocabulary(self._use_aliases)
        self._birth_due = self._state_heard = False
        self._state_deadline = self._rebirth_at = None
        self._quiet_until = float("-inf")
        return Will(self._topic(MessageType.NDEATH), self._death(now), qos=1, retain=False)

    def connected(self, now: Instant) -> list[Effect]:
        """After CONNACK."""
        if not self._step(_Step.CONNECTED):
            return []
        filters = [(self._topic(MessageType.NCMD), 1), (self._topic(MessageType.DCMD, "+"), 1)]
        if self.host_id is None:
            return [Subscribe(tuple(filters)), *self._ask_for_birth("no primary host to wait for")]
        self._state_deadline = now.mono + self._state_wait
        filters.append((state_topic(self.host_id), 1))
        if self._legacy_topic is not None:
            # After the real one, so that a retained one of those comes first.
            filters.append((self._legacy_topic, 1))
        return [Subscribe(tuple(filters))]

    def disconnected(self, now: Instant) -> list[Effect]:  # noqa: ARG002 - every entry takes the time
        """The connection is gone; the broker sends the Will."""
        self._end()
        return []

    def goodbye(self, now: Instant) -> list[Effect]:
        """A deliberate end. Nothing to do when CLOSED."""
        return self._leave("goodbye", now)

    # --- going out

    def birth(
        self, node: Sequence[Metric], devices: Mapping[str, Sequence[Metric]], now: Instant
    ) -> list[Effect]:
        """The answer to BirthDue, and at any time while ONLINE: everything this node will ever report.

        [] if the connection has meanwhile gone. bdSeq and the Node Control metrics are added here.
        """
        rebirth = self.state is EdgeState.ONLINE
        if not (rebirth or (self.state is EdgeState.WAITING and self._birth_due)):
            return []
        self._step(_Step.BORN)
        self._birth_due, self._rebirth_at = False, None
        self._seq = 0
        self._dead.clear()
        self._vocabulary = Vocabulary(self._use_aliases)
        effects = self._announce(
            None, [*self._controls(now), *(m for m in node if m.name not in RESERVED)], now
        )
        for device, metrics in devices.items():
            effects += self._announce(device, metrics, now)
        return [*effects, Online(rebirth)]

    def device_birth(self, device: str, metrics: Sequence[Metric], now: Instant) -> list[Effect]:
        """A device that came, or came back, while the node is online."""
        return self._announce(device, metrics, now) if self._may_speak() else []

    def data(self, device: str | None, metrics: Sequence[Metric], now: Instant) -> list[Effect]:
        """NDATA or DDATA. No Publish among the effects: nothing was sent (not ONLINE, or births are due)."""
        if not self._may_speak() or not metrics or device in self._dead:
            return []
        if not self._vocabulary.has(device):
            return self._birth_wanted(f"device {device} is not born", now)
        told = self._vocabulary.speak(device, metrics, now.wall)
        effects: list[Effect] = list(told.problems)
        if told.metrics:
            kind = MessageType.NDATA if device is None else MessageType.DDATA
            effects += self._numbered(kind, device, told.metrics, now, datatypes=False)
        if told.strangers:
            effects += self._birth_wanted(f"not in the birth: {', '.join(told.strangers[:5])}", now)
        return effects

    def device_death(self, device: str, now: Instant) -> list[Effect]:
        """DDEATH; later data of the device is dropped until it is born again."""
        if not self._may_speak() or not self._vocabulary.has(device):
            return []
        self._vocabulary.forget(device)
        self._dead.add(device)
        return self._numbered(MessageType.DDEATH, device, [], now)

    # --- coming in

    def receive(self, topic: str, payload: bytes, now: Instant) -> list[Effect]:
        """Any message from the broker. Never raises."""
        if self.state not in (EdgeState.WAITING, EdgeState.ONLINE):
            return []
        host = state_host(topic)
        if host is not None:
            return self._on_state(payload, now) if host == self.host_id else []
        if topic == self._legacy_topic:
            return self._on_legacy_state(payload, now)
        try:
            parsed = Topic.parse(topic)
            if parsed.edge != self.edge or parsed.type not in (MessageType.NCMD, MessageType.DCMD):
                return [Problem("topic", f"not for {self.edge}: {topic[:120]!r}")]
            return self._on_command(parsed.device, decode(payload).metrics, now)
        except RemoteProtocolError as error:
            return [Problem("payload", f"{topic[:120]!r}: {error}")]

    def tick(self, now: Instant) -> list[Effect]:
        """To be called at `deadline()`; harmless at any other time."""
        if self._state_deadline is not None and now.mono >= self._state_deadline:
            why = f"no valid STATE online from {self.host_id} in {self._state_wait:g} s"
            return [*self._leave(why, now), HostSilent(why)]
        if self._rebirth_at is not None and now.mono >= self._rebirth_at:
            self._quiet_until, self._rebirth_at = now.mono + self._debounce, None
            return self._ask_for_birth("rebirth was asked for again")
        return []

    def deadline(self) -> float | None:
        """When to call `tick` (monotonic seconds), None for never."""
        return min((t for t in (self._state_deadline, self._rebirth_at) if t is not None), default=None)

    # --- inside

    def _step(self, step: _Step) -> bool:
        target = _TRANSITIONS[self.state].get(step)
        if target is None:
            return False
        self.state = target
        return True

    def _end(self) -> None:
        self._step(_Step.ENDED)
        self._birth_due = False
        self._state_deadline = self._rebirth_at = None

    def _leave(self, why: str, now: Instant) -> list[Effect]:
        state = self.state
        self._end()
        if state is EdgeState.CLOSED:
            return []
        if state is EdgeState.CONNECTING:
            return [Close(clean=True, why=why)]
        death = Publish(self._topic(MessageType.NDEATH), self._death(now))
        return [death, Close(clean=True, why=why, with_will=True)]

    def _on_state(self, payload: bytes, now: Instant) -> list[Effect]:
        try:
            state = HostState.decode(payload)
        except StateError as error:
            return [Problem("state", f"{self.host_id}: {error}")]
        if state.timestamp < self.last_state:
            return [Problem("state-old", f"{self.host_id}: {state.timestamp} after {self.last_state}")]
        if state.timestamp > LAST_TIMESTAMP:
            return [Problem("state", f"{self.host_id}: {state.timestamp} is no time")]
        self.last_state, self._state_heard = state.timestamp, True
        return self._follow_host(state.online, now)

    def _on_legacy_state(self, payload: bytes, now: Instant) -> list[Effect]:
        if self._state_heard:
            return []
        try:
            return self._follow_host(legacy_online(payload), now)
        except StateError as error:
            return [Problem("state", f"{self.host_id}: {error}")]

    def _follow_host(self, online: bool, now: Instant) -> list[Effect]:
        if not online:
            why = f"{self.host_id} is offline"
            return [*self._leave(why, now), HostOffline(why)]
        if self.state is EdgeState.ONLINE or self._birth_due:
            return []
        self._state_deadline = None
        return self._ask_for_birth(f"{self.host_id} is online")

    def _on_command(self, device: str | None, metrics: Sequence[Metric], now: Instant) -> list[Effect]:
        if self.state is not EdgeState.ONLINE or not self._vocabulary.has(device):
            return [Problem("command", f"a command for {device or self.edge}, which is not born")]
        heard = self._vocabulary.understand(device, metrics)
        effects: list[Effect] = list(heard.problems)
        if heard.strangers:
            effects.append(Problem("command", f"not in the birth: {', '.join(heard.strangers[:5])}"))
        wanted = []
        for metric in heard.metrics:
            if device is not None or metric.name not in RESERVED:
                wanted.append(metric)
            elif metric.value is True:
                effects += self._on_control(metric.name, now)
        if wanted:
            effects.append(Commanded(device, tuple(wanted)))
        return effects

    def _on_control(self, name: str | None, now: Instant) -> list[Effect]:
        if name == REBIRTH:
            return self._birth_wanted("rebirth was asked for", now)
        return [NextServerAsked()]

    def _birth_wanted(self, reason: str, now: Instant) -> list[Effect]:
        """Rule 5. Nothing new if births are due already: they will answer this, too."""
        if self._birth_due:
            return []
        if now.mono < self._quiet_until:
            self._rebirth_at = self._quiet_until
            return []
        self._quiet_until = now.mono + self._debounce
        return self._ask_for_birth(reason)

    def _ask_for_birth(self, reason: str) -> list[Effect]:
        self._birth_due = True
        return [BirthDue(reason)]

    def _may_speak(self) -> bool:
        return self.state is EdgeState.ONLINE and not self._birth_due

    def _controls(self, now: Instant) -> list[Metric]:
        return [
            self._bd_seq_metric(now),
            Metric(REBIRTH, DataType.Boolean, False, now.wall),
            Metric(NEXT_SERVER, DataType.Boolean, False, now.wall),
        ]

    def _announce(self, device: str | None, metrics: Sequence[Metric], now: Instant) -> list[Effect]:
        try:
            if device is not None:
                check_id("device id", device)
        except LocalProtocolError as error:
            return [Problem("birth", str(error))]
        told = self._vocabulary.declare(device, metrics, now.wall)
        if device is not None:
            self._dead.discard(device)
        kind = MessageType.NBIRTH if device is None else MessageType.DBIRTH
        return [*told.problems, *self._numbered(kind, device, told.metrics, now)]

    def _numbered(
        self,
        kind: MessageType,
        device: str | None,
        metrics: Sequence[Metric],
        now: Instant,
        datatypes: bool = True,
    ) -> list[Effect]:
        problems: list[Effect] = []
        try:
            payload = encode(Payload(now.wall, tuple(metrics), self._seq), datatypes=datatypes)
        except LocalProtocolError:
            metrics = [_writable(metric, problems) for metric in metrics]
            payload = encode(Payload(now.wall, tuple(metrics), self._seq), datatypes=datatypes)
        self._seq = (self._seq + 1) % 256
        return [*problems, Publish(self._topic(kind, device), payload)]

    def _death(self, now: Instant) -> bytes:
        return encode(Payload(now.wall, (self._bd_seq_metric(now),)))

    def _bd_seq_metric(self, now: Instant) -> Metric:
        return Metric(BD_SEQ, DataType.Int64, self.bd_seq, now.wall)

    def _topic(self, kind: MessageType, device: str | None = None) -> str:
        return str(Topic(kind, self.edge, device))


def _writable(metric: Metric, problems: list[Effect]) -> Metric:
    """As it is if the codec takes it, else with its name, datatype, alias and timestamp only."""
    try:
        encode(Payload(None, (metric,)))
    except LocalProtocolError as error:
        problems.append(Problem("value", str(error)))
        return Metric(metric.name, metric.datatype, None, metric.timestamp, metric.alias, quality=BAD)
    return metric
