"""Sparkplug B 3.0 without I/O: bytes in, effects out, time as an argument.

No sockets, no clock, no threads, no framework: usable on its own. `EdgeSession` is one edge node's side of a
connection, `HostSession` a host application over all its servers, `HostPresence` its STATE on one of them.
"""

from sparkplug.birth import Birth
from sparkplug.coercion import coerce
from sparkplug.datatypes import DataType, Scalar
from sparkplug.edge import EdgeSession, EdgeState
from sparkplug.effects import (
    Addressed,
    BirthDue,
    Close,
    Commanded,
    DeviceBorn,
    DeviceDied,
    Effect,
    HostOffline,
    HostSilent,
    NextServerAsked,
    NodeBorn,
    NodeDied,
    NodeStale,
    NodeView,
    Online,
    Problem,
    Publish,
    RebirthWanted,
    Reopen,
    Subscribe,
    Values,
    Will,
)
from sparkplug.errors import (
    LocalProtocolError,
    NotBorn,
    PayloadError,
    ProtocolError,
    RemoteProtocolError,
    StateError,
    TopicError,
)
from sparkplug.host import HostSession
from sparkplug.instant import Instant
from sparkplug.metric import (
    BAD,
    GOOD,
    STALE,
    DataSet,
    MetaData,
    Metric,
    Parameter,
    Payload,
    Properties,
    Property,
    Template,
    Value,
)
from sparkplug.payload import decode, encode
from sparkplug.presence import HostPresence, PresenceState
from sparkplug.state import HostState
from sparkplug.topic import EdgeNodeId, MessageType, Topic, state_host, state_topic

__all__ = [
    "BAD",
    "GOOD",
    "STALE",
    "Addressed",
    "Birth",
    "BirthDue",
    "Close",
    "Commanded",
    "DataSet",
    "DataType",
    "DeviceBorn",
    "DeviceDied",
    "EdgeNodeId",
    "EdgeSession",
    "EdgeState",
    "Effect",
    "HostOffline",
    "HostPresence",
    "HostSession",
    "HostSilent",
    "HostState",
    "Instant",
    "LocalProtocolError",
    "MessageType",
    "MetaData",
    "Metric",
    "NextServerAsked",
    "NodeBorn",
    "NodeDied",
    "NodeStale",
    "NodeView",
    "NotBorn",
    "Online",
    "Parameter",
    "Payload",
    "PayloadError",
    "PresenceState",
    "Problem",
    "Properties",
    "Property",
    "ProtocolError",
    "Publish",
    "RebirthWanted",
    "RemoteProtocolError",
    "Reopen",
    "Scalar",
    "StateError",
    "Subscribe",
    "Template",
    "Topic",
    "TopicError",
    "Value",
    "Values",
    "Will",
    "coerce",
    "decode",
    "encode",
    "state_host",
    "state_topic",
]
