"""The order of a component's servers in a real browser: dragged, and moved with the keyboard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Pair, Visitor

LINE = "/config/components/Line%201/"
SEED = """
from hmi.adapter.configuration import session
from hmi.adapter.facets.catalogue import COMPONENT_LIST, Verb

def work(draft):
    entry = {"componentId": "Line 1", "componentType": "MQTT"}
    draft.change(draft.system, COMPONENT_LIST, Verb.PUT, [entry], None)
    server = {"port": 1883, "tls": "None"}
    for facet, said in (
        ("dataSource", server | {"hostNameOrIpAddress": "a.example"}),
        ("redundantServers", [
            server | {"hostNameOrIpAddress": f"{name}.example", "serverId": name} for name in "bc"
        ]),
        ("dataSelection", [
            {"streamId": "kiln/temperature", "topic": "kiln", "valueField": "$.t", "dataType": "Float64"},
            {"streamId": "unbreakable" * 12, "topic": "mill/" * 30 + "speed", "valueField": "$.s",
             "dataType": "String", "dataFilterId": "narrow"},
        ]),
        ("dataFilters", [{"id": "narrow", "absoluteDeadband": 0.5, "expirationPeriod": "00:01:00"}]),
    ):
        held = draft.component("Line 1")
        draft.change(held, draft.facet(held, facet), Verb.PUT, said, None)

session.install("seed", work)
"""


@pytest.fixture
def page(pair: Pair, visitor: Visitor) -> Page:
    pair.master.manage(SEED)
    return visitor.sign_in(pair.master, "egon", LINE)


def order(page: Page, *hosts: str) -> None:
    expect(page.locator(".servers tbody td:nth-child(2) small")).to_have_text(
        [f"{host}.example:1883 · open" for host in hosts]
    )


def test_a_server_is_dragged_to_another_place(page: Page) -> None:
    order(page, "a", "b", "c")
    grips = page.locator("[data-grip][data-ready]")
    grips.nth(2).hover()
    page.mouse.down()
    box = grips.nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5, steps=5)
    page.mouse.up()
    order(page, "a", "c", "b")


def test_the_keyboard_moves_a_server_up_and_down(page: Page) -> None:
    page.get_by_role("button", name="dataSource down").focus()
    page.keyboard.press("Enter")
    order(page, "b", "a", "c")
    up = page.get_by_role("button", name="c up")
    up.focus()
    page.keyboard.press("Space")
    order(page, "b", "c", "a")
    expect(page.get_by_role("button", name="dataSource up")).to_be_disabled()


PLACES = {
    "components": "/config/components/",
    "component": LINE,
    "source": f"{LINE}dataSource/",
    "server": f"{LINE}redundantServers/?item=b",
    "stream": f"{LINE}dataSelection/?item=kiln/temperature",
    "filter": f"{LINE}dataFilters/?item=narrow",
    "client": f"{LINE}clientSettings/",
    "failover": f"{LINE}failover/",
    "log": f"{LINE}logging/",
}
# Also of a table: nothing may have to be scrolled to.
CUT_OFF = """
    [...document.querySelectorAll("main a, main button, main input, main td")].filter((each) =>
        each.offsetParent && each.getBoundingClientRect().right > innerWidth + 0.5)
        .map((each) => each.outerHTML.slice(0, 100))
"""


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_of_the_adapter_s_pages_is_cut_off(page: Page, pair: Pair, width: int) -> None:
    folder = "[MQTT Adapter]Line 1"
    pair.put(f"{folder}/kiln/temperature", 912.5, "Double")
    pair.put(f"{folder}/{'unbreakable' * 12}", "running" * 40, "String")
    for server in ("dataSource", "b", "c"):
        pair.put(f"{folder}/Servers/{server}/Connected", server == "b", "Boolean")
        pair.put(f"{folder}/Servers/{server}/Last Error", "the server is lost: connection refused", "String")
    page.set_viewport_size({"width": width, "height": 900})
    for name, place in PLACES.items():
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.goto(pair.master.url + place)
            if folder := os.environ.get("SHOTS"):
                page.screenshot(path=Path(folder) / f"{name}-{width}-{theme}.png", full_page=True)
        assert page.evaluate(CUT_OFF) == [], place
