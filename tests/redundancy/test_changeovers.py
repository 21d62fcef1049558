"""Changeovers put on record, and the records of others."""

from __future__ import annotations

import json

from redundancy.changeover import AFTERMATH
from redundancy.changeovers import Changeovers
from redundancy.core.actions import Activate
from redundancy.host.reception import Reception
from redundancy.replication.ledger import CHANGEOVER, Ledger
from redundancy.replication.records import Record
from redundancy.site import Farewells, Site, Troubles
from sparkplug import EdgeNodeId
from tests.redundancy.plant import Hand, Log

EDGE = EdgeNodeId("Group 1", "Edge 1")


async def never(*_: object) -> bool:
    return False


def made() -> tuple[Changeovers, Log, Hand, Ledger]:
    clock, log, ledger = Hand(), Log(), Ledger(never)
    troubles = Troubles(clock, log)
    return Changeovers(Site("b", clock, ledger, log, lambda: True, troubles, Farewells())), log, clock, ledger


def progress(changeovers: Changeovers, *, quiet: bool = True, online: tuple[EdgeNodeId, ...] = ()) -> None:
    changeovers.progress(servers=["broker"], online=online, replayed=7, dropped=0, quiet=quiet)


async def test_a_wish_is_counted_from_when_it_was_made() -> None:
    changeovers, log, clock, ledger = made()
    changeovers.asked("wish-1")
    clock.mono += 0.5
    changeovers.begin(Activate(4, "asked for", True, "a", "wish-1"), "a", 99.0, {EDGE}, (), None, 3, 0)
    clock.mono += 0.25
    progress(changeovers, online=(EDGE,))
    clock.mono += AFTERMATH
    progress(changeovers, online=(EDGE,))
    report = log.changeovers["wish-1"]
    assert (report["active_after_ms"], report["edges_online_after_ms"]) == (500, 750)
    assert (report["from"], report["to"], report["replayed"]) == ("a", "b", 4)
    assert json.loads(ledger.get(CHANGEOVER, "wish-1") or b"") == report
    assert not changeovers.running


async def test_it_ends_when_the_resending_is_over_or_nobody_believes_in_it_any_more() -> None:
    changeovers, log, clock, _ = made()
    changeovers.begin(Activate(4, "silence"), "a", 98.0, {EDGE}, (), None, 0, 0)
    progress(changeovers, quiet=False)
    assert changeovers.running
    clock.mono += 60
    progress(changeovers, quiet=False)
    assert not changeovers.running
    (report,) = log.changeovers.values()
    assert (report["active_after_ms"], report["edges_online_after_ms"]) == (2000, None)
    assert report["started"] == 1_700_000_000_000 - 2000


async def test_a_role_that_goes_again_leaves_its_report_as_it_stands() -> None:
    changeovers, log, _, _ = made()
    changeovers.begin(Activate(4, "silence"), "a", None, {EDGE}, (), None, 0, 0)
    assert [report["finished"] for report in log.changeovers.values()] == [False]
    changeovers.stand_down()
    assert not changeovers.running
    assert [report["finished"] for report in log.changeovers.values()] == [True]


async def test_records_of_the_peer_are_shown_and_spoilt_ones_counted() -> None:
    changeovers, log, _, _ = made()
    good = {"id": "x", "epoch": 3}
    bodies = [json.dumps(good).encode(), b"{", b"[]", b""]
    changeovers.applied(Record(CHANGEOVER, str(n), 1, n, "a", body) for n, body in enumerate(bodies))
    assert log.changeovers == {"x": good}
    assert [kind for kind, _ in log.troubles] == ["changeover-record"]


async def test_wishes_that_came_to_nothing_are_forgotten() -> None:
    changeovers, log, clock, _ = made()
    for number in range(500):
        changeovers.asked(f"wish-{number}")
    changeovers.asked("")
    clock.mono += 1
    changeovers.begin(Activate(4, "asked for", True, "a", "wish-1"), "a", clock.mono, set(), (), None, 0, 0)
    assert log.changeovers["wish-1"]["active_after_ms"] == 0


async def test_what_came_twice_is_the_difference_of_what_history_has_counted() -> None:
    changeovers, log, clock, _ = made()
    counted = iter([3, 7])
    log.repeated = lambda: next(counted)  # type: ignore[method-assign]
    changeovers.begin(Activate(4, "silence"), "a", 98.0, {EDGE}, (), Reception(), 0, 0)
    progress(changeovers, online=(EDGE,))
    clock.mono += AFTERMATH
    progress(changeovers, online=(EDGE,))
    (report,) = log.changeovers.values()
    assert (report["repeated"], report["duplicates"]) == (4, None)
