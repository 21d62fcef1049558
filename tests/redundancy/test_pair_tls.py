"""A pair and its witness whose links have TLS, from nodes that start to certificates that expire."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from redundancy.link.tls import expiring
from tests.redundancy.brokers import Broker, running
from tests.redundancy.certificates import Desk, Office
from tests.redundancy.plant import Node, Plant, host, servers, started
from tests.waiting import until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running("distributor", tmp_path) as one:
        yield one


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "papers")


@pytest.fixture
async def plant(tmp_path: Path, office: Office) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness(office.desk("witness").files)
    yield built
    await built.close()


def certified(office: Office, node: Node) -> Desk:
    desk = office.desk(node.config.node)
    node.become(link_tls=desk.files)
    return desk


def linked(node: Node) -> bool:
    view = node.runtime.view()
    return bool(view.peer and view.peer.connected and view.witness and view.witness.connected)


async def test_a_pair_with_certificates_votes_and_changes_over_as_one_without(
    plant: Plant, broker: Broker, office: Office
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    for node in (master, backup):
        certified(office, node)
    await started((master, backup))
    await until(lambda: linked(master) and linked(backup))
    assert not master.log.troubles + backup.log.troubles
    await master.kill()
    await until(lambda: backup.active, "with the witness's vote over TLS")


async def test_a_peer_without_certificates_is_refused_and_reported_and_nothing_crashes(
    plant: Plant, broker: Broker, office: Office
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    certified(office, master)
    master.start()
    backup.start()
    await until(lambda: master.active)
    await until(lambda: any("without TLS" in why for _, why in master.log.troubles))
    await until(lambda: any("wants TLS" in why for _, why in backup.log.troubles))
    assert master.runtime.view().troubles["intruder"]
    for node, said in ((master, "it hung up on the TLS handshake"), (backup, "wants TLS")):
        await until(lambda: any(said in warning for warning in node.log.views[-1].warnings))  # noqa: B023
    assert not linked(master)
    assert not backup.active, "neither its peer nor the witness votes for it"


async def test_an_expired_certificate_is_an_alarm_and_a_new_one_is_all_it_takes(
    plant: Plant, broker: Broker, office: Office
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    certified(office, master)
    desk = certified(office, backup)
    office.expire(desk, backup.config.node)
    master.start()
    backup.start()
    await until(lambda: master.active)
    # Of troubles the first of a kind in a minute is told, which may be any other; warnings are of now.
    await until(lambda: any("certificate has expired" in each for each in master.runtime.view().warnings))
    await until(lambda: any("certificate expired" in each for each in backup.runtime.view().warnings))
    assert not backup.active
    assert any("a link is refused: " in warning for warning in backup.runtime.view().warnings)
    office.mend(desk, backup.config.node)
    await until(lambda: linked(backup) and backup.state == "Standby")
    assert master.active
    for node in (master, backup):
        await until(lambda: not any("refused" in why for why in node.runtime.view().warnings))  # noqa: B023


async def test_a_certificate_that_will_soon_expire_is_a_warning_while_the_link_still_stands(
    plant: Plant, broker: Broker, office: Office
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    certified(office, master)
    desk = certified(office, backup)
    office.wear_out(desk, backup.config.node, 12)
    master.start()
    backup.start()
    await until(lambda: linked(master) and linked(backup))
    why = "the link's certificate of primary-backup expires in 12 days"
    await until(lambda: any(warning.startswith(why) for warning in master.runtime.view().warnings))
    assert not any("certificate" in warning for warning in backup.runtime.view().warnings)


def test_only_a_certificate_of_less_than_thirty_days_is_spoken_of() -> None:
    assert expiring("a", float("inf")) == ""
    assert expiring("a", time.time() + 31 * 86400) == ""
    assert "expires in 29 days" in expiring("a", time.time() + 29 * 86400)
    assert "has expired" in expiring("a", time.time() - 1)


async def test_another_node_s_certificate_makes_a_wrong_peer_until_it_is_replaced(
    plant: Plant, broker: Broker, office: Office
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    certified(office, master)
    desk = certified(office, backup)
    office.misname(desk, backup.config.node)
    master.start()
    backup.start()
    await until(lambda: "wrong-peer" in dict(master.log.troubles))
    why = next(why for kind, why in master.log.troubles if kind == "wrong-peer")
    assert "primary-backup shows a certificate that is made out to not-primary-backup" in why
    office.mend(desk, backup.config.node)
    await until(lambda: linked(master) and linked(backup))
    await until(lambda: {master.state, backup.state} == {"Active", "Standby"})
