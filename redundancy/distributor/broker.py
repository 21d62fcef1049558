"""The server without I/O: bytes and time in, bytes and orders out.

`handle(event, now)` never raises, whatever a client sends; `deadline()` says when a Tick is due at the
latest. Times are seconds of a clock that never goes back and counts suspended time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redundancy.distributor import admission, encode
from redundancy.distributor.access import Access
from redundancy.distributor.events import (
    Close,
    Connected,
    Drained,
    Effect,
    Event,
    Lost,
    Note,
    Received,
    Reconfigured,
    Send,
    Stop,
    Tick,
    Verified,
    Verify,
)
from redundancy.distributor.limits import LARGEST_CONNECT, WINDOW, Limits
from redundancy.distributor.notes import Notes
from redundancy.distributor.packets import (
    V311,
    Acknowledgement,
    Connect,
    Disconnect,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
)
from redundancy.distributor.properties import MalformedPacket, Property, Reason
from redundancy.distributor.requests import Requests
from redundancy.distributor.router import Router
from redundancy.distributor.sessions import Connection, Message, Session, Stage
from redundancy.distributor.statistics import STATUS_PERIOD, Statistics
from redundancy.distributor.timers import Timers


class Broker:
    """All connections and sessions of one MQTT server.

    `lease`: after standing still for longer than this many seconds the sessions of fenced client ids
    are dropped before anything is read. `seed` makes assigned client ids differ between runs.
    """

    def __init__(
        self, access: Access, limits: Limits, *, now: float, lease: float = 2.0, seed: str = "0"
    ) -> None:
        self.access = access
        self.limits = limits
        self.lease = lease
        self.sessions: dict[str, Session] = {}
        self.connections: dict[int, Connection] = {}
        self.statistics = Statistics()
        self._seed = seed
        self._assigned = 0
        self.router = Router(limits)
        self.timers: Timers[tuple[str, Any]] = Timers()
        self._dirty: list[Connection] = []
        self._effects: list[Effect] = []
        self._notes = Notes()
        self._alive = now
        requests = self._requests = Requests(self.router, limits, self.statistics, self._notes)
        self._events: dict[type, Callable[[Any, float], None]] = {
            Connected: self._connected, Received: self._received, Lost: self._lost, Drained: self._drained,
            Verified: self._verified, Tick: self._tick, Reconfigured: self._reconfigured, Stop: self._stop,
        }  # fmt: skip
        self._packets: dict[type, Callable[[Connection, Any, float], None]] = {
            Connect: self._on_connect, Publish: requests.publish, Acknowledgement: requests.acknowledged,
            Subscribe: requests.subscribe, Unsubscribe: requests.unsubscribe, Ping: requests.ping,
            Disconnect: self._on_disconnect,
        }  # fmt: skip
        self._due: dict[str, Callable[[Any, float], None]] = {
            "connect": self._connect_is_late, "refuse": self._refuse_now, "silent": self._is_silent,
            "slow": self._is_slow, "will": self._will_is_due, "expire": self._session_expires,
            "status": self._publish_status, "beat": self._beat,
        }  # fmt: skip
        self.timers.set(("status", None), now)
        self._beat(None, now)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What to do about the event, in this order."""
        self._effects = []
        if now - self._alive > self.lease / 2:
            self._stood_still(now)
        self._alive = now
        self._events[type(event)](event, now)
        if now >= self.timers.next():
            for kind, key in self.timers.expired(now):
                self._due[kind](key, now)
        self._flush(now)
        return self._effects

    def deadline(self) -> float:
        return self.timers.next()

    # --- sockets

    def _connected(self, event: Connected, now: float) -> None:
        if len(self.connections) >= self.limits.connections:
            self._notes.add("full", "", f"refused more than {len(self.connections)} connections", now)
            self._effects.append(Close(event.connection, "too many connections"))
            return
        connection = Connection(event.connection, event.address, self._dirty)
        self.connections[event.connection] = connection
        self.timers.set(("connect", event.connection), now + self.limits.connect_timeout)

    def _received(self, event: Received, now: float) -> None:
        connection = self.connections.get(event.connection)
        if connection is None or connection.stage is Stage.REFUSED:
            return
        if connection.patience:
            self.timers.set(("silent", connection.id), now + connection.patience)
        connection.parser.append(event.data)
        if connection.stage is Stage.VERIFYING and connection.parser.waiting > LARGEST_CONNECT:
            self._close(connection, Reason.PACKET_TOO_LARGE, "sends too much before CONNACK", now)
            return
        self._read(connection, now)

    def _read(self, connection: Connection, now: float) -> None:
        """Every whole packet that is there; none before the password is checked."""
        while connection.stage is Stage.OPEN or connection.stage is Stage.FRESH:
            try:
                packet = connection.parser.next()
                if packet is None:
                    return
                self.statistics.received += 1
                self._packets[type(packet)](connection, packet, now)
            except MalformedPacket as error:
                self.statistics.malformed += 1
                if error.reason is Reason.UNSUPPORTED_VERSION and connection.stage is Stage.FRESH:
                    connection.write(encode.connack(V311, False, error.reason))
                self._close(connection, error.reason, str(error), now)

    def _drained(self, event: Drained, now: float) -> None:
        connection = self.connections.get(event.connection)
        if connection is not None:
            connection.unsent = sum(map(len, connection.chunks))
            connection.congested = False
            if connection.session is not None:
                connection.session.pump(now)

    def _lost(self, event: Lost, now: float) -> None:
        connection = self.connections.get(event.connection)
        if connection is not None:
            self._close(connection, Reason.UNSPECIFIED, event.why, now)

    def _flush(self, now: float) -> None:
        """One Send per connection, however many packets; a Will may add more while we go."""
        for connection in self._dirty:
            if connection.stage is Stage.CLOSED:
                continue
            if connection.chunks:
                self._send(connection)
            if connection.unsent > 2 * WINDOW + self.limits.packet:
                self.statistics.slow += 1
                self._close(connection, Reason.QUOTA, "asks but never reads the answers", now)
            session = connection.session
            if session is not None and session.losing_since is not None:
                self.timers.set(("slow", session.client_id), session.losing_since + self.limits.slow_client)
        self._dirty.clear()
        self._effects.extend(map(Note, self._notes.take()))

    def _send(self, connection: Connection) -> None:
        chunks = connection.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        connection.chunks = []
        self._effects.append(Send(connection.id, data, connection.congested))

    # --- CONNECT

    def _on_connect(self, connection: Connection, packet: Connect, now: float) -> None:
        connection.connect, connection.version = packet, packet.version
        refusal = admission.early_refusal(packet, self.access)
        if refusal is not None:
            self._refuse(connection, refusal, now)
            return
        assert packet.username is not None
        assert packet.password is not None
        connection.stage = Stage.VERIFYING
        connection.checked = self.access.users[packet.username]
        self._effects.append(Verify(connection.id, connection.checked.password_hash, packet.password))

    def _verified(self, event: Verified, now: float) -> None:
        connection = self.connections.get(event.connection)
        if connection is None or connection.connect is None or connection.stage is not Stage.VERIFYING:
            return
        user, checked = self.access.users.get(connection.connect.username or ""), connection.checked
        holder = self.sessions.get(connection.connect.client_id)
        refusal: admission.Refusal | None
        if not event.right or user is None or checked is None or user.password_hash != checked.password_hash:
            refusal = Reason.BAD_CREDENTIALS, f"wrong password for user {connection.connect.username!r}"
        elif holder is None and len(self.sessions) >= self.limits.sessions:
            refusal = Reason.QUOTA, f"{len(self.sessions)} sessions are the limit"
        else:
            refusal = admission.refusal(connection.connect, user, self.access, holder)
        if refusal is not None:
            self._refuse(connection, refusal, now)
            return
        self._admit(connection, connection.connect, now)
        self._read(connection, now)

    def _refuse(self, connection: Connection, refusal: admission.Refusal, now: float) -> None:
        """Not at once: whoever guesses passwords shall wait, and can't tell a wrong name by the time."""
        connection.stage = Stage.REFUSED
        connection.refusal = refusal
        self.statistics.refused += 1
        self._notes.add("refused", connection.who(), f"refused {connection.who()}: {refusal[1]}", now)
        self.timers.cancel(("connect", connection.id))
        self.timers.set(("refuse", connection.id), now + self.limits.refusal_delay)

    def _refuse_now(self, key: int, now: float) -> None:
        connection = self.connections.get(key)
        if connection is not None and connection.refusal is not None:
            connection.write(encode.connack(connection.version, False, connection.refusal[0]))
            self._close(connection, *connection.refusal, now)

    def _connect_is_late(self, key: int, now: float) -> None:
        connection = self.connections.get(key)
        if connection is not None and connection.stage in (Stage.FRESH, Stage.VERIFYING):
            self._close(connection, Reason.PROTOCOL_ERROR, "no CONNECT in time", now)

    def _admit(self, connection: Connection, connect: Connect, now: float) -> None:
        assigned = ""
        if not connect.client_id:
            self._assigned += 1
            assigned = connect.client_id = f"auto-{self._seed}-{self._assigned}"
        holder = self.sessions.get(connect.client_id)
        if holder is not None and holder.connection is not None:
            self._close(holder.connection, Reason.TAKEN_OVER, "the client id was taken over", now)
            holder = self.sessions.get(connect.client_id)
        if holder is not None and connect.clean:
            self._forget(holder, now)
            holder = None
        user = self.access.users[connect.username or ""]
        session = holder or Session(connect.client_id, user, self.limits)
        session.user, session.will = user, connect.will
        session.expiry = admission.expiry(connect, self.limits)
        self.sessions[connect.client_id] = session
        connection.session = session
        connection.stage = Stage.OPEN
        admission.open_connection(connection, connect, self.limits)
        told = admission.connack_properties(connect, assigned, self.limits)
        connection.write(encode.connack(connect.version, holder is not None, Reason.SUCCESS, told))
        self._restart_timers(connection, session, now)
        session.attach(connection, now)

    def _restart_timers(self, connection: Connection, session: Session, now: float) -> None:
        for key in (("connect", connection.id), ("expire", session.client_id), ("will", session.client_id)):
            self.timers.cancel(key)
        if connection.patience:
            self.timers.set(("silent", connection.id), now + connection.patience)

    def _on_disconnect(self, connection: Connection, packet: Disconnect, now: float) -> None:
        """Only a normal disconnection forgets the Will (5.0: 3.14.2.1)."""
        session = connection.session
        assert session is not None
        if Property.SESSION_EXPIRY in packet.properties:
            asked = packet.properties[Property.SESSION_EXPIRY]
            if asked and not session.expiry:
                raise MalformedPacket("a session that ends cannot be prolonged", Reason.PROTOCOL_ERROR)
            session.expiry = min(float(asked), self.limits.session_expiry)
        if packet.reason == Reason.SUCCESS:
            session.will = None
        self._close(connection, Reason.SUCCESS, "disconnected", now)

    # --- endings

    def _close(self, connection: Connection, reason: Reason, why: str, now: float) -> None:
        """End the connection from our side; the session's Will and expiry follow from it."""
        if connection.stage is Stage.CLOSED:
            return
        if connection.stage is Stage.OPEN and reason >= Reason.UNSPECIFIED:
            if reason is not Reason.SHUTTING_DOWN:
                self._notes.add("closed", connection.who(), f"closed {connection.who()}: {why}", now)
            connection.say_goodbye(reason, why)
        if connection.chunks:
            self._send(connection)
        connection.stage = Stage.CLOSED
        self._effects.append(Close(connection.id, why))
        del self.connections[connection.id]
        for kind in ("connect", "refuse", "silent"):
            self.timers.cancel((kind, connection.id))
        session, connection.session = connection.session, None
        if session is not None and session.connection is connection:
            self._leave(session, now)

    def _leave(self, session: Session, now: float) -> None:
        """The session has lost its connection."""
        session.detach()
        self.timers.cancel(("slow", session.client_id))
        if session.will is not None:
            delay = min(session.will.properties.get(Property.WILL_DELAY, 0), session.expiry)
            if delay > 0:
                self.timers.set(("will", session.client_id), now + delay)
            else:
                self._publish_will(session, now)
        if session.expiry > 0:
            self.timers.set(("expire", session.client_id), now + session.expiry)
        else:
            self._forget(session, now)

    def _forget(self, session: Session, now: float) -> None:
        """The session ends; a Will that was still delayed is due with it."""
        self._publish_will(session, now)
        self.router.forget(session)
        self.statistics.dropped += session.dropped
        self.sessions.pop(session.client_id, None)
        for kind in ("will", "expire", "slow"):
            self.timers.cancel((kind, session.client_id))

    def _publish_will(self, session: Session, now: float) -> None:
        will = session.take_will()
        if will is not None and session.user.rights.may_write(will.topic):
            self.router.publish(Message.of(will, now), None, now)

    # --- time

    def _tick(self, event: Tick, now: float) -> None:
        """The deadlines are looked at after every event anyway."""

    def _beat(self, key: None, now: float) -> None:  # noqa: ARG002
        """Often enough that a longer silence can only mean that the process stood still."""
        self.timers.set(("beat", None), now + self.lease / 4)

    def _stood_still(self, now: float) -> None:
        """We were deaf, so nobody's silence counts; and a fenced client may have been replaced."""
        for connection in list(self.connections.values()):
            client_id = connection.connect.client_id if connection.connect is not None else ""
            if now - self._alive > self.lease and client_id and self.access.fenced.match(client_id):
                self.statistics.fenced += 1
                self._close(connection, Reason.ADMINISTRATIVE, "the broker stood still too long", now)
            elif connection.patience:
                self.timers.set(("silent", connection.id), now + connection.patience)
            elif connection.stage is Stage.FRESH:
                self.timers.set(("connect", connection.id), now + self.limits.connect_timeout)

    def _is_silent(self, key: int, now: float) -> None:
        connection = self.connections.get(key)
        if connection is not None:
            self._close(connection, Reason.KEEP_ALIVE, "silent for 1.5 times its keep-alive", now)

    def _is_slow(self, client_id: str, now: float) -> None:
        session = self.sessions.get(client_id)
        if session is None or session.connection is None or session.losing_since is None:
            return
        if now < session.losing_since + self.limits.slow_client:
            self.timers.set(("slow", client_id), session.losing_since + self.limits.slow_client)
            return
        self.statistics.slow += 1
        self._close(session.connection, Reason.QUOTA, "too slow, messages were lost", now)

    def _will_is_due(self, client_id: str, now: float) -> None:
        if client_id in self.sessions:
            self._publish_will(self.sessions[client_id], now)

    def _session_expires(self, client_id: str, now: float) -> None:
        if client_id in self.sessions:
            self._forget(self.sessions[client_id], now)

    def _publish_status(self, key: None, now: float) -> None:  # noqa: ARG002
        """Under $SYS, retained, and only what has changed."""
        self.timers.set(("status", None), now + STATUS_PERIOD)
        for topic, payload in self.statistics.changed(self.sessions.values()):
            self.router.publish(Message(topic, payload, 0, True), None, now)

    def _reconfigured(self, event: Reconfigured, now: float) -> None:
        """Users and rights change under the sessions; who is no longer who they were must go."""
        self.access, self.limits, self.lease = event.access, event.limits, event.lease
        self.router.limits = self._requests.limits = event.limits
        for session in list(self.sessions.values()):
            user = self.access.today(session.user, session.client_id)
            changed = user is None or user.password_hash != session.user.password_hash
            if changed and session.connection is not None:
                self._close(session.connection, Reason.NOT_AUTHORIZED, "the user's account changed", now)
            if user is None and session.client_id in self.sessions:
                self._forget(session, now)
            elif user is not None:
                session.user, session.limits = user, event.limits
        self.router.rights_changed()

    def _stop(self, event: Stop, now: float) -> None:  # noqa: ARG002
        """Everybody goes, and only then speak the Wills: to kept sessions, and to what is retained."""
        wills = [(session, session.take_will()) for session in self.sessions.values()]
        for connection in list(self.connections.values()):
            self._close(connection, Reason.SHUTTING_DOWN, "the server shuts down", now)
        for session, will in wills:
            session.will = will
            self._publish_will(session, now)
