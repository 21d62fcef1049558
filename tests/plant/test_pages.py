"""A person at a real plant: signs in, watches a value, loses the node, fails over, or may not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from hmi.plant.layout import PlantNode
from tests.conftest import CHROMIUM
from tests.plant.conftest import RunningPlant
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.plant,
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
]
TAG_1 = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Tag 1"
BOARD = "/dashboards/primary/"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, plant: RunningPlant, node: PlantNode, person: str, path: str) -> None:
    account = plant.credentials[person]
    page.goto(f"{node.url}/login/?next={path}")
    page.fill("[name=username]", account["username"])
    page.fill("[name=password]", account["password"])
    page.click("main button")
    page.wait_for_url(f"{node.url}{path}")


def write(plant: RunningPlant, host: PlantNode, value: int) -> None:
    wait_for(lambda: plant.gate(host).write(TAG_1, value)["outcome"] == "confirmed", f"{value} is written")


def test_a_page_outlives_its_node_and_stays_signed_in(plant: RunningPlant, page: Page) -> None:
    node = plant.active("Primary")
    heir = plant.layout.peer(node)
    sign_in(page, plant, node, "viewer", BOARD)
    shown = page.locator(f'[data-tag="{TAG_1}"]').first
    for number in (501, 502):
        write(plant, node, number)
        expect(shown).to_have_text(str(number))
    plant.kill([node])
    expect(page).to_have_url(heir.url + BOARD, timeout=15_000)
    expect(page.locator(".person")).to_contain_text("viewer")
    expect(page.locator('[data-strip="state"]')).to_have_text("Active", timeout=15_000)
    write(plant, heir, 503)
    expect(shown).to_have_text("503")
    expect(shown).to_have_attribute("data-quality", "good")


def test_the_three_dashboards_are_served_by_both_nodes_of_their_gateway(
    plant: RunningPlant, page: Page
) -> None:
    boards = {"Primary": "primary", "Edge 1": "edge-1", "Edge 2": "edge-2"}
    labels = {
        "Primary": [
            "Redundancy State",
            "Redundancy Role",
            "Edge 1 Tag 1",
            "Edge 2 Tag 1",
            "MQTT Engine Connected",
        ],
        "Edge 1": ["Redundancy State", "Redundancy Role", "Tag 1", "MQTT Transmission Connected"],
        "Edge 2": ["Redundancy State", "Redundancy Role", "Tag 1", "MQTT Transmission Connected"],
    }
    for gateway, slug in boards.items():
        sign_in(page, plant, plant.active(gateway), "viewer", f"/dashboards/{slug}/")
        for node in plant.layout.pair(gateway):
            page.goto(f"{node.url}/dashboards/{slug}/")
            expect(page.get_by_role("heading", name=f"Ignition {gateway}")).to_be_visible()
            for label in labels[gateway]:
                expect(page.get_by_text(label, exact=True).first).to_be_visible()
            role = page.locator('[data-tag$="Info/Redundancy Role"]').first
            expect(role).to_have_text(node.role.value)


def test_an_engineer_fails_over_by_the_button_after_being_asked(plant: RunningPlant, page: Page) -> None:
    node = plant.active("Primary")
    sign_in(page, plant, node, "engineer", "/status/redundancy/")
    page.get_by_role("button", name=re.compile("Force Failover")).first.click()
    page.fill("#failover-reason", "a test in a browser")
    page.get_by_role("button", name="Fail over now").click()
    expect(page.locator('[data-strip="state"]')).to_have_text("Standby", timeout=15_000)
    wait_for(lambda: plant.active("Primary") == plant.layout.peer(node), "the other node acts")


def test_a_viewer_is_offered_no_order_and_given_none(plant: RunningPlant, page: Page) -> None:
    node = plant.active("Primary")
    sign_in(page, plant, node, "viewer", "/status/redundancy/")
    expect(page.get_by_role("button", name=re.compile("Force Failover"))).to_have_count(0)
    token = page.context.cookies()
    csrf = (
        next(c["value"] for c in token if c["name"].endswith("csrf"))
        if any(c["name"].endswith("csrf") for c in token)
        else ""
    )
    answer = page.request.post(
        f"{node.url}/api/v1/redundancy/failover",
        data={"reason": "because"},
        headers={"X-CSRFToken": csrf, "Referer": node.url},
    )
    assert answer.status == 403
    assert plant.active("Primary") == node


def test_a_configuration_is_edited_on_the_active_node_only_and_reaches_the_other(
    plant: RunningPlant, page: Page
) -> None:
    node = plant.active("Edge 1")
    standby = plant.layout.peer(node)
    path = "[default]Edge Nodes/Group 1/Edge 1/Device 1/Pressure"
    sign_in(page, plant, node, "engineer", "/tags/new/")
    page.fill("[name=path]", path)
    page.select_option("[name=datatype]", "Double")
    page.locator("main form").evaluate("form => form.requestSubmit()")
    wait_for(lambda: plant.value(standby, path)["quality"] != "NotFound", "the standby knows the new tag")
    host = plant.active("Primary")
    there = "[MQTT Engine]Edge Nodes/Group 1/Edge 1/Device 1/Pressure"
    wait_for(lambda: plant.value(host, there)["quality"] != "NotFound", "the host sees the new tag")
    page.goto(f"{standby.url}/tags/new/")
    expect(page.locator("body")).to_contain_text(node.name)
