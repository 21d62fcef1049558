"""The command line of the relay, and what it makes of it."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from redundancy.config import ConfigError, Server, Tls
from redundancy.relay.config import RECEIPTS, Mode, PublishConfig, ReceiveConfig
from redundancy.relay.outbox import Bounds
from redundancy.relay.pump import PumpSettings

PASSWORD = "TANDEM_MQTT_PASSWORD"
_VERSIONS = {"3.1.1": 4, "5": 5}
_SECURE = ("mqtts://", "wss://")
_EXITS = """exit codes: 0 done; 1 done, but lines were refused, dropped or lost (the summary says how many);
2 wrong usage; 3 a file can't be used; 4 mode start: no server answers; 5 ended by a signal with messages in
the outbox, which go out the next time"""


def parser() -> ArgumentParser:
    made = ArgumentParser(
        prog="manage.py relay", description="Lines through several MQTT servers", epilog=_EXITS
    )
    actions = made.add_subparsers(dest="action", required=True)
    publish = actions.add_parser("publish", help="lines from standard input or a file", epilog=_EXITS)
    _publish(publish)
    receive = actions.add_parser("receive", help="lines to a file or standard output", epilog=_EXITS)
    _receive(receive)
    for each in (publish, receive):
        _shared(each)
    return made


def _publish(add: ArgumentParser) -> None:
    topic = add.add_mutually_exclusive_group(required=True)
    topic.add_argument("--topic", default="", help="where every line goes")
    topic.add_argument("--topics-in-lines", action="store_true", help="a line is topic, tab, payload")
    add.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.SWITCH)
    add.add_argument("--outbox", type=Path, metavar="F", help="what is not safe yet; not in mode start")
    add.add_argument("--file", type=Path, metavar="F", help="read lines from here; else standard input")
    add.add_argument("--follow", action="store_true", help="read the file on as it grows")
    add.add_argument("--from-start", action="store_true", help="read the file from its beginning")
    add.add_argument("--plain", action="store_true", help="for receivers that are not the relay's")
    add.add_argument("--rate", type=float, metavar="N", help="messages a second at most")
    add.add_argument("--max-rows", type=int, default=1_000_000, metavar="N", help="of the outbox")
    add.add_argument("--max-mb", type=float, default=1000.0, metavar="N", help="of the outbox")
    add.add_argument("--max-age", type=float, metavar="SECONDS", help="older messages are dropped")
    add.add_argument("--when-full", choices=("block", "drop-oldest"), default="block")
    add.add_argument("--longest-line", type=int, default=65536, metavar="BYTES")
    add.add_argument("--window", type=int, default=100, metavar="N", help="unacknowledged messages a server")
    add.add_argument("--ack-timeout", type=float, default=1.5, metavar="SECONDS")
    add.add_argument("--hold-off", type=float, default=10.0, metavar="SECONDS", help="before going back")


def _receive(add: ArgumentParser) -> None:
    add.add_argument("--topic", action="append", required=True, metavar="FILTER", help="again for more")
    add.add_argument("--inbox", type=Path, required=True, metavar="F", help="what must not be forgotten")
    add.add_argument("--output", type=Path, metavar="F", help="lines are appended; else standard output")
    add.add_argument("--with-topics", action="store_true", help="a line is topic, tab, payload")
    add.add_argument(
        "--gap-wait", type=float, default=2.0, metavar="SECONDS", help="for what nobody promised"
    )
    add.add_argument(
        "--keep", type=int, default=3600, metavar="SECONDS", help="that servers keep our session"
    )


def _shared(add: ArgumentParser) -> None:
    add.add_argument(
        "--server", action="append", required=True, metavar="URL", help="again for more, in order"
    )
    add.add_argument("--mqtt-version", choices=list(_VERSIONS), default="5")
    add.add_argument("--username", action="append", default=[], help="for all servers, or one for each")
    add.add_argument(
        "--password-file", action="append", default=[], metavar="F", help=f"else the environment's {PASSWORD}"
    )
    add.add_argument("--ca", default="", metavar="PEM", help="certificates to believe; else the system's")
    add.add_argument("--certificate", default="", metavar="PEM", help="this client's own")
    add.add_argument("--key", default="", metavar="PEM", help="and its key")
    add.add_argument("--keep-alive", type=int, metavar="SECONDS", help="5; in mode start 60, paho's own")
    add.add_argument("--connect-timeout", type=float, default=1.0, metavar="SECONDS")
    add.add_argument("--receipts", default=RECEIPTS, metavar="TOPIC", help=f"above the receipts: {RECEIPTS}")
    add.add_argument(
        "--progress", type=float, default=10.0, metavar="SECONDS", help="between plain lines; 0: none"
    )


def publish_config(told: Namespace) -> PublishConfig:
    """Raises ConfigError, which names the argument."""
    age, plain = told.max_age, told.plain
    if told.max_rows < 1 or told.max_mb <= 0 or (age is not None and age <= 0):
        raise ConfigError("max_rows", "and the other bounds of the outbox must be more than 0")
    return PublishConfig(
        servers(told),
        told.topic,
        told.mode,
        outbox=told.outbox,
        file=told.file,
        follow=told.follow,
        from_start=told.from_start,
        plain=plain,
        bounds=Bounds(told.max_rows, int(told.max_mb * 1e6), age, told.when_full == "drop-oldest"),
        pump=PumpSettings(
            both=told.mode is Mode.BOTH,
            receipts=not plain,
            window=told.window,
            ack_timeout=told.ack_timeout,
            hold_off=told.hold_off,
        ),
        longest=told.longest_line,
        rate=told.rate,
        receipts=told.receipts,
    )


def receive_config(told: Namespace) -> ReceiveConfig:
    """Raises ConfigError, which names the argument."""
    return ReceiveConfig(
        servers(told),
        tuple(told.topic),
        told.inbox,
        output=told.output,
        with_topics=told.with_topics,
        gap_wait=told.gap_wait,
        keep=told.keep,
        receipts=told.receipts,
    )


def servers(told: Namespace) -> tuple[Server, ...]:
    """In the order of the command line. Raises ConfigError."""
    urls: list[str] = told.server
    users = _for_each(told.username, len(urls), "username")
    passwords = _for_each([_secret(Path(f)) for f in told.password_file], len(urls), "password_file")
    tls = Tls(told.ca, told.certificate, told.key) if told.ca or told.certificate or told.key else None
    if tls is not None and not any(url.startswith(_SECURE) for url in urls):
        raise ConfigError("ca", "and certificates are for mqtts:// and wss:// servers: there is none")
    starts = getattr(told, "mode", None) is Mode.START
    keep_alive = told.keep_alive if told.keep_alive is not None else 60 if starts else 5
    return tuple(
        Server.from_url(
            url,
            tls=tls if url.startswith(_SECURE) else None,
            username=user,
            password=password or (os.environ.get(PASSWORD, "") if user else ""),
            version=_VERSIONS[told.mqtt_version],
            keep_alive=keep_alive,
            connect_timeout=told.connect_timeout,
        )
        for url, user, password in zip(urls, users, passwords, strict=True)
    )


def _for_each(given: Sequence[str], count: int, name: str) -> list[str]:
    if len(given) in (0, 1):
        return [given[0] if given else ""] * count
    if len(given) != count:
        raise ConfigError(name, f"is there {len(given)} times for {count} servers: once, or once for each")
    return list(given)


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("password_file", f"{path} can't be read: {error}") from None
