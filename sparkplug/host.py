"""A host application over all its servers: which edge nodes are alive, where, and what they say.

Knows servers by name only; the connections are the shell's. It listens and keeps the count of each edge
node (node_session.py); its own STATE is presence.py's business. It publishes nothing by itself: RebirthWanted
is a fact, since of a redundant pair both listen and only one may speak.

Rules:

1.  Only edge nodes' messages mean anything here. NCMD, DCMD and STATE are hosts' messages, our own included:
    they are ignored. (The own STATE's timestamps are noted, for the next session to be above them.)
2.  What cannot be understood becomes a Problem, and a RebirthWanted where only a birth can help.
3.  A lost server makes every node that is known through it stale. When it is back, their births are asked for
    after SETTLE seconds, so that the subscription is in place when they come.
4.  A birth that only the peer has received counts as ours if its server is connected. If not, it sleeps,
    and the first message of the edge node on that server wakes it up.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparkplug.birth import Birth
from sparkplug.coercion import coerce
from sparkplug.datatypes import DataType
from sparkplug.declaration import Declaration
from sparkplug.effects import Addressed, Effect, NodeView, Problem, Publish, RebirthWanted, Subscribe
from sparkplug.errors import LocalProtocolError, NotBorn, PayloadError, StateError, TopicError
from sparkplug.instant import Instant
from sparkplug.metric import Metric, Payload, Value
from sparkplug.node_session import NodeSession, NodeState, Numbered
from sparkplug.payload import Parsed, encode
from sparkplug.state import HostState
from sparkplug.templates import Report
from sparkplug.topic import EVERYTHING, EdgeNodeId, MessageType, Topic, check_id, state_host
from sparkplug.vocabulary import REBIRTH

# Somebody who makes up edge nodes must not fill the memory. When it is full, the node that was heard of first
# and never born makes room, so that made-up ones keep no real one out.
MAX_NODES = 10_000
# Seconds after which a node that was heard of and never born is no longer asked for.
FORGET_UNBORN = 600.0
SETTLE = 0.5
_COMMANDS = frozenset({MessageType.NCMD, MessageType.DCMD})


class HostSession:
    """Sans-I/O. reorder_timeout: how long a gap in seq may last (s). rebirth_interval: the least time between
    two requests to one node (s).
    """

    def __init__(self, host_id: str, *, reorder_timeout: float = 2.0, rebirth_interval: float = 5.0) -> None:
        self.host_id = check_id("host id", host_id)
        self.highest_state = 0  # of all STATE messages with our host id, on any server (ms UTC)
        self._reorder_timeout = reorder_timeout
        self._rebirth_interval = rebirth_interval
        self._servers: set[str] = set()
        self._nodes: dict[EdgeNodeId, NodeSession] = {}
        self._unborn: dict[EdgeNodeId, None] = {}
        self._timed: set[EdgeNodeId] = set()  # the nodes that have a deadline: nearly always none
        self._asleep: dict[EdgeNodeId, dict[str | None, Birth]] = {}

    # --- the connections

    def connected(self, server: str, now: Instant) -> list[Effect]:
        """The Subscribe is for this server. Also right for a server that never was disconnected."""
        self._servers.add(server)
        for node in self._nodes.values():
            if node.server == server and node.state is NodeState.STALE:
                node.requests.want(server, f"{server} is back", now.mono + SETTLE)
                self._timed.add(node.edge)
        return [Subscribe(((EVERYTHING, 1),))]

    def disconnected(self, server: str, now: Instant) -> list[Effect]:
        """The connection is gone: what is known through it is stale from now on (specification 5.10)."""
        if server not in self._servers:
            return []
        self._servers.discard(server)
        effects: list[Effect] = []
        for node in self._nodes.values():
            effects += node.on_server_lost(server, f"the connection to {server} is lost", now)
        return effects

    def receive(self, server: str, topic: str, payload: bytes, now: Instant) -> list[Effect]:
        """Any message. Never raises. Messages of a server that is not connected are late, and dropped."""
        if server not in self._servers:
            return []
        host = state_host(topic)
        if host is not None:
            if host == self.host_id:
                self._note_state(payload)
            return []
        try:
            parsed = Topic.parse(topic)
        except TopicError as error:
            return [Problem("topic", str(error))]
        return [] if parsed.type in _COMMANDS else self._on_edge(server, parsed, payload, now)

    # --- the clock

    def tick(self, now: Instant) -> list[Effect]:
        """To be called at `deadline()`; harmless at any other time."""
        effects: list[Effect] = []
        for edge in sorted(self._timed):
            node = self._nodes[edge]
            if node.state is NodeState.UNBORN and now.mono > node.heard_at + FORGET_UNBORN:
                self._forget(edge)
                continue
            effects += node.tick(now)
            self._time(node)
        return effects

    def deadline(self) -> float | None:
        """When to call `tick` (monotonic seconds), None for never."""
        times = (self._nodes[edge].deadline() for edge in self._timed)
        return min((time for time in times if time is not None), default=None)

    # --- the peer

    def adopt(self, birth: Birth, now: Instant) -> list[Effect]:
        """A birth that the peer has received. Nothing happens if it is no news; node before devices."""
        if birth.server not in self._servers:
            self._put_to_sleep(birth)
            return []
        try:
            message = Parsed(birth.payload)
        except PayloadError as error:
            return [Problem("payload", f"{birth.edge}: the peer's birth: {error}")]
        node = self._node(birth.edge, birth.server)
        if node is None:
            return [Problem("too-many", f"more than {MAX_NODES} edge nodes")]
        if birth.device is not None:
            effects = node.adopt_device(birth, message)
        else:
            effects = node.adopt(birth, message, now) if node.may_adopt(birth) else []
        self._time(node)
        return effects

    def out_of_sight(self, edge: EdgeNodeId, why: str, now: Instant) -> list[Effect]:
        """It is stale until it is born, or adopted, again."""
        node = self._nodes.get(edge)
        return [] if node is None else node.on_server_lost(node.server, why, now)

    def births(self) -> list[Birth]:
        """Every birth that stands, each node's before its devices'."""
        return [birth for node in self._nodes.values() for birth in node.births()]

    def has_died(self, edge: EdgeNodeId, device: str | None) -> bool:
        """Whether it said goodbye, or the broker did: not if it is merely out of sight, or never was seen."""
        node = self._nodes.get(edge)
        return node is not None and node.has_died(device)

    # --- what is asked of it

    def node(self, edge: EdgeNodeId) -> NodeView | None:
        """None if it was never born."""
        node = self._nodes.get(edge)
        return None if node is None or node.state is NodeState.UNBORN else node.view()

    def nodes(self) -> list[EdgeNodeId]:
        """Every edge node that was ever born here."""
        return [edge for edge, node in self._nodes.items() if node.state is not NodeState.UNBORN]

    def wanted(self) -> list[RebirthWanted]:
        """The births still missing: for a host that takes over, what the one before it had not got."""
        return [
            RebirthWanted(node.edge, node.requests.server, node.requests.cause)
            for node in self._nodes.values()
            if node.requests.cause is not None
        ]

    def command(
        self, edge: EdgeNodeId, device: str | None, metrics: Sequence[Metric], now: Instant
    ) -> Addressed:
        """NCMD or DCMD (specification 5.17). Metrics by name; datatype and alias are the birth's. To write
        members of a template instance, give an instance with just these.

        Raises NotBorn for a node, device, metric or member without a valid birth, LocalProtocolError for a
        value that the datatype cannot hold.
        """
        fitting = self.fit(edge, device, metrics, now)
        node = self._nodes[edge]
        declared = node.declared_for(device) or Declaration()
        written = []
        for metric in fitting:
            alias = declared.aliases.get(metric.name or "")
            written.append(metric if alias is None else metric._replace(name=None, alias=alias))
        kind = MessageType.NCMD if device is None else MessageType.DCMD
        return self._addressed(node.server, Topic(kind, edge, device), written, now)

    def fit(
        self, edge: EdgeNodeId, device: str | None, metrics: Sequence[Metric], now: Instant
    ) -> tuple[Metric, ...]:
        """The metrics as `command` sends them and as the echo will have them. Raises what `command` does."""
        node = self._nodes.get(edge)
        declared = node.declared_for(device) if node is not None and node.online else None
        if declared is None:
            raise NotBorn(f"{edge if device is None else f'{edge}/{device}'} is not online")
        fitting = []
        for metric in metrics:
            word = declared.known.get(metric.name or "")
            if word is None:
                raise NotBorn(f"{metric.name!r} is not in the birth of {device or edge}")
            name, datatype, _ = word
            value = _fitting(name, datatype, metric.value, declared, now)
            fitting.append(Metric(name, datatype, value, now.wall))
        return tuple(fitting)

    def rebirth(self, edge: EdgeNodeId, now: Instant) -> Addressed:
        """The request for all births, to where the node was last heard. NotBorn if it never was."""
        node = self._nodes.get(edge)
        if node is None:
            raise NotBorn(f"{edge} was never heard")
        server = node.requests.server if node.requests.cause is not None else node.server
        wish = Metric(REBIRTH, DataType.Boolean, True, now.wall)
        return self._addressed(server, Topic(MessageType.NCMD, edge), [wish], now)

    # --- inside

    def _on_edge(self, server: str, topic: Topic, data: bytes, now: Instant) -> list[Effect]:
        node = self._node(topic.edge, server)
        if node is None:
            return [Problem("too-many", f"more than {MAX_NODES} edge nodes")]
        try:
            message = Parsed(data)
        except PayloadError as error:
            effects = self._on_garbage(node, server, topic, error, now)
        else:
            effects = self._on_message(node, server, topic, message, data, now)
        self._time(node)
        return effects

    def _on_garbage(
        self, node: NodeSession, server: str, topic: Topic, error: PayloadError, now: Instant
    ) -> list[Effect]:
        if topic.type is MessageType.NDEATH:
            return [Problem("payload", f"{topic}: {error}")]
        return node.trouble("payload", f"{topic.type}: {error}", server, now)

    def _on_message(
        self, node: NodeSession, server: str, topic: Topic, message: Parsed, data: bytes, now: Instant
    ) -> list[Effect]:
        if topic.type is MessageType.NBIRTH:
            self._asleep.pop(topic.edge, None)
            return node.on_birth(server, message, data, now)
        if topic.type is MessageType.NDEATH:
            self._asleep.pop(topic.edge, None)
            return node.on_death(server, message.payload(), now)
        effects = [] if node.online else self._wake(topic.edge, server, now)
        return [*effects, *node.on_numbered(server, Numbered(topic.type, topic.device, message, data), now)]

    def _node(self, edge: EdgeNodeId, server: str) -> NodeSession | None:
        """None if there are too many."""
        node = self._nodes.get(edge)
        if node is not None:
            return node
        if len(self._nodes) >= MAX_NODES:
            if not self._unborn:
                return None
            self._forget(next(iter(self._unborn)))
        node = self._nodes[edge] = NodeSession(edge, server, self._reorder_timeout, self._rebirth_interval)
        self._unborn[edge] = None
        return node

    def _forget(self, edge: EdgeNodeId) -> None:
        del self._nodes[edge], self._unborn[edge]
        self._timed.discard(edge)

    def _time(self, node: NodeSession) -> None:
        if node.state is not NodeState.UNBORN:
            self._unborn.pop(node.edge, None)
        if node.deadline() is None:
            self._timed.discard(node.edge)
        else:
            self._timed.add(node.edge)

    def _put_to_sleep(self, birth: Birth) -> None:
        if birth.device is None:
            if birth.edge in self._asleep or len(self._asleep) < MAX_NODES:
                self._asleep[birth.edge] = {None: birth}
            return
        births = self._asleep.get(birth.edge)
        if births is not None and (births[None].server, births[None].bd_seq) == (birth.server, birth.bd_seq):
            births[birth.device] = birth

    def _wake(self, edge: EdgeNodeId, server: str, now: Instant) -> list[Effect]:
        births = self._asleep.get(edge)
        if births is None or births[None].server != server:
            return []
        del self._asleep[edge]
        effects: list[Effect] = []
        for birth in births.values():
            effects += self.adopt(birth, now)
        # Nobody may have listened since: good enough to understand it by, until it says so itself.
        self._nodes[edge].requests.want(server, "its birth is known from the record only", now.mono + SETTLE)
        return effects

    def _note_state(self, payload: bytes) -> None:
        try:
            self.highest_state = max(self.highest_state, HostState.decode(payload).timestamp)
        except StateError:
            # HostPresence answers for it.
            return

    def _addressed(self, server: str, topic: Topic, metrics: Sequence[Metric], now: Instant) -> Addressed:
        return Addressed(server, Publish(str(topic), encode(Payload(now.wall, tuple(metrics)))))


def _fitting(name: str, datatype: DataType, value: object, declared: Declaration, now: Instant) -> Value:
    try:
        if datatype is not DataType.Template or value is None:
            return coerce(datatype, value)
        report = Report()
        instance = declared.templates.fitted(name, value, now.wall, report, whole=False)
    except ValueError as error:
        raise LocalProtocolError(f"{name}: {error}") from error
    if report.strangers:
        raise NotBorn(f"{', '.join(report.strangers[:5])} not in the template")
    if report.faults:
        raise LocalProtocolError("; ".join(report.faults[:5]))
    return instance
