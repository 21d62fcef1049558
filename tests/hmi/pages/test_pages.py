"""Every page for every role; what a page shows before any script runs; what it never lets through."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from hmi import desk
from hmi.dashboards.models import Dashboard, Widget
from hmi.people.models import AuditRow, User
from hmi.replication.models import Changeover
from hmi.tags.about import About
from tests.hmi.fake_runtime import ENGINE, TAG_1, FakeRuntime
from tests.hmi.live_node import OTHER, OWN, signed_in

pytestmark = pytest.mark.django_db

ROLES = ("viewer", "operator", "engineer", "administrator")
FROM = {role: frozenset(ROLES[number:]) for number, role in enumerate(ROLES)}

# Every address that answers a GET, and the roles that may open it.
PAGES = {
    "/": FROM["viewer"],
    "/parts/plant/": FROM["viewer"],
    "/dashboards/": FROM["viewer"],
    "/dashboards/primary/": FROM["viewer"],
    "/status/redundancy/": FROM["viewer"],
    "/parts/redundancy/": FROM["viewer"],
    "/tags/": FROM["viewer"],
    "/tags/?path=[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1": FROM["viewer"],
    "/tags/tag/?path=[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1": FROM["viewer"],
    "/tags/new/": FROM["engineer"],
    "/audit/": FROM["engineer"],
    "/users/": FROM["administrator"],
    "/users/new/": FROM["administrator"],
}
ORDERS = {
    "/tags/write": FROM["operator"],
    "/status/redundancy/failover/": FROM["engineer"],
    "/status/redundancy/resync/": FROM["engineer"],
    "/tags/1/remove/": FROM["engineer"],
}


class Page(HTMLParser):
    """What a page holds: its live values by tag, and everything that the policy would block."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: dict[str, tuple[str, str]] = {}
        self.forbidden: list[str] = []
        self._tag: tuple[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "style" or (tag == "script" and not found.get("src")):
            self.forbidden.append(tag)
        self.forbidden += [name for name in found if name == "style" or name.startswith("on")]
        if "data-tag" in found:
            self._tag = (found["data-tag"] or "", found["data-quality"] or "")

    def handle_data(self, data: str) -> None:
        if self._tag is not None:
            self.values[self._tag[0]] = (self._tag[1], data)
            self._tag = None


def opened(client: Client, path: str, **extra: Any) -> str:
    response = client.get(path, **extra)
    assert response.status_code == 200, response.content
    return response.content.decode()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", [None, *ROLES])
def test_a_page_opens_for_who_may_look_and_for_nobody_else(
    node: FakeRuntime, boards: None, people: dict[str, User], path: str, role: str | None
) -> None:
    response = signed_in(people[role] if role else None).get(path)
    if role is None:
        assert response.status_code == 302
        assert response.url.startswith("/login/?next=")
    else:
        assert response.status_code == (200 if role in PAGES[path] else 403)


@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.parametrize("role", [None, *ROLES])
def test_an_order_is_taken_from_who_may_give_it_and_from_nobody_else(
    node: FakeRuntime, people: dict[str, User], path: str, role: str | None
) -> None:
    response = signed_in(people[role] if role else None).post(
        path, {"path": TAG_1, "value": "5", "reason": "a test"}
    )
    if role is None:
        assert response.status_code == 302
    elif role in ORDERS[path]:
        assert response.status_code in (200, 302, 404)
    else:
        assert response.status_code == 403
    if role is None or role not in ORDERS[path]:
        assert not node.written
        assert not node.asked


@pytest.mark.parametrize("path", ["/tags/write", "/status/redundancy/failover/", "/users/new/", "/tags/new/"])
def test_an_order_from_a_foreign_page_is_refused(
    node: FakeRuntime, people: dict[str, User], path: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["administrator"], backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(path, {"path": TAG_1, "value": "5", "reason": "forged"})
    assert response.status_code == 403
    assert not node.written
    assert not node.asked


@pytest.mark.parametrize("path", [*PAGES, "/login/", "/no/such/page/"])
def test_no_page_needs_an_inline_script_or_style(
    node: FakeRuntime, boards: None, people: dict[str, User], path: str
) -> None:
    response = signed_in(people["administrator"] if path != "/login/" else None).get(path)
    assert Page(response.content.decode()).forbidden == []
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    connect = next(part for part in policy.split("; ") if part.startswith("connect-src"))
    ws = [url.replace("http", "ws") for url in (OWN, OTHER)]
    assert set(connect.split()[1:]) == {OWN, OTHER, *ws}
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_dashboard_has_the_tutorial_s_labels_and_every_value_in_the_html(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    text = opened(signed_in(people["viewer"]), "/dashboards/primary/")
    labels = re.findall(r'<th scope="row">([^<]+)</th>', text)
    assert labels == [
        "Redundancy State",
        "Redundancy Role",
        "Edge 1 Tag 1",
        "Edge 2 Tag 1",
        "MQTT Engine Connected",
        "Edge 1 Connected",
        "Edge 2 Connected",
    ]
    edges = "[MQTT Engine]Edge Nodes/Group 1"
    assert Page(text).values == {
        f"{ENGINE}/Redundancy State": ("good", "Active"),
        f"{ENGINE}/Redundancy Role": ("good", "Master"),
        f"{edges}/Edge 1/Device 1/Tag 1": ("good", "10"),
        f"{edges}/Edge 2/Device 1/Tag 1": ("good", "20"),
        f"{ENGINE}/MQTT Clients/Chariot SCADA/Online": ("good", "true"),
        f"{edges}/Edge 1/Node Info/Online": ("good", "true"),
        f"{edges}/Edge 2/Node Info/Online": ("good", "true"),
    }


def test_only_who_may_write_is_given_the_control(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    assert "data-write=" not in opened(signed_in(people["viewer"]), "/dashboards/primary/")
    assert opened(signed_in(people["operator"]), "/dashboards/primary/").count("data-write=") == 2


def test_stale_and_missing_values_say_so(node: FakeRuntime, boards: None, people: dict[str, User]) -> None:
    node.stale(TAG_1)
    Widget.objects.create(
        dashboard=Dashboard.objects.get(), kind="value", label="Gone", path="[default]Gone", order=9
    )
    values = Page(opened(signed_in(people["viewer"]), "/dashboards/primary/")).values
    assert values[TAG_1] == ("stale", "10")
    assert values["[default]Gone"] == ("notfound", "–")


def test_with_a_silent_worker_pages_still_open_and_claim_nothing(
    node: FakeRuntime, boards: None, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "PATIENCE", 0.3)
    node.stop()
    client = signed_in(people["engineer"])
    for path in ("/dashboards/primary/", "/", "/status/redundancy/", "/tags/"):
        page = Page(opened(client, path))
        assert {quality for quality, _ in page.values.values()} <= {"stale"}
    node.__init__(node.url, node.node)  # type: ignore[misc]
    node.start()


MARKUP = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{ 7|add:7 }}"


def test_markup_in_names_and_values_is_text(node: FakeRuntime, boards: None, people: dict[str, User]) -> None:
    path = f"[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/{MARKUP.replace('/', '')}"
    node.put(path, MARKUP, "String")
    node.view(why=MARKUP, warnings=(MARKUP,), modules={MARKUP: f"Faulted: {MARKUP}"}, servers={MARKUP: True})
    node.put("[MQTT Engine]Edge Nodes/Group 1/Edge 1/Redundancy/Node", MARKUP, "String")
    board = Dashboard.objects.get()
    Widget.objects.create(
        dashboard=board, kind="value", label=MARKUP, path=path, unit="<b>x</b>", order=8, writable=True
    )
    states = [{"value": MARKUP, "label": MARKUP, "style": '"><script>'}]
    Widget.objects.create(dashboard=board, kind="indicator", label=MARKUP, path=path, states=states, order=9)
    AuditRow.objects.create(
        at=timezone.now(), who=MARKUP, action="x", target=MARKUP, old=MARKUP, outcome=MARKUP[:20]
    )
    Changeover.objects.create(id="1", cause=MARKUP, to_node=MARKUP, epoch=1, started=timezone.now())
    client = signed_in(people["administrator"])
    pages = ["/", "/dashboards/primary/", "/status/redundancy/", "/audit/", "/dashboards/", "/users/"]
    pages.append("/tags/?path=[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1")
    node.describe(path, About(MARKUP, documentation=MARKUP, tooltip=f"2 {MARKUP}"))
    pages.append(f"/tags/tag/?{urlencode({'path': path})}")
    for each in pages:
        text = opened(client, each)
        assert Page(text).forbidden == [], each
        assert "<img src=x" not in text, each
    shown = Page(opened(client, "/dashboards/primary/")).values
    assert shown[path] == ("good", MARKUP)
    refused = client.get("/tags/", {"path": f"[<script>alert(1)</script>]{MARKUP}"}).content.decode()
    assert Page(refused).forbidden == []


def test_the_strip_is_on_every_page_with_the_pair_s_state(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    node.lose_peer()
    for path in (path for path in PAGES if not path.startswith("/parts/")):
        text = opened(signed_in(people["administrator"]), path)
        assert 'data-strip="state" data-look="active">Active<' in text, path
        assert "primary-backup is down" in text, path
        assert 'data-strip="epoch">12<' in text


def test_a_standby_s_pages_work_and_link_to_the_active_node(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    node.become("Standby", 13, "Active")
    text = opened(signed_in(people["operator"]), "/dashboards/primary/")
    assert f'<a href="{OTHER}">Go to primary-backup</a>' in text
    assert 'data-acting="no"' in text
    assert Page(text).values[TAG_1] == ("good", "10")


def test_the_picture_names_both_nodes_of_every_pair_and_the_broker_of_every_edge(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    text = opened(signed_in(people["viewer"]), "/")
    for name in (
        "primary-master",
        "primary-backup",
        "edge1-master",
        "edge1-backup",
        "edge2-master",
        "edge2-backup",
    ):
        assert f"<b>{name}</b>" in text
    assert text.count('data-wire-to="Chariot SCADA"') == 2
    assert text.count('data-wire-end="Chariot SCADA"') == 1
    assert "2 of 2 edge nodes online" in text


def test_the_picture_is_sent_again_only_when_it_changed(
    node: FakeRuntime, boards: None, people: dict[str, User]
) -> None:
    client = signed_in(people["viewer"])
    digest = re.search(r"digest=([0-9a-f]+)", opened(client, "/"))
    assert digest
    assert client.get("/parts/plant/", {"digest": digest[1]}).status_code == 204
    node.lose_peer()
    assert "Down" in opened(client, f"/parts/plant/?digest={digest[1]}")


def test_changeovers_are_listed_with_their_times(node: FakeRuntime, people: dict[str, User]) -> None:
    Changeover.objects.create(
        id="1",
        cause="peer silent for 1.9 s",
        from_node="primary-master",
        to_node="primary-backup",
        epoch=13,
        started=timezone.now(),
        active_after_ms=1910,
        lost=0,
    )
    text = opened(signed_in(people["viewer"]), "/status/redundancy/")
    assert "peer silent for 1.9 s" in text
    assert '<td class="num">1910</td>' in text
    assert '<td class="num">0</td><td class="num">–</td>' in text


@pytest.mark.parametrize(
    "path",
    [
        "/nope/",
        "/dashboards/nope/",
        "/tags/99/",
        "/tags/?path=nope",
        "/tags/tag/",
        "/tags/tag/?path=[default]Nope",
        "/tags/?path=[default]Nope",
    ],
)
def test_what_is_not_there_is_said_in_the_site_s_own_page(
    node: FakeRuntime, people: dict[str, User], path: str
) -> None:
    response = signed_in(people["administrator"]).get(path)
    assert response.status_code == 404
    assert 'data-strip="state"' in response.content.decode()


def test_a_program_is_answered_in_json(node: FakeRuntime, people: dict[str, User]) -> None:
    response = signed_in(people["viewer"]).get("/nope/", headers={"accept": "application/json"})
    assert response.status_code == 404
    assert set(response.json()) == {"error", "reason", "resolution"}


def test_the_sign_in_names_the_gateway_and_tells_strangers_nothing_of_its_state(node: FakeRuntime) -> None:
    text = opened(Client(), "/login/")
    assert "primary-master" in text
    assert "data-strip" not in text
    assert "live.js" not in text
