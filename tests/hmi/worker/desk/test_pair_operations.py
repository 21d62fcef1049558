"""What the desk can be asked of the pair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hmi.desk import DeskError
from hmi.worker.desk.pair_operations import PairOperations
from hmi.worker.desk.timeline import MOST, Timeline
from redundancy.clock import Clock
from redundancy.core.view import PeerView
from redundancy.ports import EdgeView, Refused
from redundancy.replication import providers
from redundancy.replication.records import Record
from sparkplug import EdgeNodeId
from tests.hmi.worker.gateways import node, view

EDGE = EdgeNodeId("Group 1", "Edge 1")


class ScriptedRuntime:
    """The runtime as the desk sees it; what it was ordered is kept."""

    loop_lag = 0.001

    def __init__(self):
        self.now, self.ordered, self.refusal = view(), [], None

    def view(self):
        return self.now

    async def failover(self, reason, by, *, even_if_silent=False):
        self._order("failover", reason, by, even_if_silent)
        return "changeover-1"

    def maintenance(self, on, by, reason=""):
        self._order("maintenance", on, by, reason)

    def resync(self, by):
        self._order("resync", by)

    def _order(self, *what):
        if self.refusal is not None:
            raise self.refusal
        self.ordered.append(what)


async def version():
    return "v2"


@pytest.fixture
def runtime():
    return ScriptedRuntime()


@pytest.fixture
def operations(runtime):
    made = PairOperations(node(), Clock(), version)
    made.attach(runtime)
    return made


async def test_a_failover_is_passed_on_and_a_refusal_is_a_conflict(operations, runtime):
    assert await operations.failover("drill", "eva") == {"changeover": "changeover-1"}
    await operations.failover("it burns", "root", even_if_silent=True)
    assert runtime.ordered == [
        ("failover", "drill", "eva", False),
        ("failover", "it burns", "root", True),
    ]
    runtime.refusal = Refused("the peer is not connected", "primary-master")
    with pytest.raises(DeskError) as refusal:
        await operations.failover("drill", "eva")
    assert (refusal.value.status, refusal.value.reason) == (409, "the peer is not connected")
    assert "primary-master" in refusal.value.resolution


async def test_maintenance_and_a_resync_are_passed_on_and_refused_with_the_reason(operations, runtime):
    assert await operations.maintenance(True, "egon", "a new disk") == {"maintenance": True}
    assert await operations.resync("eva") == {"config_version": "v2"}
    assert runtime.ordered == [("maintenance", True, "egon", "a new disk"), ("resync", "eva")]
    runtime.refusal = Refused("nobody could act instead")
    for refused in (operations.maintenance(True, "egon"), operations.resync("eva")):
        with pytest.raises(DeskError) as refusal:
            await refused
        assert refusal.value.status == 409


async def test_before_the_runtime_is_there_every_question_is_answered_with_that():
    with pytest.raises(DeskError) as refusal:
        await PairOperations(node(), Clock(), version).pair()
    assert refusal.value.status == 503


async def test_the_pair_shows_settings_links_providers_and_what_was(operations, runtime):
    trip = replace(runtime.now.peer, round_trip=0.00123)
    runtime.now = replace(runtime.now, peer=trip)
    operations.saw(runtime.now)
    operations.applied([Record("bdseq", "Group 1/Edge 1", 1, 1, "a", b"7")])

    seen = await operations.pair()

    assert seen["settings"]["Mode"] == "Master"
    assert seen["settings"]["Failover Timeout"] == "2000 ms"
    assert seen["peer"]["round_trip_ms"] == 1.23
    pulled = {one["name"]: (one["pulled"], one["last_pull"] is not None) for one in seen["providers"]}
    assert pulled["bdseq"] == (1, True)
    assert pulled["birth"] == (0, False)
    assert seen["timeline"]["lanes"]["primary-master"][-1][1] == "Active"


def test_two_providers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="bdseq is registered already"):
        providers.register("bdseq", "something else")


class TestTimeline:
    def test_a_lane_has_a_span_for_each_change_and_none_for_a_repetition(self):
        timeline = Timeline()
        edges = {"e": EdgeView(EDGE, True, "b")}
        timeline.saw(view("Standby"), 1_000)
        timeline.saw(view("Standby"), 2_000)
        timeline.saw(replace(view("Active"), edges=edges), 3_000)
        lanes = timeline.since(0)
        assert [(span.at, span.word) for span in lanes["primary-master"]] == [
            (1_000, "Standby"),
            (3_000, "Active"),
        ]
        assert [span.word for span in lanes["edge nodes"]] == ["1 of 1 online"]

    def test_what_holds_at_the_beginning_is_shown_however_old_it_is(self):
        timeline = Timeline()
        for at, state in ((1_000, "Standby"), (2_000, "Active"), (9_000, "Draining")):
            timeline.saw(view(state), at)
        assert [span.word for span in timeline.since(5_000)["primary-master"]] == ["Active", "Draining"]

    def test_a_lost_peer_is_down_and_a_flapping_one_fills_no_memory(self):
        timeline, up = Timeline(), view()
        down = replace(up, peer=replace(up.peer, connected=False))
        for at in range(3 * MOST):
            timeline.saw(up if at % 2 else down, at)
        assert timeline.since(0)["primary-backup"][-2].word == "down"
        assert len(timeline.since(0)["primary-backup"]) == MOST
        assert isinstance(up.peer, PeerView)
