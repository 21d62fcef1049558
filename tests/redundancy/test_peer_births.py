"""The births that two hosts have on record: after any trouble, both understand what the edge node says."""

from __future__ import annotations

import os

import pytest

from tests.redundancy.two_hosts import DEVICE, EDGE, World

HISTORIES = int(os.environ.get("BIRTH_HISTORIES", "300"))


@pytest.mark.parametrize("begin", range(0, HISTORIES, 100))
def test_when_all_is_mended_both_hosts_understand_what_is_said(begin: int) -> None:
    for seed in range(begin, min(begin + 100, HISTORIES)):
        world = World(seed)
        world.connect(world.at)
        for _ in range(120):
            world.step()
        world.quiet()
        before = [host.values for host in world.hosts]
        world.data()
        world.settle()
        for host, values in zip(world.hosts, before, strict=True):
            node = host.session.node(EDGE)
            who = f"seed {seed}: {host.name} sees {node} after {world.story}"
            assert node is not None, who
            assert node.online, who
            assert node.server == world.at, who
            assert node.devices == {DEVICE: True}, who
            assert host.values == values + 1, who


def test_a_standby_that_hears_a_death_late_takes_no_birth_off_the_record() -> None:
    """Frozen while the edge node dies and is born again, and cut off before it has read of the birth."""
    world = World(0)
    master, backup = world.hosts
    for host in world.hosts:
        host.open("one")
    world.connect("one")
    world.settle()
    world.connect("one")
    master_only = world.hosts[:1]
    while any(host.inbox["one"] for host in master_only):
        master.hear("one")
    backup.hear("one")  # the Will, and no further
    backup.lose("one")
    world.settle()
    backup.open("one")
    world.data()
    world.settle()
    assert world.acting is master
    for host in world.hosts:
        seen = host.session.node(EDGE)
        assert seen is not None
        assert seen.online, host.name
        assert seen.devices == {DEVICE: True}, host.name
