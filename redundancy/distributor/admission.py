"""CONNECT: what a client asks for, and what it is told."""

from __future__ import annotations

from redundancy.distributor.access import Access, User
from redundancy.distributor.limits import Limits
from redundancy.distributor.packets import V5, Connect
from redundancy.distributor.properties import Property, Reason
from redundancy.distributor.sessions import Connection, Session

# A refusal is a reason code and a sentence for the log.
Refusal = tuple[Reason, str]
_NEVER = 0xFFFFFFFF


def early_refusal(connect: Connect, access: Access) -> Refusal | None:
    """What needs no password to be refused."""
    if Property.AUTH_METHOD in connect.properties:
        return Reason.BAD_AUTH_METHOD, "asks for an authentication method that does not exist here"
    if connect.username is None or connect.password is None:
        return Reason.BAD_CREDENTIALS, "came without user name and password"
    if connect.username not in access.users:
        return Reason.BAD_CREDENTIALS, f"unknown user {connect.username!r}"
    return None


def refusal(connect: Connect, user: User, access: Access, holder: Session | None) -> Refusal | None:
    """What a client that has shown its password may still not do. `holder` has the client id now."""
    if not connect.client_id and connect.version != V5 and not connect.clean:
        return Reason.CLIENT_ID_INVALID, "an empty client id needs a clean session"
    fault = access.client_id_fault(user, connect.client_id)
    if fault is not None:
        return Reason.CLIENT_ID_INVALID, fault
    if holder is not None and holder.user.username != user.username:
        return (
            Reason.CLIENT_ID_INVALID,
            f"client id {connect.client_id!r} belongs to user {holder.user.username}, not {user.username}",
        )
    if connect.will is not None and not user.rights.may_write(connect.will.topic):
        return (
            Reason.NOT_AUTHORIZED,
            f"user {user.username} may not write its will's topic {connect.will.topic!r}",
        )
    return None


def expiry(connect: Connect, limits: Limits) -> float:
    """How long the session outlives its connection, in seconds. 3.1.1 knows only ever or not at all."""
    if connect.version == V5:
        return min(float(connect.properties.get(Property.SESSION_EXPIRY, 0)), limits.session_expiry)
    return 0.0 if connect.clean else limits.session_expiry


def open_connection(connection: Connection, connect: Connect, limits: Limits) -> None:
    """Give the connection what the client has asked for."""
    properties = connect.properties
    connection.version = connect.version
    connection.patience = 1.5 * connect.keep_alive
    connection.inflight = min(limits.inflight, properties.get(Property.RECEIVE_MAXIMUM, 65535))
    connection.largest = properties.get(Property.MAXIMUM_PACKET_SIZE, 0)
    connection.parser.limit = limits.packet


def connack_properties(connect: Connect, assigned: str, limits: Limits) -> dict[int, object]:
    """What a 5.0 client must know about this server."""
    told: dict[int, object] = {
        Property.RECEIVE_MAXIMUM: limits.inflight,
        Property.MAXIMUM_PACKET_SIZE: limits.packet,
        Property.TOPIC_ALIAS_MAXIMUM: limits.topic_aliases,
        Property.SUBSCRIPTION_ID_AVAILABLE: 0,
        Property.SHARED_AVAILABLE: 0,
    }
    if assigned:
        told[Property.ASSIGNED_CLIENT_ID] = assigned
    asked = connect.properties.get(Property.SESSION_EXPIRY, 0)
    granted = expiry(connect, limits)
    if granted != asked:
        told[Property.SESSION_EXPIRY] = int(min(granted, _NEVER))
    return told
