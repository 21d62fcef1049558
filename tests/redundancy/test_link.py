"""The pair link on real sockets: what it carries, and whom it accepts."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from redundancy.config import Endpoint, LinkTls, NodeConfig, Peer, Role
from redundancy.link.frames import Breach
from redundancy.link.links import LinkEvents, Links
from redundancy.link.speaker import Speaker, expect_peer, expect_third, expect_witness
from tests.ports import free_port
from tests.redundancy.link_ends import (
    BACKUP,
    MASTER,
    Ear,
    config,
    dialing,
    listening,
)
from tests.waiting import until


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(MASTER), "primary-master is paired with itself"),
        (replace(MASTER, boot_id="clone"), "two nodes are named primary-master"),
        (replace(BACKUP, role="Master"), "both primary-master and primary-backup are configured as Master"),
        (replace(BACKUP, gateway="Edge 1"), "primary-backup belongs to gateway Edge 1, not to Primary"),
        (
            replace(BACKUP, node="stray"),
            "stray is not the peer of primary-master, which expects primary-backup",
        ),
        (replace(BACKUP, role="Independent"), "primary-backup is Independent and has no peer"),
        (replace(BACKUP, role="Witness"), "primary-backup is a witness, not a node of Primary"),
        (BACKUP, None),
    ],
)
def test_a_wrong_peer_is_called_by_its_mix_up(other: Speaker, why: str | None) -> None:
    assert expect_peer(config(), MASTER.boot_id)(other) == why


async def test_two_nodes_that_hold_the_key_talk_both_ways() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        await until(lambda: here.ups == ["primary-backup"] and there.ups == ["primary-master"])
        assert dialer.why == ""
        assert dialer.send({"kind": "ask", "n": 3})
        await until(lambda: here.messages)
    assert there.messages == [("primary-master", "lease", {"kind": "ask", "n": 3})]
    assert here.messages == [("primary-backup", "lease", {"kind": "answer", "to": 3})]
    assert not here.told + there.told + here.wrong + there.wrong


async def test_a_dialer_comes_back_by_itself_and_keeps_nothing_for_later() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with dialing(port, here) as dialer:
        await until(lambda: "refused" in dialer.why)
        assert not dialer.send({"kind": "heartbeat", "n": 1})
        async with listening(port, there):
            await until(lambda: dialer.is_up)
            dialer.send({"kind": "heartbeat", "n": 2})
            await until(lambda: there.messages)
        await until(lambda: here.downs)
        assert not dialer.is_up
        async with listening(port, there):
            await until(lambda: len(here.ups) == 2)
    assert [message["n"] for _, _, message in there.messages] == [2]


async def test_a_wrong_plant_key_is_one_plain_line_at_both_ends_and_no_mix_up() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here, key=b"x" * 32) as dialer:
        await until(lambda: there.intruders.counts[Breach.KEY] >= 2)
        assert dialer.why == f"127.0.0.1:{port}: the plant keys differ"
    assert here.told == [f"127.0.0.1:{port}: the plant keys differ"]
    assert there.told == ["127.0.0.1: it refuses this node: the plant keys differ"]
    assert not here.ups + there.ups + here.wrong + there.wrong


async def test_two_masters_hear_of_it_at_both_ends_once() -> None:
    port, here, there = free_port(), Ear(), Ear()
    other = replace(BACKUP, role="Master")
    mine = expect_peer(config(), MASTER.boot_id)
    theirs = expect_peer(replace(config(Role.BACKUP), role=Role.MASTER), BACKUP.boot_id)
    async with listening(port, there, me=other, check=theirs), dialing(port, here, check=mine):
        await until(lambda: here.intruders.counts[Breach.WRONG_PEER] >= 2)
    sentence = "both primary-master and primary-backup are configured as Master"
    assert here.wrong == [f"127.0.0.1:{port}: {sentence}"]
    assert len(there.wrong) == 1
    assert "configured as Master" in there.wrong[0]
    assert not here.ups + there.ups


async def test_a_node_paired_with_itself_is_told_so() -> None:
    port, here, there = free_port(), Ear(), Ear()
    check = expect_peer(config(), MASTER.boot_id)
    async with listening(port, there, me=MASTER, check=check), dialing(port, here, check=check):
        await until(lambda: here.wrong and there.wrong)
    assert "primary-master is paired with itself" in here.wrong[0]


async def test_the_refusing_listener_s_reason_reaches_a_dialer_that_would_accept() -> None:
    port, here, there = free_port(), Ear(), Ear()
    stray = replace(MASTER, node="stray")
    check = expect_peer(config(Role.BACKUP), "boot-b")
    async with listening(port, there, check=check), dialing(port, here, me=stray) as dialer:
        await until(lambda: here.wrong)
        assert "stray is not the peer of primary-backup" in dialer.why


async def test_a_witness_address_that_leads_to_a_node_is_refused() -> None:
    port, here, there = free_port(), Ear(), Ear()
    async with listening(port, there), dialing(port, here, check=expect_witness):
        await until(lambda: here.wrong)
    assert "primary-backup is a Backup, not a witness" in here.wrong[0]


def test_a_third_vote_is_a_witness_and_with_certificates_no_node_of_the_pair() -> None:
    assert expect_third(config())(replace(BACKUP, role="Witness")) is None
    check = expect_third(config(link_tls=LinkTls("/ca", "/certificate", "/key")))
    assert check(Speaker("witness", "witness", "Witness", "w")) is None
    assert check(Speaker("Edge 1", "edge1-backup", "Witness", "w")) is None
    posing = check(replace(BACKUP, role="Witness"))
    assert posing == "primary-backup is a node of Primary and can't be its third vote"
    assert check(replace(BACKUP, node="other")) == "other is a Backup, not a witness"


async def test_a_clone_of_a_living_node_is_refused_while_the_first_one_beats() -> None:
    port, here, clone, there = free_port(), Ear(), Ear(), Ear()
    async with listening(port, there), dialing(port, here) as dialer:
        await until(lambda: dialer.is_up)
        async with dialing(port, clone, me=replace(MASTER, boot_id="clone")):

            def beat() -> bool:
                dialer.send({"kind": "heartbeat"})
                return bool(clone.wrong and there.wrong)

            await until(beat)
        assert dialer.is_up
    assert "two nodes are named primary-master" in there.wrong[0]


async def test_a_restarted_node_takes_its_old_connection_s_place() -> None:
    port, old, new, there = free_port(), Ear(), Ear(), Ear()
    async with listening(port, there) as listener, dialing(port, old):
        await until(lambda: there.ups)
        for stream in listener._ready.values():
            stream.heard_at -= 5.0  # a dead machine's connection has been silent for longer
        async with dialing(port, new, me=replace(MASTER, boot_id="second run")) as dialer:
            await until(lambda: dialer.is_up)
            assert listener.peers("lease") == [replace(MASTER, boot_id="second run")]
    assert there.downs[0] == "it has restarted"


# A node's links together


class Pair:
    def __init__(self, node: NodeConfig, boot_id: str) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.log: list[str] = []
        events = LinkEvents(
            lambda sender, message: self.received.append((sender, message)),
            lambda name: self.log.append(f"up {name}"),
            lambda name, why: self.log.append(f"down {name}"),
            lambda why: self.log.append(f"intruder {why}"),
            lambda why: self.log.append(f"wrong {why}"),
        )
        self.links = Links(node, boot_id, events)


def wired() -> tuple[NodeConfig, NodeConfig]:
    here, there = Endpoint("127.0.0.1", free_port()), Endpoint("127.0.0.1", free_port())
    master = replace(config(), link=here, peer=Peer("primary-backup", there, ""))
    backup = replace(config(Role.BACKUP), link=there, peer=Peer("primary-master", here, ""))
    return master, backup


async def test_a_pair_s_links_rise_once_carry_both_ways_and_fall_once() -> None:
    one, two = wired()
    master, backup = Pair(one, "m"), Pair(two, "b")
    await master.links.start()
    await backup.links.start()
    try:
        await until(lambda: master.log == ["up primary-backup"] and backup.log == ["up primary-master"])
        assert master.links.send("primary-backup", {"kind": "x"})
        assert backup.links.send("primary-master", {"kind": "y"})
        assert not master.links.send("witness", {"kind": "z"})
        await until(lambda: master.received and backup.received)
        assert master.received == [("primary-backup", {"kind": "y"})]
        await backup.links.close()
        await until(lambda: master.log[-1] == "down primary-backup")
        assert len(master.log) == 2
        assert master.links.why != ""
    finally:
        await master.links.close()
        await backup.links.close()


async def test_one_direction_of_dialing_is_enough() -> None:
    one, two = wired()
    assert one.peer is not None
    unreachable = replace(one.peer, link=Endpoint("127.0.0.1", free_port()))
    master, backup = Pair(replace(one, peer=unreachable), "m"), Pair(two, "b")
    await master.links.start()
    await backup.links.start()
    try:
        await until(lambda: master.links.send("primary-backup", {"kind": "x"}))
        await until(lambda: backup.received)
    finally:
        await master.links.close()
        await backup.links.close()


async def test_a_taken_port_is_an_error_at_the_start() -> None:
    one, _ = wired()
    master = Pair(one, "m")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", one.link.port))
        squatter.listen()
        with pytest.raises(OSError):
            await master.links.start()
    await master.links.close()
