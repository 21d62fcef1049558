"""What a publisher or a receiver is told: frozen values, and how their processes end."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path

from redundancy.config import ConfigError, Server
from redundancy.distributor.topics import filter_fault, name_fault
from redundancy.mqtt.packets import V5
from redundancy.relay.outbox import Bounds
from redundancy.relay.pump import PumpSettings

RECEIPTS = "relay/receipts"
_LONGEST_TOPIC = 65535


class Mode(StrEnum):
    """`start`: the first server that answers, and no other afterwards. `switch`: one at a time, the first
    that works. `both`: every message to every server."""

    START = "start"
    SWITCH = "switch"
    BOTH = "both"


class Exit(IntEnum):
    """How a process of the relay ends."""

    DONE = 0
    INCOMPLETE = 1  # done, but some lines were refused, dropped or lost; the summary says how many
    USAGE = 2
    STORE = 3  # outbox, inbox, input or output can't be used
    NO_SERVER = 4  # mode start: none answers
    STOPPED = 5  # ended by a signal with messages in the outbox, which go out the next time


@dataclass(frozen=True, slots=True)
class PublishConfig:
    """`topic` "": each line begins with its topic and a tab. `plain`: for receivers that are not the
    relay's: the payload is the line and nothing else, and PUBACK settles it. `longest` in bytes, `rate` in
    messages a second (None: as fast as it goes)."""

    servers: tuple[Server, ...]
    topic: str
    mode: Mode = Mode.SWITCH
    outbox: Path | None = None
    file: Path | None = None
    follow: bool = False
    from_start: bool = False
    plain: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    pump: PumpSettings = field(default_factory=PumpSettings)
    longest: int = 65536
    rate: float | None = None
    receipts: str = RECEIPTS

    def __post_init__(self) -> None:
        _check_servers(self.servers, self.receipts)
        fault = topic_fault(self.topic) if self.topic else None
        if fault:
            raise ConfigError("topic", f"{self.topic!r}: {fault}")
        if self.mode is not Mode.START and self.outbox is None:
            raise ConfigError("outbox", f"mode {self.mode} keeps its messages in a file: say which")
        if self.mode is Mode.START and self.outbox is not None:
            raise ConfigError("outbox", "mode start keeps nothing: it has no outbox")
        if self.rate is not None and self.rate <= 0:
            raise ConfigError("rate", "must be more than 0 messages a second")
        if self.longest < 1:
            raise ConfigError("longest_line", "must be at least 1 byte")
        if self.pump.window < 1:
            raise ConfigError("window", "must be at least 1 message")
        if self.pump.ack_timeout <= 0 or self.pump.hold_off < 0:
            raise ConfigError("ack_timeout", "must be more than 0 seconds, and the hold-off not less")

    @property
    def enveloped(self) -> bool:
        """Whether a message of MQTT 3.1.1 has the relay's header."""
        return not self.plain

    def with_properties(self, server: int) -> bool:
        return self.servers[server].version >= V5


@dataclass(frozen=True, slots=True)
class ReceiveConfig:
    """`output` None: standard output. `with_topics`: each line begins with its topic and a tab. `gap_wait`:
    seconds to wait for a message that nobody has promised; `keep`: seconds that servers keep the session."""

    servers: tuple[Server, ...]
    filters: tuple[str, ...]
    inbox: Path
    output: Path | None = None
    with_topics: bool = False
    gap_wait: float = 2.0
    keep: int = 3600
    receipts: str = RECEIPTS

    def __post_init__(self) -> None:
        _check_servers(self.servers, self.receipts)
        for text in self.filters:
            fault = filter_fault(text)
            if fault:
                raise ConfigError("topic", f"{text!r}: {fault}")
        if not self.filters:
            raise ConfigError("topic", "is missing: a topic filter, plant/# for example")


def _check_servers(servers: tuple[Server, ...], receipts: str) -> None:
    if not servers:
        raise ConfigError("server", "is missing: mqtt://host:1883, for example")
    addresses = [server.address for server in servers]
    twice = {address for address in addresses if addresses.count(address) > 1}
    if twice:
        raise ConfigError("server", f"{sorted(twice)[0]} is there twice")
    fault = topic_fault(receipts)
    if fault:
        raise ConfigError("receipts", f"{receipts!r}: {fault}")


def topic_fault(topic: str) -> str | None:
    """Why `topic` may not be published to; None if it may."""
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        return "the topic is not UTF-8"
    if "\0" in topic or size > _LONGEST_TOPIC:
        return f"the topic holds a NUL or more than {_LONGEST_TOPIC} bytes"
    return name_fault(topic)
