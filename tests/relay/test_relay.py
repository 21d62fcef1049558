"""The relay as its users run it: a few thousand lines of every course, and everything that can be wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.redundancy.brokers import KINDS, PASSWORD, Broker, running
from tests.relay.course import Course
from tests.relay.exact import ExactCourse
from tests.relay.processes import ROOT, TOPIC, Relay, Written, servers
from tests.waiting import wait_for

PATIENCE = 60.0


def quiet(_: str) -> None: ...


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running(KINDS[-1], tmp_path_factory.mktemp("broker")) as server:
        yield server


@contextmanager
def receiving(folder: Path, *brokers: Broker, more: tuple[str, ...] = ()) -> Iterator[Relay]:
    files = ["--inbox", folder / "inbox", "--output", folder / "output"]
    relay = Relay(folder, "receiver", "receive", "--topic", f"{TOPIC}/#", *files, *more, *servers(brokers))
    relay.start()
    try:
        wait_for(lambda: "is connected" in relay.said, "the receiver", PATIENCE)
        yield relay
    finally:
        relay.kill()


def publish(folder: Path, lines: bytes, *arguments: str | Path, password: str = PASSWORD) -> Relay:
    """Its process; the lines come through a pipe."""
    relay = Relay(folder, "publisher", "publish", *arguments, password=password)
    relay.start(stdin=subprocess.PIPE)
    assert relay.process is not None
    assert relay.process.stdin is not None
    relay.process.stdin.write(lines)
    relay.process.stdin.close()
    return relay


def ended(relay: Relay) -> int:
    assert relay.process is not None
    return relay.process.wait(PATIENCE)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("mode", "first"), [("switch", 0), ("both", 5)])
def test_nothing_is_lost_or_doubled_whatever_is_killed_or_frozen(
    tmp_path: Path, mode: str, first: int
) -> None:
    found = Course(tmp_path, mode, 1250, 1200, 250, first).run(quiet)
    assert (found.lost, found.doubled, found.in_order, found.exit) == (0, 0, True, 0)
    assert found.receiver["written"] == 1250
    assert found.receiver["skipped"] == 0


@pytest.mark.timeout(300)
def test_mode_start_loses_exactly_what_the_usual_script_does(tmp_path: Path) -> None:
    course = ExactCourse(tmp_path, 100)
    found = course.run(("primary frozen", "primary killed", "begun without primary"))
    assert [(row["relay"], row["original"]) for row in found] == [(0, 0), (100, 100), (0, 0)]
    assert course.receiver.summary()["skipped"] == 100


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_lines_go_from_a_pipe_to_a_file_with_either_version(
    broker: Broker, tmp_path: Path, version: str
) -> None:
    lines = b"".join(b"%d\n" % number for number in range(200)) + b"\n\xff\n"
    with receiving(tmp_path, broker, more=("--mqtt-version", version)) as receiver:
        files = ["--outbox", tmp_path / "outbox", "--mqtt-version", version]
        relay = publish(tmp_path, lines, "--topic", f"{TOPIC}/x", *files, *servers([broker]))
        assert ended(relay) == 0, relay.said
        assert receiver.end() == 0
    assert (tmp_path / "output").read_bytes() == lines
    assert relay.summary()["confirmed"] == 202
    assert PASSWORD not in relay.said + receiver.said


def test_topics_travel_in_the_lines_and_bad_ones_are_left_out(broker: Broker, tmp_path: Path) -> None:
    lines = f"{TOPIC}/a\t1\n{TOPIC}/#\t2\nno tab\n{TOPIC}/b\t3\n".encode()
    with receiving(tmp_path, broker, more=("--with-topics",)):
        more = ["--topics-in-lines", "--outbox", tmp_path / "outbox", *servers([broker])]
        relay = publish(tmp_path, lines, *more)
        assert ended(relay) == 1
    assert (tmp_path / "output").read_text() == f"{TOPIC}/a\t1\n{TOPIC}/b\t3\n"
    assert "the topic holds a wildcard" in relay.said
    assert relay.summary()["no_topic"] == 2


def test_a_receiver_of_another_make_gets_the_line_and_nothing_else(broker: Broker, tmp_path: Path) -> None:
    with receiving(tmp_path, broker, more=("--mqtt-version", "3.1.1")) as receiver:
        more = ["--plain", "--outbox", tmp_path / "outbox", "--mqtt-version", "3.1.1", *servers([broker])]
        relay = publish(tmp_path, b"one\ntwo\n", "--topic", f"{TOPIC}/x", *more)
        assert ended(relay) == 0
        written = Written(tmp_path / "output")
        wait_for(lambda: written() == 2, "both lines", PATIENCE)
        receiver.end()
    assert (tmp_path / "output").read_bytes() == b"one\ntwo\n"
    assert receiver.summary()["unnumbered"] == 2


def test_a_line_that_is_too_long_is_named_and_the_others_go(broker: Broker, tmp_path: Path) -> None:
    with receiving(tmp_path, broker):
        more = ["--outbox", tmp_path / "outbox", "--longest-line", "10", *servers([broker])]
        relay = publish(tmp_path, b"short\n" + b"x" * 11 + b"\nend\n", "--topic", f"{TOPIC}/x", *more)
        assert ended(relay) == 1
    assert (tmp_path / "output").read_bytes() == b"short\nend\n"
    assert "too long" in relay.said


def test_a_message_that_the_server_refuses_is_put_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    more = ["--plain", "--outbox", tmp_path / "outbox"]
    broker = Broker("distributor", tmp_path)
    broker.start()
    try:
        file = tmp_path / f"distributor-{broker.port}" / "distributor.json"
        file.write_text(file.read_text().replace("RW #", "RW works/#"))
        broker.kill()
        (tmp_path / "kept.json").write_text(file.read_text())
        command = [sys.executable, "-m", "redundancy.distributor", "--config", str(tmp_path / "kept.json")]
        broker.process = subprocess.Popen(command, cwd=ROOT)
        lines = b"works/a\t1\nelsewhere\t2\nworks/b\t3\n"
        relay = publish(tmp_path, lines, "--topics-in-lines", *more, *servers([broker]))
        assert ended(relay) == 1, relay.said
        assert relay.summary()["refused"] == 1
        assert "put aside" in relay.said
    finally:
        broker.kill()


@pytest.mark.parametrize("mode", ["switch", "start"])
def test_a_line_that_the_server_takes_in_no_packet_is_refused_and_the_rest_goes_on(
    tmp_path: Path, mode: str
) -> None:
    broker = Broker("distributor", tmp_path)
    broker.start()
    try:
        settings = json.loads((tmp_path / f"distributor-{broker.port}" / "distributor.json").read_text())
        broker.kill()
        kept = tmp_path / "kept.json"
        kept.write_text(json.dumps(settings | {"limits": {"packet": 1024}}))
        kept.chmod(0o600)
        command = [sys.executable, "-m", "redundancy.distributor", "--config", str(kept)]
        broker.process = subprocess.Popen(command, cwd=ROOT)
        wait_for(lambda: answers(broker.port), "the server", PATIENCE)
        with receiving(tmp_path, broker):
            more: list[str | Path] = [] if mode == "start" else ["--outbox", tmp_path / "outbox"]
            lines = b"one\n" + b"x" * 1024 + b"\nthree\n"
            arguments = ["--mode", mode, "--topic", f"{TOPIC}/x", *more, *servers([broker])]
            relay = publish(tmp_path, lines, *arguments)
            assert ended(relay) == 1, relay.said
            written = Written(tmp_path / "output")
            wait_for(lambda: written() == 2, "the other lines", PATIENCE)
        assert (tmp_path / "output").read_bytes() == b"one\nthree\n"
        assert relay.summary()["refused"] == 1
        assert relay.said.count("is connected") == 1
        assert "takes no packet as large" in relay.said
    finally:
        broker.kill()


def test_servers_that_are_not_there_are_said_and_waited_for(tmp_path: Path) -> None:
    broker = Broker(KINDS[-1], tmp_path)
    more = ["--outbox", tmp_path / "outbox", "--plain", *servers([broker])]
    relay = publish(tmp_path, b"one\n", "--topic", f"{TOPIC}/x", *more)
    try:
        wait_for(lambda: "is away: connection refused" in relay.said, "the reason", PATIENCE)
        broker.start()
        assert ended(relay) == 0
    finally:
        broker.kill()
        relay.kill()


def test_a_wrong_password_is_said_and_no_password_ever_is(broker: Broker, tmp_path: Path) -> None:
    more = ["--outbox", tmp_path / "outbox", *servers([broker])]
    relay = publish(tmp_path, b"one\n", "--topic", f"{TOPIC}/x", *more, password="wr0ng secret")
    try:
        wait_for(lambda: "is away" in relay.said, "the refusal", PATIENCE)
        assert relay.end() == 5
    finally:
        relay.kill()
    assert "not authorized" in relay.said or "bad user name or password" in relay.said
    assert "wr0ng secret" not in relay.said


def test_mode_start_ends_with_a_code_of_its_own_when_no_server_answers(tmp_path: Path) -> None:
    server = f"mqtt://127.0.0.1:{free_port()}"
    relay = publish(tmp_path, b"one\n", "--mode", "start", "--topic", "x", "--server", server)
    assert ended(relay) == 4
    assert "no server can be reached" in relay.said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("--topic", "a/#", "--server", "mqtt://h", "--outbox", "{}/o"),
            2,
            "--topic: 'a/#': the topic holds",
        ),
        (("--topic", "a", "--server", "http://h", "--outbox", "{}/o"), 2, "--url: 'http://h' is not mqtt"),
        (("--topic", "a", "--server", "mqtt://u:secret@h", "--outbox", "{}/o"), 2, "--url: carries a user"),
        (("--topic", "a", "--server", "mqtt://h"), 2, "--outbox: mode switch keeps its messages"),
        (("--topic", "a", "--server", "mqtt://h", "--server", "mqtt://h", "--outbox", "{}/o"), 2, "twice"),
        (("--topic", "a", "--server", "mqtt://h", "--outbox", "{}/no/o"), 3, "can't be opened"),
        (("--topic", "a", "--server", "mqtt://h", "--outbox", "{}/o", "--file", "{}/no"), 3, "can't be read"),
        (
            ("--topic", "a", "--server", "mqtt://h", "--outbox", "{}/o", "--ca", "x"),
            2,
            "--ca: and certificates",
        ),
        (
            ("--topic", "a", "--server", "mqtt://h", "--outbox", "{}/o", "--password-file", "{}/no"),
            2,
            "password",
        ),
    ],
)
def test_wrong_arguments_are_named_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    relay = publish(tmp_path, b"", *[part.replace("{}", str(tmp_path)) for part in arguments])
    assert ended(relay) == code
    assert words in relay.said
    assert "secret" not in relay.said
    assert "Traceback" not in relay.said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_full_disk_makes_the_input_wait_and_loses_nothing(broker: Broker, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)], check=True)
    lines = b"".join(b"%06d %s\n" % (number, b"x" * 500) for number in range(2000))
    (tmp_path / "lines").write_bytes(lines)
    more = ["--file", tmp_path / "lines", "--outbox", small / "outbox", *servers([broker])]
    relay = publish(tmp_path, b"", "--topic", f"{TOPIC}/x", *more)
    try:
        wait_for(lambda: "no space left" in relay.said, "the reason", PATIENCE)
        assert "the input waits" in relay.said
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        with receiving(tmp_path, broker) as receiver:
            assert ended(relay) == 0, relay.said
            receiver.end()
        assert (tmp_path / "output").read_bytes() == lines
    finally:
        relay.kill()
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_the_relay_runs_without_django() -> None:
    script = (
        "import sys\nsys.argv = ['manage.py', 'relay', '--help']\n"
        "import runpy\n"
        "try: runpy.run_path('manage.py', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert 'redundancy.relay.publisher' in sys.modules\n"
        "assert not {'django', 'celery', 'channels', 'redis'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
