"""The routes of discoveries, answered by the worker's own discoveries over a real desk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hmi.adapter.discovery import discoveries
from hmi.adapter.facets.answers import Refused
from hmi.worker.adapter.discovery import AdapterDiscoveries, Ground
from redundancy.adapter.config import ComponentConfig
from tests.hmi.adapter.api.contract import MQTT1, STREAMS
from tests.hmi.adapter.api.test_contract import send
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db
WHERE = f"{MQTT1}/Discoveries"


@pytest.fixture
def worker(founded: Any, users: Any) -> AdapterDiscoveries:
    """The fake worker's desk with real discoveries of a component that has no server yet."""

    async def select(component: str, entries: list[dict[str, Any]]) -> None: ...

    made = AdapterDiscoveries(
        lambda name: Ground(ComponentConfig(name), {}, frozenset()), select, "http://node"
    )
    founded.desk._operations |= made.table
    return made


def get(path: str) -> Any:
    answer = send("GET", path, None)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def test_a_discovery_is_begun_watched_and_taken_into_the_selection(worker: AdapterDiscoveries) -> None:
    assert get(WHERE) == []
    begun = send("POST", WHERE, {"ID": "first", "query": "Topics=plant/#;WaitTime=30", "autoSelect": "false"})
    assert begun.status_code == 202
    assert json.loads(begun.content)["id"] == "first"
    assert send("POST", WHERE, {"id": "First"}).status_code == 409
    wait_for(lambda: get(f"{WHERE}/FIRST")["status"] == "Failed", "without a data source it fails")
    # What a broker would have said.
    found = worker._by_component["MQTT1"]["first"]
    found.findings.message("plant/heat", b'{"value": 1.5}')
    found.result = found.findings.entries()
    (entry,) = get(f"{WHERE}/first/result")
    assert entry["topic"] == "plant/heat"
    assert get(f"{STREAMS}?diff=first") == [entry]
    for choice, selected, added in (("select", True, 1), ("unselect", False, 0), ("Select", True, 0)):
        answer = send("POST", f"{STREAMS}/{choice}?discoveryId=first", None)
        assert (answer.status_code, json.loads(answer.content)) == (200, {"total": 1, "added": added})
        assert [each["selected"] for each in get(STREAMS)] == [selected]
    assert get(f"{STREAMS}?diff=first") == []
    assert get(f"{WHERE}/first/result?diff=first") == []
    everything = send("GET", "configuration", None, **{"accept-verbosity": "verbose"})
    assert [each["id"] for each in json.loads(everything.content)["MQTT1"]["Discoveries"]] == ["first"]
    assert send("POST", f"{WHERE}/first/cancel", None).status_code == 409
    for path in (f"{WHERE}/first/result", f"{WHERE}/first", WHERE):
        assert send("DELETE", path, None).status_code == 200
    assert send("GET", f"{WHERE}/first", None).status_code == 404
    assert send("DELETE", f"{WHERE}/first", None).status_code == 404
    assert send("POST", f"{STREAMS}/select?discoveryId=first", None).status_code == 404


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "one object"),
        ({"progress": 30}, "One or more fields are read only."),
        ({"colour": 1}, "Invalid fields specified - colour"),
        ({"id": 7}, "id"),
        ({"autoSelect": "perhaps"}, "autoSelect"),
        ({"query": "Topics=/a"}, "begins with /"),
        ({"query": "Topics=a/"}, "ends with /"),
        ({"query": "Topics=a/#/b"}, "#"),
        ({"query": "WaitTime=00:00:29"}, "WaitTime"),
        ({"query": "Colour=red"}, "query"),
    ],
)
def test_what_makes_no_discovery_is_refused(worker: AdapterDiscoveries, body: Any, why: str) -> None:
    answer = send("POST", WHERE, body)
    assert answer.status_code == 400
    assert why in json.loads(answer.content)["error"]


def test_a_query_says_topics_and_how_long() -> None:
    assert discoveries.parsed("") == (["#"], 60.0)
    assert discoveries.parsed("topics=a, b/#;waittime=1.00:00:00") == (["a", "b/#"], 86_400.0)
    with pytest.raises(Refused):
        discoveries.parsed("WaitTime=8.00:00:00")


def test_a_worker_that_cannot_discover_says_so(
    founded: Any, users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for operation in founded.board.table:
        monkeypatch.delitem(founded.desk._operations, operation)
    assert send("GET", WHERE, None).status_code == 400
    assert send("GET", "configuration/system/discoveries", None).status_code == 404
    assert send("PUT", WHERE, {}).status_code == 400
