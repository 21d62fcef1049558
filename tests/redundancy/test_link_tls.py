"""TLS on the links: certificates at both ends, made out to nodes, and never a link without."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from redundancy.link.frames import Breach
from redundancy.link.listener import HALF_OPEN
from redundancy.link.tls import Papers, disowned
from tests.ports import free_port
from tests.redundancy.certificates import Desk, Office
from tests.redundancy.link_ends import Ear, Proxy, dialing, garbage, listening
from tests.waiting import until

MASTER, BACKUP = "primary-master", "primary-backup"
Spoil = Callable[[Office, Desk, str], None]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_two_nodes_with_certificates_talk_both_ways_and_nothing_can_be_read(office: Office) -> None:
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = Papers(office.desk(MASTER).files), Papers(office.desk(BACKUP).files)
    async with listening(port, there, papers=theirs), Proxy(port).running() as proxy:
        async with dialing(proxy.port, here, papers=mine) as dialer:
            await until(lambda: here.ups == [BACKUP] and there.ups == [MASTER])
            assert dialer.send({"kind": "ask", "n": 3})
            await until(lambda: here.messages)
        wire = bytes(proxy.sent)
    assert there.messages == [(MASTER, "lease", {"kind": "ask", "n": 3})]
    assert not here.heard + there.heard
    assert wire[:2] == b"\x16\x03"
    assert MASTER.encode() not in wire
    assert b"kind" not in wire


async def test_a_plain_node_is_refused_and_both_ends_say_why(office: Office) -> None:
    port, here, there = free_port(), Ear(), Ear()
    papers = Papers(office.desk(BACKUP).files)
    async with listening(port, there, papers=papers) as listener, dialing(port, here):
        await until(lambda: there.intruders.counts[Breach.TLS] >= 2)
        await until(lambda: here.told)
        assert here.told == [f"127.0.0.1:{port}: it wants TLS, and this node's link is without"]
        await until(lambda: not listener._half_open)
    assert there.told == ["127.0.0.1: it speaks without TLS, and this link is never without"]
    assert not here.ups + there.ups


async def test_a_node_with_certificates_finds_no_way_back_to_a_plain_link(office: Office) -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with (
        listening(port, there),
        dialing(port, here, papers=Papers(office.desk(MASTER).files)) as dialer,
    ):
        await until(lambda: there.told and here.told)
        assert "perhaps its link is without TLS" in dialer.why
    assert there.told == ["127.0.0.1: it wants TLS, and this node's link is without"]
    assert here.told == [
        f"127.0.0.1:{port}: it hung up on the TLS handshake: perhaps its link is without TLS"
    ]
    assert not here.ups + there.ups


SPOILT: list[tuple[Spoil, str, str]] = [
    (Office.expire, "its certificate is not accepted: certificate has expired", "certificate expired"),
    (Office.swap_certificate, "its certificate is not accepted: unable to get local issuer", "unknown ca"),
    (Office.misname, f"made out to not-{MASTER}", f"made out to not-{MASTER}"),
]


@pytest.mark.parametrize(("spoil", "listener_says", "dialer_says"), SPOILT)
async def test_a_certificate_that_does_not_serve_is_refused_until_it_is_replaced(
    office: Office, spoil: Spoil, listener_says: str, dialer_says: str
) -> None:
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = office.desk(MASTER), office.desk(BACKUP)
    spoil(office, mine, MASTER)
    async with (
        listening(port, there, papers=Papers(theirs.files)) as listener,
        dialing(port, here, papers=Papers(mine.files)) as dialer,
    ):
        await until(lambda: there.intruders.counts.total() >= 2 and here.heard)
        assert listener_says in there.heard
        assert dialer_says in here.heard
        assert dialer_says in dialer.why
        assert len(there.told + there.wrong) == 1, "each reason is told once"
        assert not here.ups + there.ups
        office.mend(mine, MASTER)
        await until(lambda: dialer.is_up, "the new certificate is read without a restart")
        assert listener._half_open == []


@pytest.mark.parametrize("spoil", [Office.expire, Office.swap_certificate, Office.misname, Office.swap_ca])
async def test_the_listener_s_certificate_is_judged_as_hard_as_the_dialer_s(
    office: Office, spoil: Spoil
) -> None:
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = office.desk(MASTER), office.desk(BACKUP)
    spoil(office, theirs, BACKUP)
    async with (
        listening(port, there, papers=Papers(theirs.files)),
        dialing(port, here, papers=Papers(mine.files)) as dialer,
    ):
        await until(lambda: here.heard and there.heard)
        assert not here.ups + there.ups
        office.mend(theirs, BACKUP)
        await until(lambda: dialer.is_up)


@pytest.mark.parametrize("missing", ["ca", "certificate", "key"])
async def test_a_file_that_is_not_there_is_named_and_read_once_it_is(office: Office, missing: str) -> None:
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = office.desk(MASTER), office.desk(BACKUP)
    for desk in (mine, theirs):
        Path(getattr(desk.files, missing)).unlink()
    async with (
        listening(port, there, papers=Papers(theirs.files)),
        dialing(port, here, papers=Papers(mine.files)) as dialer,
    ):
        await until(lambda: here.told)
        assert here.told == [f"127.0.0.1:{port}: {getattr(mine.files, missing)}: no such file or directory"]
        assert dialer.why.endswith("no such file or directory")
        office.mend(mine, MASTER)
        await until(lambda: there.told)
        assert getattr(theirs.files, missing) in there.told[0]
        office.mend(theirs, BACKUP)
        await until(lambda: dialer.is_up)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("ca", "nonsense", "is no authority"),
        ("certificate", "nonsense", "don't serve"),
        ("key", "", "don't serve"),
    ],
)
async def test_files_that_are_no_certificates_are_named(
    office: Office, file: str, content: str, reason: str
) -> None:
    here, desk = Ear(), office.desk(MASTER)
    Path(getattr(desk.files, file)).write_text(content)
    async with dialing(free_port(), here, papers=Papers(desk.files)):
        await until(lambda: here.told)
    assert reason in here.told[0]
    assert getattr(desk.files, file) in here.told[0]


async def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(office: Office) -> None:
    here, desk = Ear(), office.desk(MASTER)
    key = Path(desk.files.key)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(pem, form, locked))
    async with dialing(free_port(), here, papers=Papers(desk.files)):
        await until(lambda: here.told)
    assert "a key with a password" in here.told[0]


async def test_strangers_at_the_door_hold_no_place_in_the_queue(office: Office) -> None:
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = Papers(office.desk(MASTER).files), Papers(office.desk(BACKUP).files)
    async with listening(port, there, papers=theirs) as listener:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00\x00\x00\x10", b"\x16"):
            for _ in range(HALF_OPEN):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
        async with dialing(port, here, papers=mine) as dialer:
            await until(lambda: dialer.is_up)
            await until(lambda: not listener._half_open, "all of them are gone within the two seconds")
    assert len(there.told) <= 5, there.told


async def test_a_connection_that_says_nothing_is_cut_after_two_seconds(office: Office) -> None:
    port, there = free_port(), Ear()
    async with listening(port, there, papers=Papers(office.desk(BACKUP).files)) as listener:
        started = asyncio.get_running_loop().time()
        await garbage(port, b"\x16")
        assert 1.5 < asyncio.get_running_loop().time() - started < 3.5
        assert there.intruders.counts[Breach.SLOW] == 1
        assert not listener._half_open


async def test_a_client_without_a_certificate_of_its_own_is_refused(office: Office) -> None:
    port, there, desk = free_port(), Ear(), office.desk(BACKUP)
    async with listening(port, there, papers=Papers(desk.files)):
        context = ssl.create_default_context(cafile=desk.files.ca)
        context.check_hostname = False
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await until(lambda: there.told)
        writer.close()
    assert there.told == ["127.0.0.1: it shows no certificate"]


async def test_records_of_the_largest_size_and_heartbeats_pass_side_by_side(office: Office) -> None:
    port, here, bulk, there = free_port(), Ear(), Ear(), Ear()
    mine, theirs = Papers(office.desk(MASTER).files), Papers(office.desk(BACKUP).files)
    async with (
        listening(port, there, papers=theirs),
        dialing(port, here, papers=mine) as lease,
        dialing(port, bulk, channel="records", papers=mine) as records,
    ):
        await until(lambda: lease.is_up and records.is_up)
        for number in range(4):
            records.send({"kind": "records", "n": number, "body": "x" * 8_000_000})
        lease.send({"kind": "ask", "n": 1})
        await until(lambda: here.messages)
        await until(lambda: len(there.messages) == 5)
    assert {len(message["body"]) for _, channel, message in there.messages if channel == "records"} == {
        8_000_000
    }


@pytest.mark.parametrize("fault", ["flip", "cut"])
async def test_a_tampered_tls_connection_ends_and_comes_back(office: Office, fault: str) -> None:
    port, here, there = free_port(), Ear(), Ear()
    mine, theirs = Papers(office.desk(MASTER).files), Papers(office.desk(BACKUP).files)
    async with (
        listening(port, there, papers=theirs),
        Proxy(port).running() as proxy,
        dialing(proxy.port, here, papers=mine) as dialer,
    ):
        await until(lambda: dialer.is_up)
        wire = proxy.to_listener
        assert wire is not None
        if fault == "flip":
            wire.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        else:
            wire.close()
        await until(lambda: here.downs and there.downs)
        await until(lambda: dialer.is_up)


def test_a_name_is_compared_whole() -> None:
    assert disowned(frozenset({"a", "primary-master"}), "primary-master") is None
    for name in ("primary", "Primary-Master", "*", "primary-master "):
        assert disowned(frozenset({name}), "primary-master") is not None
    assert disowned(frozenset(), "a") == "a shows a certificate that is made out to nobody"
    assert disowned(frozenset({"x\ny"}), "a") == "a shows a certificate that is made out to nobody"
