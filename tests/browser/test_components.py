"""The order of a component's servers in a real browser: dragged, and moved with the keyboard."""

from __future__ import annotations

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
