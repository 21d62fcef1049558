"""What one client, and all of them together, may cost."""

from __future__ import annotations

from dataclasses import dataclass

# Bytes handed to the shell for one client before it must say that they are gone.
WINDOW = 256 * 1024
# Before a client has shown who it is, it may hold this much of the server's memory.
LARGEST_CONNECT = 128 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts, bytes and seconds. A client's waiting messages are bounded by number and bytes.

    When they are full, a new QoS 0 message is dropped; a new QoS 1 or 2 message takes the place of the
    oldest one that waits. Both are counted. A connected client that has lost messages and does not
    empty its queue within `slow_client` seconds is thrown out.
    """

    connections: int = 1000
    sessions: int = 2000
    packet: int = 1024 * 1024
    subscriptions: int = 1000
    queue_messages: int = 10_000
    queue_bytes: int = 8 * 1024 * 1024
    inflight: int = 100
    retained_messages: int = 100_000
    retained_bytes: int = 64 * 1024 * 1024
    topic_aliases: int = 32
    session_expiry: float = 86_400.0
    connect_timeout: float = 5.0
    refusal_delay: float = 1.0
    slow_client: float = 10.0
