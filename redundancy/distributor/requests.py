"""What a client that was let in asks for: PUBLISH, SUBSCRIBE and their kin."""

from __future__ import annotations

from redundancy.distributor import encode
from redundancy.distributor.limits import Limits
from redundancy.distributor.notes import Notes
from redundancy.distributor.packets import (
    V5,
    V311,
    Acknowledgement,
    Kind,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
)
from redundancy.distributor.properties import NOTHING, MalformedPacket, Property, Reason
from redundancy.distributor.router import Router
from redundancy.distributor.sessions import Connection, Message, Session
from redundancy.distributor.statistics import Statistics


class Requests:
    """Answers one packet at a time. Raises MalformedPacket where a connection must end."""

    def __init__(self, router: Router, limits: Limits, statistics: Statistics, notes: Notes) -> None:
        self.limits = limits
        self._router = router
        self._statistics = statistics
        self._notes = notes

    def publish(self, connection: Connection, packet: Publish, now: float) -> None:
        session = connection.session
        assert session is not None
        properties = packet.properties
        if properties and Property.TOPIC_ALIAS in properties:
            self._resolve_alias(connection, packet)
        repeated = packet.qos == 2 and packet.packet_id in session.received
        refused = 0
        if not session.user.rights.may_write(packet.topic):
            refused = Reason.NOT_AUTHORIZED
            self._denied(connection, session, f"write {packet.topic!r}", now)
        elif not repeated:
            self._statistics.published += 1
            plain = None if packet.qos or packet.retain or properties else packet.raw
            message = Message(
                packet.topic, packet.payload, packet.qos, packet.retain, properties,
                now=now, raw=plain if connection.version == V311 else None,
            )  # fmt: skip
            self._router.publish(message, session, now)
        if packet.qos == 1:
            connection.write(encode.acknowledge(Kind.PUBACK, packet.packet_id, connection.version, refused))
        elif packet.qos:
            if not (refused and connection.version == V5):
                session.received.add(packet.packet_id)
            if connection.version == V5 and len(session.received) > self.limits.inflight:
                raise MalformedPacket("more QoS 2 messages than Receive Maximum", Reason.RECEIVE_MAXIMUM)
            connection.write(encode.acknowledge(Kind.PUBREC, packet.packet_id, connection.version, refused))

    def _resolve_alias(self, connection: Connection, packet: Publish) -> None:
        alias = packet.properties[Property.TOPIC_ALIAS]
        if alias > self.limits.topic_aliases:
            raise MalformedPacket(f"topic alias {alias} is too high", Reason.ALIAS_INVALID)
        if packet.topic:
            connection.aliases[alias] = packet.topic
        elif alias in connection.aliases:
            packet.topic = connection.aliases[alias]
        else:
            raise MalformedPacket(f"topic alias {alias} is unknown", Reason.PROTOCOL_ERROR)
        rest = {key: value for key, value in packet.properties.items() if key != Property.TOPIC_ALIAS}
        packet.properties = rest or NOTHING

    def acknowledged(self, connection: Connection, packet: Acknowledgement, now: float) -> None:
        if connection.session is not None:
            connection.session.acknowledged(packet, now)

    def subscribe(self, connection: Connection, packet: Subscribe, now: float) -> None:
        session = connection.session
        assert session is not None
        codes: list[int] = []
        replays = []
        for subscription in packet.subscriptions:
            known = subscription.filter in session.subscriptions
            if subscription.filter.startswith("$share/"):
                codes.append(Reason.NO_SHARED)
            elif not known and len(session.subscriptions) >= self.limits.subscriptions:
                codes.append(Reason.QUOTA)
            elif not session.user.rights.may_subscribe(subscription.filter):
                codes.append(Reason.NOT_AUTHORIZED)
                self._denied(connection, session, f"read {subscription.filter!r}", now)
            else:
                codes.append(subscription.qos)
                self._router.subscribe(session, subscription)
                if subscription.retain_handling == 0 or (subscription.retain_handling == 1 and not known):
                    replays.append(subscription)
        connection.write(encode.suback(packet.packet_id, codes, connection.version))
        for subscription in replays:
            self._router.replay(session, subscription, now)

    def unsubscribe(self, connection: Connection, packet: Unsubscribe, now: float) -> None:  # noqa: ARG002
        session = connection.session
        assert session is not None
        codes = [0 if self._router.unsubscribe(session, text) else 0x11 for text in packet.filters]
        connection.write(encode.unsuback(packet.packet_id, codes, connection.version))

    def ping(self, connection: Connection, packet: Ping, now: float) -> None:  # noqa: ARG002
        connection.write(encode.PINGRESP)

    def _denied(self, connection: Connection, session: Session, what: str, now: float) -> None:
        self._statistics.denied += 1
        who = f"{session.user.username} as {connection.who()}"
        self._notes.add("denied", who, f"user {who} may not {what}", now)
