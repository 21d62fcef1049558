"""The third vote: one holder per pair and term, whatever dies in between."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from redundancy import promise, witness
from redundancy.clock import Clock
from redundancy.config import Endpoint
from redundancy.core.actions import Promise
from redundancy.core.messages import Heartbeat, Release, Request, to_wire
from redundancy.link.frames import Breach
from redundancy.link.speaker import Speaker
from redundancy.link.tls import Papers
from redundancy.witness import MAX_PAIRS, Witness, _file_of
from sparkplug.instant import Instant
from tests.ports import free_port
from tests.redundancy.certificates import Office
from tests.redundancy.link_ends import KEY, Candidate, config
from tests.waiting import PATIENCE, until

LEASE = 2.0


class Turned(Clock):
    """A clock that tests turn by hand."""

    def __init__(self) -> None:
        self.mono = 1000.0

    def now(self) -> Instant:
        return Instant(self.mono, 0)


@asynccontextmanager
async def witnessing(folder: Path, port: int, **more: Any) -> AsyncIterator[Witness]:
    serving = Witness(Endpoint("127.0.0.1", port), KEY, folder, more.pop("clock", Clock()), **more)
    await serving.start()
    try:
        yield serving
    finally:
        await serving.close()


async def test_one_node_gets_the_vote_and_the_other_does_not(tmp_path: Path) -> None:
    port = free_port()
    one, two = Candidate(port, "Primary", "m"), Candidate(port, "Primary", "b", "Backup")
    async with witnessing(tmp_path, port), one.linked(), two.linked():
        assert await one.ask(1) == "grant"
        assert await two.ask(2) == "refuse"
        assert two.answers[-1]["holder"] == "m"
        assert await one.ask(1) == "grant"
        one.dialer.send(to_wire(Release("boot", 1)))
        async with asyncio.timeout(PATIENCE):
            while await two.ask(2) != "grant":  # its question may overtake the other one's release
                await asyncio.sleep(0.01)
        assert await one.ask(2) == "refuse"


async def test_a_node_of_another_gateway_is_a_witness_and_never_of_its_own_pair(tmp_path: Path) -> None:
    port = free_port()
    node = replace(config(), serve_witness=Endpoint("127.0.0.1", port))
    serving = Witness.of(node, tmp_path, Clock())
    assert serving is not None
    await serving.start()
    try:
        foreign, own = Candidate(port, "Edge 1", "m"), Candidate(port, node.gateway, "m")
        async with foreign.linked():
            assert await foreign.ask(1) == "grant"
        own.dialer.start()
        await until(lambda: serving.intruders.counts.total() > 0)
        assert not own.dialer.is_up
        await own.dialer.close()
    finally:
        await serving.close()
    assert Witness.of(config(), tmp_path, Clock()) is None


async def test_with_certificates_it_votes_for_nodes_that_show_theirs_and_for_nobody_else(
    tmp_path: Path,
) -> None:
    port, office, told = free_port(), Office(tmp_path / "papers"), []
    files = office.desk("the third vote").files
    node, plain = Candidate(port, "Primary", "m"), Candidate(port, "Primary", "b", "Backup")
    node.dialer._papers = Papers(office.desk("m").files)
    async with witnessing(tmp_path, port, tls=files, name="the third vote", tell=told.append), node.linked():
        assert await node.ask(1) == "grant"
        plain.dialer.start()
        await until(lambda: "wants TLS" in plain.dialer.why)
        await plain.dialer.close()
        await until(lambda: told)
    assert told == ["127.0.0.1: it speaks without TLS, and this link is never without"]


async def test_the_pairs_of_a_plant_do_not_mix(tmp_path: Path) -> None:
    port = free_port()
    one, two = Candidate(port, "Primary", "m"), Candidate(port, "Edge 1", "m")
    async with witnessing(tmp_path, port), one.linked(), two.linked():
        assert await one.ask(7) == "grant"
        assert await two.ask(1) == "grant"
    assert promise.load(tmp_path / "promises" / _file_of("Primary")) == Promise(7, "m", 0)
    assert promise.load(tmp_path / "promises" / _file_of("Edge 1")) == Promise(1, "m", 0)


async def test_a_silent_holder_s_vote_is_free_after_a_lease(tmp_path: Path) -> None:
    port, clock = free_port(), Turned()
    one, two = Candidate(port, "Primary", "m"), Candidate(port, "Primary", "b", "Backup")
    async with witnessing(tmp_path, port, clock=clock, lease=LEASE), one.linked(), two.linked():
        assert await one.ask(1) == "grant"
        clock.mono += LEASE - 0.01
        assert await two.ask(2) == "refuse"
        clock.mono += 0.02
        assert await two.ask(2) == "grant"


async def test_after_a_restart_it_votes_for_nobody_for_a_lease_and_never_gives_a_term_twice(
    tmp_path: Path,
) -> None:
    port, clock = free_port(), Turned()
    one, two = Candidate(port, "Primary", "m"), Candidate(port, "Primary", "b", "Backup")
    async with witnessing(tmp_path, port, clock=clock), one.linked():
        assert await one.ask(5) == "grant"
    async with witnessing(tmp_path, port, clock=clock), one.linked(), two.linked():
        assert await one.ask(5) == "refuse"
        assert one.answers[-1]["waiting"]
        assert await two.ask(6) == "refuse"
        clock.mono += LEASE + 0.01
        assert await two.ask(5) == "refuse"
        assert await two.ask(6) == "grant"


async def test_a_new_term_is_on_disk_before_the_vote_leaves_and_a_renewal_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, written = free_port(), []
    save = promise.save

    def slow(path: Path, given: Promise) -> None:
        assert node.answers == []
        save(path, given)
        written.append(given)

    monkeypatch.setattr(promise, "save", slow)
    node = Candidate(port, "Primary", "m")
    async with witnessing(tmp_path, port), node.linked():
        for _ in range(5):
            assert await node.ask(1) == "grant"
    assert written == [Promise(1, "m", 0)]


async def test_a_disk_that_is_full_means_no_vote_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, save = free_port(), promise.save

    def full(path: Path, given: Promise) -> None:
        raise OSError(28, "No space left on device")

    node = Candidate(port, "Primary", "m")
    async with witnessing(tmp_path, port), node.linked():
        monkeypatch.setattr(promise, "save", full)
        node.dialer.send(to_wire(Request("boot", 1, 99)))
        node.dialer.send(to_wire(Heartbeat("boot", 1, "Master", "Candidate")))
        await until(lambda: node.answers)
        assert node.answers[0]["kind"] == "heartbeat"
        assert node.answers[0]["state"] == "Faulted"
        monkeypatch.setattr(promise, "save", save)
        assert await node.ask(1) == "grant"
    assert promise.load(tmp_path / "promises" / _file_of("Primary")) == Promise(1, "m", 0)


async def test_a_slow_disk_holds_back_one_pair_and_not_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, save, gate = free_port(), promise.save, threading.Event()

    def stuck(path: Path, given: Promise) -> None:
        if "primary" in path.name:
            gate.wait(5)
        save(path, given)

    monkeypatch.setattr(promise, "save", stuck)
    one, two = Candidate(port, "Primary", "m"), Candidate(port, "Edge 1", "m")
    async with witnessing(tmp_path, port), one.linked(), two.linked():
        one.dialer.send(to_wire(Request("boot", 1, 1)))
        assert await two.ask(1) == "grant"
        assert one.answers == []
        gate.set()
        await until(lambda: one.answers)


async def test_a_damaged_promise_is_never_an_empty_one(tmp_path: Path) -> None:
    port, told = free_port(), []
    (tmp_path / "promises").mkdir()
    (tmp_path / "promises" / _file_of("Primary")).write_text('{"epoch": 9}')
    node, other = Candidate(port, "Primary", "m"), Candidate(port, "Edge 1", "m")
    async with witnessing(tmp_path, port, tell=told.append), other.linked():
        assert await other.ask(1) == "grant"
        node.dialer.start()
        await until(lambda: "its promise can't be read" in node.dialer.why)
        await node.dialer.close()
    assert "damaged" in told[0]


async def test_it_serves_64_gateways_and_no_more(tmp_path: Path) -> None:
    port = free_port()
    async with witnessing(tmp_path, port, tell=lambda why: None) as serving:
        for number in range(MAX_PAIRS):
            assert serving._admit(Speaker(f"Gateway {number}", "m", "Master", "boot")) is None
        node = Candidate(port, "One too many", "m")
        node.dialer.start()
        await until(lambda: "serves 64 gateways already" in node.dialer.why)
        await node.dialer.close()


async def test_it_answers_a_heartbeat_so_that_a_node_sees_it_live(tmp_path: Path) -> None:
    port = free_port()
    node = Candidate(port, "Primary", "m")
    async with witnessing(tmp_path, port), node.linked():
        node.dialer.send(to_wire(Heartbeat("boot", 17, "Master", "Standby")))
        await until(lambda: node.answers)
    answer = node.answers[0]
    assert (answer["kind"], answer["beat"], answer["role"]) == ("heartbeat", 17, "Witness")
    assert answer["state"] == "Serving"


async def test_nonsense_and_a_wrong_key_change_nothing(tmp_path: Path) -> None:
    port, told = free_port(), []
    node, stranger = Candidate(port, "Primary", "m"), Candidate(port, "Primary", "m", key=b"x" * 32)
    async with witnessing(tmp_path, port, tell=told.append) as serving, node.linked():
        for nonsense in ({}, {"kind": "request"}, {"kind": "request", "boot": 1, "epoch": -1, "attempt": []}):
            node.dialer.send(nonsense)
        stranger.dialer.start()
        await until(lambda: serving.intruders.counts[Breach.KEY])
        await stranger.dialer.close()
        assert await node.ask(1) == "grant"
    assert stranger.answers == []
    assert any("plant keys differ" in why for why in told)


async def test_two_witnesses_do_not_share_a_folder(tmp_path: Path) -> None:
    async with witnessing(tmp_path, free_port()):
        with pytest.raises(BlockingIOError):
            async with witnessing(tmp_path, free_port()):
                pass


def test_gateways_whose_names_look_alike_have_files_of_their_own() -> None:
    names = ["Edge 1", "edge 1", "Edge-1", "../Edge 1", "工厂", "x" * 500]
    files = {_file_of(name) for name in names}
    assert len(files) == len(names)
    assert all("/" not in file and len(file) < 100 for file in files)


# The process


def folder_of(tmp_path: Path, **changes: Any) -> Path:
    raw = {"listen": f"127.0.0.1:{free_port()}", "plant_key": KEY.hex(), "lease": 2.0, **changes}
    (tmp_path / "witness.json").write_text(json.dumps(raw))
    return tmp_path


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "redundancy.witness", "--dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_process_says_ready_and_ends_cleanly(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    process = start(folder)
    try:
        assert process.stdout is not None
        listen = json.loads((folder / "witness.json").read_text())["listen"]
        assert process.stdout.readline() == f"witness ready on {listen}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.communicate() == ("", "")
    finally:
        process.kill()


async def test_the_process_speaks_tls_by_the_same_settings(tmp_path: Path) -> None:
    office = Office(tmp_path / "papers")
    files = asdict(office.desk("w").files)
    folder = folder_of(tmp_path, name="w", link_tls=files)
    port = int(json.loads((folder / "witness.json").read_text())["listen"].rpartition(":")[2])
    node = Candidate(port, "Primary", "m")
    node.dialer._papers = Papers(office.desk("m").files)
    process = start(folder)
    try:
        async with node.linked():
            assert await node.ask(1) == "grant"
            assert node.dialer.peer is not None
            assert node.dialer.peer.node == "w"
    finally:
        process.kill()
        process.communicate()


async def test_a_killed_process_remembers_what_it_promised(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, lease=0.3)
    port = int(json.loads((folder / "witness.json").read_text())["listen"].rpartition(":")[2])
    one, two = Candidate(port, "Primary", "m"), Candidate(port, "Primary", "b", "Backup")
    process = start(folder)
    try:
        async with one.linked(), two.linked():
            assert await one.ask(4) == "grant"
            process.kill()
            process.communicate()
            await until(lambda: not one.dialer.is_up and not two.dialer.is_up)
            process = start(folder)
            await until(lambda: one.dialer.is_up and two.dialer.is_up)
            async with asyncio.timeout(PATIENCE):
                while await one.ask(4) != "grant":
                    assert await two.ask(4) == "refuse"
                    await asyncio.sleep(0.05)
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_one_line_and_code_3(tmp_path: Path) -> None:
    first = start(folder_of(tmp_path))
    try:
        assert first.stdout is not None
        first.stdout.readline()
        other = tmp_path / "other"
        other.mkdir()
        (other / "witness.json").write_text((tmp_path / "witness.json").read_text())
        second = start(other)
        out, err = second.communicate(timeout=PATIENCE)
        assert (second.returncode, out, err.count("\n")) == (3, "", 1)
        assert "address already in use" in err
    finally:
        first.kill()
        first.communicate()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"listen": "nowhere"}, "listen"),
        ({"listen": None}, "listen"),
        ({"plant_key": "xyz"}, "plant_key"),
        ({"plant_key": "00"}, "plant_key"),
        ({"lease": 0}, "lease"),
        ({"lease": "2"}, "lease"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"link_tls": "ca.pem"}, "link_tls"),
        ({"link_tls": {"ca": "/ca.pem", "certificate": "/c.pem"}}, "link_tls.key"),
        ({"link_tls": {"ca": "ca.pem", "certificate": "/c.pem", "key": "/k"}}, "link_tls.ca"),
        ({"link_tls": {"ca": "/ca.pem", "certificate": 7, "key": "/k"}}, "link_tls"),
        ({"link_tls": {"verify": "no"}}, "link_tls.verify"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], field: str
) -> None:
    folder = folder_of(tmp_path, **changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["witness", "--dir", str(folder)])
        assert witness.main() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"witness: {field}: ")
    assert err.count("\n") == 1


def test_a_folder_without_a_file_is_one_line(tmp_path: Path) -> None:
    process = start(tmp_path)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "witness.json" in err
