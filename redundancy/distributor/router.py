"""From a published message to the sessions that want it, and what is retained for those to come."""

from __future__ import annotations

from typing import NamedTuple

from redundancy.distributor.limits import Limits
from redundancy.distributor.packets import Subscription
from redundancy.distributor.sessions import Message, Session
from redundancy.distributor.topics import Retained, Subscriptions

_CACHED = 10_000
_LONGEST_CACHED = 512


class Route(NamedTuple):
    """One receiver of a topic, its overlapping subscriptions made one (3.3.4).

    `qos` is the highest granted; `own_qos` the highest for what the session published itself, -1 if
    every subscription that matches says No Local.
    """

    session: Session
    qos: int
    own_qos: int
    as_published: bool


class Router:
    """All subscriptions and retained messages."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._subscriptions: Subscriptions[Session, Subscription] = Subscriptions()
        self._retained: Retained[Message] = Retained()
        self._retained_bytes = 0
        self._routes: dict[str, list[Route]] = {}

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """True if the session had no subscription to this very filter."""
        new = subscription.filter not in session.subscriptions
        session.subscriptions[subscription.filter] = subscription
        self._subscriptions.add(subscription.filter, session, subscription)
        self._routes.clear()
        return new

    def unsubscribe(self, session: Session, text: str) -> bool:
        """False if there was no such subscription."""
        if session.subscriptions.pop(text, None) is None:
            return False
        self._subscriptions.remove(text, session)
        self._routes.clear()
        return True

    def forget(self, session: Session) -> None:
        for text in list(session.subscriptions):
            self.unsubscribe(session, text)

    def rights_changed(self) -> None:
        self._routes.clear()

    def publish(self, message: Message, publisher: Session | None, now: float) -> None:
        """To every subscriber once, and into the retained messages if it says so."""
        if message.retain:
            self.retain(message)
        qos = message.qos
        for session, granted, own_qos, as_published in self._routes_of(message.topic):
            if session is publisher:
                granted = own_qos
            if granted >= 0:
                retain = message.retain and as_published
                session.deliver(message, granted if granted < qos else qos, retain, now)

    def replay(self, session: Session, subscription: Subscription, now: float) -> None:
        """Deliver the retained messages of a subscription just made."""
        for message in self._retained.match(subscription.filter):
            if message.expires_at <= now:
                self._discard(message.topic)
            elif session.user.rights.may_read(message.topic):
                session.deliver(message, min(subscription.qos, message.qos), True, now)

    def retained(self, topic: str) -> Message | None:
        return self._retained.get(topic)

    def retain(self, message: Message) -> None:
        """An empty payload clears. Beyond the limits a new topic is passed on but not kept."""
        self._discard(message.topic)
        full = (
            len(self._retained) >= self.limits.retained_messages
            or self._retained_bytes + message.size > self.limits.retained_bytes
        )
        if message.payload and not full:
            self._retained.put(message.topic, message)
            self._retained_bytes += message.size

    def everything_retained(self) -> list[Message]:
        """Except the server's own topics below `$`."""
        return self._retained.match("#")

    def _discard(self, topic: str) -> None:
        known = self._retained.get(topic)
        if known is not None:
            self._retained_bytes -= known.size
            self._retained.drop(topic)

    def _routes_of(self, topic: str) -> list[Route]:
        known = self._routes.get(topic)
        if known is not None:
            return known
        found: dict[Session, Route] = {}
        for session, options in self._subscriptions.match(topic):
            own = -1 if options.no_local else options.qos
            route = Route(session, options.qos, own, options.retain_as_published)
            other = found.get(session)
            found[session] = route if other is None else _merged(route, other)
        routes = [route for route in found.values() if route.session.user.rights.may_read(topic)]
        if len(topic) <= _LONGEST_CACHED:
            if len(self._routes) >= _CACHED:
                self._routes.clear()
            self._routes[topic] = routes
        return routes


def _merged(one: Route, other: Route) -> Route:
    return Route(
        one.session,
        max(one.qos, other.qos),
        max(one.own_qos, other.own_qos),
        one.as_published or other.as_published,
    )
