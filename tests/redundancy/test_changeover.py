"""How a changeover is measured."""

from redundancy.changeover import AFTERMATH, GIVE_UP, Changeover
from redundancy.host.reception import Reception
from sparkplug import DataType, EdgeNodeId, Metric

EDGE_1, EDGE_2 = EdgeNodeId("Group 1", "Edge 1"), EdgeNodeId("Group 1", "Edge 2")


def changeover(*awaited: EdgeNodeId) -> Changeover:
    return Changeover("c1", "silence", "master", "backup", 7, 1_700_000_000_000, 100.0, set(awaited))


def test_times_count_from_the_last_heartbeat_of_the_node_that_acted_before() -> None:
    one = changeover(EDGE_1, EDGE_2)
    one.active(102.0)
    one.mqtt(["b1"], 102.25)
    one.edges_online([EDGE_1], 102.5)
    one.edges_online([EDGE_2], 103.125)
    report = one.report()
    assert (report["active_after_ms"], report["mqtt_after_ms"]) == (2000, 2250)
    assert report["edges_online_after_ms"] == 3125
    assert one.complete


def test_the_report_has_the_fields_of_the_contract_and_null_where_nothing_is_known() -> None:
    assert changeover(EDGE_1).report() == {
        "id": "c1",
        "cause": "silence",
        "from": "master",
        "to": "backup",
        "epoch": 7,
        "started": 1_700_000_000_000,
        "active_after_ms": None,
        "mqtt_after_ms": None,
        "edges_online_after_ms": None,
        "replayed": None,
        "lost": None,
        "duplicates": None,
        "repeated": None,
        "finished": False,
        "steps": [],
        "edges": {},
        "awaited": ["Group 1/Edge 1"],
        "commands": [],
    }


def test_edges_that_noticed_nothing_count_once_they_can_be_commanded() -> None:
    one = changeover(EDGE_1)
    one.active(100.1)
    one.edges_online([EDGE_1], 100.1)
    assert not one.complete
    one.mqtt(["b1"], 100.2)
    one.edges_online([EDGE_1], 100.2)
    assert one.report()["edges_online_after_ms"] == 200


def test_only_the_first_step_of_a_kind_counts() -> None:
    one = changeover()
    one.active(101.0)
    one.active(105.0)
    assert one.mqtt(["b1"], 102.0)
    assert not one.mqtt(["b1"], 106.0)
    assert one.report()["mqtt_after_ms"] == 2000
    assert one.report()["active_after_ms"] == 1000


def test_an_edge_that_never_comes_back_is_reported_as_unknown() -> None:
    one = changeover(EDGE_1)
    one.active(101.0)
    one.mqtt(["b1"], 101.0)
    assert not one.over(101.0, quiet=True)
    assert one.over(100.0 + GIVE_UP + 1, quiet=False)
    assert one.report()["edges_online_after_ms"] is None


def test_a_clock_that_jumped_never_makes_a_time_negative() -> None:
    one = changeover()
    one.active(99.0)
    assert one.report()["active_after_ms"] == 0


def test_counts_add_up_and_a_loss_is_null_only_while_none_is_known() -> None:
    one = changeover()
    one.count(replayed=3)
    one.count(replayed=4, lost=2)
    report = one.report()
    assert (report["replayed"], report["lost"], report["duplicates"]) == (7, 2, None)


def test_every_step_is_told_with_its_time() -> None:
    one = changeover(EDGE_1)
    one.step("last heartbeat of master", 100.0)
    one.active(101.9)
    one.mqtt(["b1"], 102.0)
    one.mqtt(["b1", "b2"], 102.5)
    one.edges_online([EDGE_1], 103.0)
    assert one.report()["steps"] == [
        ["last heartbeat of master", 0],
        ["backup holds the role with epoch 7", 1900],
        ["active at b1", 2000],
        ["active at b2", 2500],
        ["Group 1/Edge 1 is online", 3000],
    ]


def test_it_is_over_when_what_is_sent_again_has_come_and_not_with_the_births() -> None:
    one = changeover(EDGE_1)
    one.mqtt(["b1"], 102.0)
    one.edges_online([EDGE_1], 103.0)
    assert not one.over(103.0, quiet=True)
    assert not one.over(103.0 + AFTERMATH, quiet=False)
    assert one.over(103.0 + AFTERMATH, quiet=True)


def test_the_gap_of_an_edge_node_reaches_from_its_last_live_value_before_to_its_first_after() -> None:
    reception = Reception()
    live = Metric("Counter", DataType.Int64, 1)
    reception.heard(EDGE_1, [live], 99.9)
    reception.watch()
    reception.heard(EDGE_1, [live._replace(is_historical=True)] * 25, 103.0)
    reception.heard(EDGE_1, [live], 103.1)
    reception.heard(EDGE_1, [live], 103.2)
    one = changeover(EDGE_1)
    one.received(EDGE_1, reception.of(EDGE_1))
    one.received(EDGE_2, reception.of(EDGE_2))
    edges = one.report()["edges"]
    assert edges[str(EDGE_1)] == {"online_after_ms": None, "gap_ms": 3200, "replayed": 25}
    assert edges[str(EDGE_2)] == {"online_after_ms": None, "gap_ms": None, "replayed": 0}
