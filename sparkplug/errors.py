"""Whose fault it is, as a type.

Local: the caller asked this package for something the protocol forbids. Remote: somebody else sent it.
Sessions never let a remote error out of `receive`; it becomes a `Problem` there.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """Either side broke a rule of Sparkplug."""


class LocalProtocolError(ProtocolError):
    """The caller did; nothing has been sent and nothing has changed."""


class NotBorn(LocalProtocolError):
    """A command for a node, device or metric that has no valid birth."""


class RemoteProtocolError(ProtocolError):
    """Another client did; ignore the message."""


class TopicError(RemoteProtocolError):
    """Not a topic of the spBv1.0 namespace."""


class PayloadError(RemoteProtocolError):
    """Bytes that are not a Sparkplug B payload at all (a single bad metric does not count)."""


class StateError(RemoteProtocolError):
    """A STATE message that is not the JSON of section 4.2.3."""
