"""How a changeover is measured."""

from redundancy.changeover import GIVE_UP, Changeover
from sparkplug import EdgeNodeId

EDGE_1, EDGE_2 = EdgeNodeId("Group 1", "Edge 1"), EdgeNodeId("Group 1", "Edge 2")


def changeover(*awaited: EdgeNodeId) -> Changeover:
    return Changeover("c1", "silence", "master", "backup", 7, 1_700_000_000_000, 100.0, set(awaited))


def test_times_count_from_the_last_heartbeat_of_the_node_that_acted_before() -> None:
    one = changeover(EDGE_1, EDGE_2)
    one.active(102.0)
    one.mqtt(102.25)
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
    }


def test_edges_that_noticed_nothing_count_once_they_can_be_commanded() -> None:
    one = changeover(EDGE_1)
    one.active(100.1)
    one.edges_online([EDGE_1], 100.1)
    assert not one.complete
    one.mqtt(100.2)
    assert one.report()["edges_online_after_ms"] == 200


def test_only_the_first_step_of_a_kind_counts() -> None:
    one = changeover()
    one.active(101.0)
    one.active(105.0)
    assert one.mqtt(102.0)
    assert not one.mqtt(106.0)
    assert one.report()["mqtt_after_ms"] == 2000
    assert one.report()["active_after_ms"] == 1000


def test_an_edge_that_never_comes_back_is_reported_as_unknown() -> None:
    one = changeover(EDGE_1)
    one.active(101.0)
    one.mqtt(101.0)
    assert not one.overdue(101.0)
    assert one.overdue(100.0 + GIVE_UP + 1)
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
