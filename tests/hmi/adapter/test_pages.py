"""The pages of the adapter's components: what they show, who may, and that passwords never come back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from hmi.adapter.configuration import session
from hmi.gateways import sealing
from hmi.replication.schema import ComponentDocument
from hmi.worker.adapter.components import made
from redundancy.adapter.reports import ComponentStatus, Condition, ServerStatus
from tests.hmi.fake_runtime import FakeRuntime, wall
from tests.hmi.founded import become, browser

pytestmark = pytest.mark.django_db
LIST = "/config/components/"
LINE = f"{LIST}Line 1/"
SERVER = {"hostNameOrIpAddress": "one.example", "port": "1883", "protocol": "TCP", "tls": "None"}
STREAM = {"topic": "kiln", "valueField": "$.t", "dataType": "Float64", "selected": "on"}
SECRET = "a password that nobody sees"


@pytest.fixture
def alice(founded: FakeRuntime, users: Any) -> Client:
    """An engineer with one component, a data source and two further servers."""
    client = browser(users["alice"])
    post(client, f"{LIST}new/", id="Line 1", type="MQTT")
    source = SERVER | {"userName": "u", "password": SECRET, "mqttVersion": "3.1.1"}
    post(
        client,
        f"{LINE}dataSource/",
        **source,
        defaultStreamIdPattern="{Topic}",
        validateServerCertificate="on",
    )
    for number in (2, 3):
        more = SERVER | {"hostNameOrIpAddress": f"{number}.example", "serverId": f"server {number}"}
        post(client, f"{LINE}redundantServers/", **more, userName="v", password=f"{SECRET} {number}")
    return client


def post(client: Client, path: str, **data: Any) -> Any:
    answer = client.post(path, data)
    assert answer.status_code == 302, answer.content.decode()
    return answer


def page(client: Client, path: str = LINE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    assert SECRET not in text
    return text


def line() -> ComponentDocument:
    return session.in_force().component("Line 1")


def hosts() -> list[tuple[str, str]]:
    held = line()
    assert held.dataSource is not None
    return [
        ("dataSource", held.dataSource["hostNameOrIpAddress"]),
        *((each["serverId"], each["hostNameOrIpAddress"]) for each in held.redundantServers),
    ]


def passwords() -> list[str]:
    """In the order of the servers, in plain."""
    held = line()
    known = {each.id: sealing.unseal(each.sealed) for each in session.in_force().vault}
    entries = [held.dataSource or {}, *held.redundantServers]
    return [known[each["password"][2:-2]] for each in entries]


def test_a_component_is_made_and_shown_with_its_servers_in_order(alice: Client) -> None:
    assert 'href="/config/components/Line%201/"' in page(alice, LIST)
    text = page(alice)
    assert text.index("one.example:1883") < text.index("2.example:1883") < text.index("3.example:1883")
    for tag in ("Connected", "Target", "Messages", "Failovers", "Last Error"):
        assert f'data-tag="[MQTT Adapter]Line 1/Servers/server 2/{tag}"' in text


def test_how_it_is_comes_from_the_worker(alice: Client, founded: FakeRuntime) -> None:
    draft = session.in_force()
    founded.components(made("Primary", line(), list(draft.vault), None))
    one = ServerStatus("dataSource", True, True, wall(), 42)
    status = ComponentStatus(
        "Line 1", Condition.RUNNING, "data come from dataSource", (one, ServerStatus("server 2"))
    )
    founded.component(status)
    text = page(alice)
    assert "connected to <b>1</b> of <b>3</b> servers: data come from dataSource" in text
    assert 'data-quality="good"' in text
    assert "1 of 3" in page(alice, LIST)


def test_a_password_is_kept_when_its_field_is_left_empty_and_never_shown(alice: Client) -> None:
    form = page(alice, f"{LINE}redundantServers/?item=server 2")
    assert "Kept as it is if left empty" in form
    assert "{{" not in form
    more = SERVER | {"hostNameOrIpAddress": "two.example", "userName": "v"}
    post(alice, f"{LINE}redundantServers/?item=server 2", **more, password="")
    assert hosts()[1] == ("server 2", "two.example")
    assert passwords()[1] == f"{SECRET} 2"
    post(alice, f"{LINE}redundantServers/?item=server 2", **more, password="another")
    assert passwords()[1] == "another"


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(alice: Client) -> None:
    wrong = SERVER | {"port": "99999", "serverId": "server 4"}
    answer = alice.post(f"{LINE}redundantServers/", wrong)
    assert answer.status_code == 422
    assert "less than or equal to 65535" in answer.content.decode()
    answer = alice.post(f"{LINE}redundantServers/", SERVER | {"password": SECRET, "serverId": "server 4"})
    assert "Is not allowed without a userName" in answer.content.decode()
    assert SECRET not in answer.content.decode()
    assert len(hosts()) == 3


ORDER = ["dataSource", "server 2", "server 3"]


def test_servers_move_by_a_step_and_their_passwords_with_them(alice: Client) -> None:
    post(alice, f"{LINE}order/", order=ORDER, move="server 3|up")
    assert [host for _, host in hosts()] == ["one.example", "3.example", "2.example"]
    assert passwords() == [SECRET, f"{SECRET} 3", f"{SECRET} 2"]


def test_a_server_that_goes_to_the_front_becomes_the_data_source(alice: Client) -> None:
    post(alice, f"{LINE}order/", order=["server 3", "dataSource", "server 2"])
    assert hosts() == [("dataSource", "3.example"), ("server 3", "one.example"), ("server 2", "2.example")]
    assert passwords() == [f"{SECRET} 3", SECRET, f"{SECRET} 2"]
    held = line().dataSource
    assert held is not None
    assert held["defaultStreamIdPattern"] == "{Topic}"
    # And a new password of the one does not become the other's.
    post(alice, f"{LINE}redundantServers/?item=server 3", **SERVER, userName="v", password="new")
    assert passwords() == [f"{SECRET} 3", "new", f"{SECRET} 2"]


def test_an_order_that_somebody_else_has_overtaken_is_refused(alice: Client) -> None:
    answer = alice.post(f"{LINE}order/", {"order": ["dataSource", "server 2"]})
    assert answer.status_code == 400
    assert len(hosts()) == 3


def test_streams_are_added_chosen_and_removed(alice: Client) -> None:
    post(alice, f"{LINE}dataSelection/", **STREAM, streamId="kiln/temperature")
    text = page(alice)
    assert 'data-tag="[MQTT Adapter]Line 1/kiln/temperature"' in text
    post(alice, f"{LINE}choose/", shown="kiln/temperature")
    assert line().dataSelection[0]["selected"] is False
    post(alice, f"{LINE}choose/", shown="kiln/temperature", take="kiln/temperature")
    assert line().dataSelection[0]["selected"] is True
    post(alice, f"{LINE}dataSelection/remove/", item="kiln/temperature")
    assert line().dataSelection == []


def test_a_stream_that_cannot_be_read_is_refused_at_its_field(alice: Client) -> None:
    answer = alice.post(f"{LINE}dataSelection/", STREAM | {"valueField": "$["})
    assert (answer.status_code, "JSON path" in answer.content.decode()) == (422, True)
    answer = alice.post(f"{LINE}dataSelection/", STREAM | {"indexField": "$.t", "indexFormat": "HH:mm"})
    assert (answer.status_code, "it has no year" in answer.content.decode()) == (422, True)


def test_settings_are_changed_and_the_component_stopped_and_removed(alice: Client) -> None:
    post(alice, f"{LINE}clientSettings/", keepAlivePeriod="00:00:10", qosLevel="1", maxClientQueueSize="500")
    held = line()
    assert held.clientSettings is not None
    assert (held.clientSettings["keepAlivePeriod"], held.clientSettings["qosLevel"]) == ("0:00:10", 1)
    post(alice, f"{LINE}do/", do="stop")
    assert line().running is False
    post(alice, f"{LINE}do/", do="remove")
    assert alice.get(LINE).status_code == 404
    assert not list(session.in_force().vault)


def test_names_that_are_not_there_are_told_so(alice: Client) -> None:
    for path in (f"{LIST}Nowhere/", f"{LINE}nothing/", f"{LINE}redundantServers/?item=x", f"{LIST}System/"):
        assert alice.get(path).status_code == 404, path


def test_only_those_who_configure_come_in(alice: Client, users: Any) -> None:
    for name in ("bob", "victor"):
        for path in (LIST, LINE, f"{LINE}dataSource/"):
            assert browser(users[name]).get(path).status_code == 403
        assert browser(users[name]).post(f"{LINE}do/", {"do": "remove"}).status_code == 403
    assert browser(None).get(LINE).status_code == 302
    assert len(hosts()) == 3


def test_a_node_that_stands_by_shows_everything_and_says_where_to_edit(
    alice: Client, founded: FakeRuntime
) -> None:
    become(founded, "Standby", "Active")
    text = page(alice)
    assert "is Standby; the configuration is edited on the active node only" in text
    assert "Edit on primary-backup" in text
    assert alice.post(f"{LINE}do/", {"do": "remove"}).status_code == 409
    assert len(hosts()) == 3


def test_trying_a_server_says_in_a_sentence_what_is_wrong(alice: Client, founded: FakeRuntime) -> None:
    more = SERVER | {"hostNameOrIpAddress": "127.0.0.1", "port": "1", "serverId": "closed"}
    post(alice, f"{LINE}redundantServers/", **more)
    founded.components(made("Primary", line(), list(session.in_force().vault), None))
    become(founded, "Standby", "Active")
    answer = alice.post("/status/components/Line 1/try/", {"server": "closed"}, follow=True)
    assert "closed of Line 1 cannot be reached from primary-master: 127.0.0.1:1" in answer.content.decode()


def test_a_discovery_is_shown_as_a_tree_to_select_from(alice: Client, founded: FakeRuntime) -> None:
    post(alice, f"{LIST}new/", id="Line 2", type="MQTT")
    held = session.in_force().component("Line 2")
    founded.components(made("Primary", held, [], None))
    founded.component(ComponentStatus("Line 2", Condition.RUNNING, ""))
    answer = post(alice, f"{LIST}Line 2/discover/", topics="plant/#", wait="30")
    where = answer["Location"]
    text = page(alice, where)
    while "Looking" in text:
        text = page(alice, where)
    assert "the component has no data source" in text
    assert alice.post(f"{LIST}Line 2/discover/", {"topics": "a/#/b"}).status_code == 400
    assert alice.post(f"{where}choose/", {"do": "select"}).status_code == 422
    post(alice, f"{where}end/", do="delete")
    assert alice.get(where).status_code == 404
