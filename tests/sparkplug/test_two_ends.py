"""Real sessions, joined by an imaginary wire: what edge nodes and hosts do to each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkplug import (
    DataType,
    EdgeSession,
    EdgeState,
    HostSession,
    HostState,
    Metric,
    NodeBorn,
    NodeDied,
    Online,
    Values,
)
from tests.sparkplug.scene import EDGE, HOST, START, number, only, problems, state
from tests.sparkplug.wire import EdgeShell, HostShell, World

A, B = "Chariot SCADA", "Chariot SCADA Peer"
STATE = f"spBv1.0/STATE/{HOST}"


class Plant:
    """Two brokers, one edge node, a host pair of which the first node speaks."""

    def __init__(self, use_aliases: bool = False) -> None:
        self.world = World(A, B)
        self.host = HostShell(self.world, HostSession(HOST))
        self.standby = HostShell(self.world, HostSession(HOST), active=False)
        self.edge = EdgeShell(self.world, EdgeSession(EDGE, HOST, use_aliases=use_aliases), [A, B])
        self.edge.node = {"Mode": number("Mode", 1)}
        self.edge.devices = {
            "Device 1": {"Tag 1": number("Tag 1", 10), "Name": Metric("Name", DataType.String, "e")}
        }
        for server in (A, B):
            self.host.listen(server)
            self.standby.listen(server)
            self.host.speak(server, START)
        self.edge.connect()
        self.world.run()

    @property
    def view(self):
        return self.host.session.node(EDGE)

    def tag(self, shell: HostShell | None = None) -> object:
        return (shell or self.host).image["Device 1", "Tag 1"]


@pytest.fixture(params=[False, True], ids=["by name", "by alias"])
def plant(request) -> Plant:
    return Plant(use_aliases=request.param)


def no_problems(*shells) -> bool:
    return not any(problems(shell.happened) for shell in shells)


def test_everything_comes_up(plant):
    assert plant.edge.session.state is EdgeState.ONLINE
    assert (plant.view.online, plant.view.server, plant.view.devices) == (True, A, {"Device 1": True})
    assert plant.tag() == plant.tag(plant.standby) == 10
    assert no_problems(plant.host, plant.standby, plant.edge)


def test_a_change_reaches_both_hosts(plant):
    plant.edge.write("Device 1", number("Tag 1", -7))
    plant.world.run()

    assert plant.tag() == plant.tag(plant.standby) == -7


def test_a_write_reaches_the_tag_and_comes_back(plant):
    plant.host.send(plant.host.session.command(EDGE, "Device 1", [number("Tag 1", 99)], plant.world.now))
    plant.world.run()

    assert plant.edge.devices["Device 1"]["Tag 1"].value == 99
    assert plant.tag() == 99
    assert no_problems(plant.host, plant.standby, plant.edge)


def test_power_loss_of_the_edge_kills_it_and_its_return_revives_it(plant):
    plant.edge.cut()
    plant.world.run()
    assert not plant.view.online
    assert len(only(NodeDied, plant.host.happened)) == 1

    plant.edge.connect()
    plant.world.run()
    assert plant.view.online
    assert plant.view.bd_seq == 1


def test_a_will_that_comes_after_the_next_birth_kills_nothing(plant):
    old = plant.edge.client
    plant.edge.session.disconnected(plant.world.now)
    plant.edge.connect()
    plant.world.run()

    old.break_off()
    plant.world.run()

    assert plant.view.online
    assert only(NodeDied, plant.host.happened) == []


def test_when_the_host_leaves_the_server_the_edge_goes_to_the_next_one(plant):
    plant.host.speakers[A].break_off()
    plant.world.run()
    assert plant.edge.session.state is EdgeState.CLOSED
    assert not plant.view.online

    plant.edge.connect()
    plant.world.run()
    assert (plant.view.online, plant.view.server) == (True, B)


def test_a_silent_host_is_waited_for_and_then_left(plant):
    for broker in plant.world.brokers.values():
        broker.retained.clear()
    plant.edge.cut()
    plant.edge.connect()

    plant.world.pass_time(2.9)
    assert plant.edge.session.state is EdgeState.WAITING
    plant.world.pass_time(0.2)
    assert plant.edge.session.state is EdgeState.CLOSED


def test_a_planned_switch_of_the_host_moves_the_role_and_not_the_edge(plant):
    for server in (A, B):
        plant.standby.speak(server, START + 1)
    plant.world.run()
    for server, presence in plant.host.presences.items():
        plant.host._present(server, presence.leave())
    plant.world.run()

    assert plant.edge.session.state is EdgeState.ONLINE
    assert plant.world.brokers[A].said("NDEATH") == 0
    assert only(NodeDied, plant.standby.happened) == []
    assert HostState.decode(plant.world.brokers[A].retained[STATE]) == HostState(True, START + 1)


def test_the_will_of_the_replaced_host_is_answered_and_moves_no_edge(plant):
    plant.standby.speak(A, START + 1)
    plant.world.run()

    plant.host.speakers[A].break_off()
    plant.world.run()

    assert HostState.decode(plant.world.brokers[A].retained[STATE]) == HostState(True, START + 1)
    assert plant.edge.session.state is EdgeState.ONLINE


def test_a_forged_offline_is_outlived(plant):
    plant.world.brokers[A].publish(STATE, state(False, START + 500), retain=True)
    plant.world.run()

    now = HostState.decode(plant.world.brokers[A].retained[STATE])
    assert now.online
    assert now.timestamp > START + 500
    plant.edge.position = 0
    plant.edge.connect()
    plant.world.run()
    assert (plant.view.online, plant.view.server) == (True, A)


def test_a_lost_message_is_healed_by_a_birth(plant):
    plant.edge.write("Device 1", number("Tag 1", 1))
    ingest = plant.host.clients[A]
    ingest.inbox.pop()
    plant.edge.write("Device 1", Metric("Name", DataType.String, "f"))
    plant.world.run()
    assert plant.tag() == 10

    plant.world.pass_time(3)

    assert plant.tag() == 1
    assert plant.host.image["Device 1", "Name"] == "f"
    assert problems(plant.host.happened) == ["seq-gap"]
    assert plant.host.session.deadline() is None


def test_a_host_that_comes_late_asks_for_the_births_it_has_missed(plant):
    late = HostShell(plant.world, HostSession(HOST))
    late.listen(A)
    plant.edge.write("Device 1", number("Tag 1", 4))
    plant.world.pass_time(1)

    assert late.session.node(EDGE).devices == {"Device 1": True}
    assert plant.tag(late) == 4
    assert only(Online, plant.edge.happened)[-1] == Online(rebirth=True)


def test_a_standby_that_comes_late_gets_the_births_from_its_peer_and_asks_nobody(plant):
    late = HostShell(plant.world, HostSession(HOST), active=False)
    late.listen(A)
    for birth in plant.host.session.births():
        late.perform(late.session.adopt(birth, plant.world.now))
    plant.edge.write("Device 1", number("Tag 1", 4))
    plant.world.run()

    assert plant.tag(late) == 4
    assert no_problems(late)
    assert len(only(NodeBorn, plant.host.happened)) == 1


def test_a_lost_server_makes_the_node_stale_until_its_birth_comes_again(plant):
    plant.host.clients[A].break_off()
    plant.host.perform(plant.host.session.disconnected(A, plant.world.now))
    assert not plant.view.online

    plant.host.listen(A)
    plant.world.pass_time(1)

    assert plant.view.online
    assert plant.view.devices == {"Device 1": True}


def test_a_new_tag_comes_with_a_birth(plant):
    plant.edge.write("Device 1", number("New", 5))
    plant.world.run()

    assert plant.host.image["Device 1", "New"] == 5


def test_historical_values_do_not_change_the_live_one(plant):
    plant.edge.perform(
        plant.edge.session.data(
            "Device 1", [number("Tag 1", 3, is_historical=True, timestamp=5)], plant.world.now
        )
    )
    plant.world.run()

    assert plant.tag() == 10
    assert [m.value for v in only(Values, plant.host.happened) for m in v.metrics] == [3]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), use_aliases=st.booleans())
def test_whatever_the_wire_does_the_host_ends_up_with_what_the_edge_has(data, use_aliases):
    """Messages to the host lost, doubled and swapped; power loss of the edge; the host's connection lost."""
    plant = Plant(use_aliases)
    inbox = plant.host.clients[A].inbox
    for n in range(data.draw(st.integers(5, 40))):
        plant.edge.write("Device 1", number("Tag 1", 1000 + n))
        inbox = plant.host.clients[A].inbox
        match data.draw(
            st.sampled_from(["", "", "lose", "double", "swap", "run", "run", "wait", "cut", "blind"])
        ):
            case "lose" if inbox:
                inbox.pop()
            case "double" if inbox:
                inbox.append(inbox[-1])
            case "swap" if len(inbox) > 1:
                inbox[-1], inbox[-2] = inbox[-2], inbox[-1]
            case "run":
                plant.world.run()
            case "wait":
                plant.world.pass_time(3)
            case "cut":
                plant.edge.cut()
                plant.edge.connect()
            case "blind":
                plant.host.clients[A].break_off()
                plant.host.perform(plant.host.session.disconnected(A, plant.world.now))
                plant.host.listen(A)
        plant.world.seconds += 0.01
    plant.world.pass_time(1)
    plant.edge.write("Device 1", number("Tag 1", 5))
    plant.world.pass_time(120)

    assert plant.view.online
    assert plant.view.devices == {"Device 1": True}
    assert plant.tag() == 5
    assert plant.host.session.deadline() is None
