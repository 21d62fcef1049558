"""Which interface the pair link uses, and where a Backup looks for its Master."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from redundancy.config import ConfigError, Endpoint
from tests.ports import free_port
from tests.redundancy.brokers import Broker, running
from tests.redundancy.cable import Cable
from tests.redundancy.link_ends import config
from tests.redundancy.plant import Node, Plant, host, servers, started
from tests.waiting import until

HERE, THERE = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running("distributor", tmp_path) as one:
        yield one


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    await built.start_witness()
    yield built
    await built.close()


def callers(node: Node) -> set[str]:
    """The addresses that the peer's connections come from."""
    listener = node.runtime._links.listener
    assert listener is not None
    return {stream.address for stream in listener._ready.values()}


def redirect(node: Node, link: Endpoint) -> None:
    """The node looks for its peer there."""
    assert node.config.peer is not None
    node.become(peer=replace(node.config.peer, link=link))


def listens_at(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


async def test_a_pair_bound_to_its_interfaces_listens_and_dials_there_and_nowhere_else(
    plant: Plant, broker: Broker
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    for node, address in ((master, HERE), (backup, THERE)):
        node.become(bind_interface=address)
    redirect(master, Endpoint(THERE, backup.config.link.port))
    redirect(backup, Endpoint(HERE, master.config.link.port))
    await started((master, backup))
    await until(lambda: callers(master) == {THERE} and callers(backup) == {HERE})
    for node, address in ((master, HERE), (backup, THERE)):
        assert node.config.listens == Endpoint(address, node.config.link.port)
        assert not listens_at("127.0.0.1", node.config.link.port)


async def test_a_pair_that_detects_its_interface_listens_where_it_is_looked_for(
    plant: Plant, broker: Broker
) -> None:
    master, backup = plant.pair(host(*servers(broker)))
    await started((master, backup))
    await until(lambda: callers(master) == callers(backup) == {"127.0.0.1"})
    assert listens_at("127.0.0.1", master.config.link.port)


async def test_an_interface_that_this_machine_lacks_is_an_error_at_the_start(
    plant: Plant, broker: Broker
) -> None:
    master, _ = plant.pair(host(*servers(broker)))
    master.become(bind_interface="192.0.2.7")
    with pytest.raises(OSError, match=r"192\.0\.2\.7"):
        await master.runtime.run()


def test_an_interface_is_an_address_and_not_a_name() -> None:
    for wrong in ("eth0", "localhost", "10.0.0", "10.0.0.1:8060"):
        with pytest.raises(ConfigError, match="is no IP address of this machine"):
            config(bind_interface=wrong)
    assert config(bind_interface="::1").listens.host == "::1"


async def test_a_backup_finds_its_master_at_the_master_node_address(plant: Plant, broker: Broker) -> None:
    """As behind a forwarded port: what answers there is a cable, not the master's own link."""
    master, backup = plant.pair(host(*servers(broker)))
    redirect(master, Endpoint("127.0.0.1", free_port()))  # the master can't reach the backup
    cable = Cable(master.config.link)
    await cable.start()
    redirect(backup, cable.here)
    await started((master, backup))
    await until(lambda: bool((peer := master.runtime.view().peer) and peer.connected))
    assert not callers(backup)
    await cable.close()
