"""Lists and tables in a real browser: they follow their tag, and are written as JSON."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from hmi.tags.about import About
from sparkplug import DataSet, DataType
from tests.browser.conftest import Pair, Visitor
from tests.hmi.fake_runtime import TAG_1

DEVICE = TAG_1.rpartition("/")[0]
RECIPE, LEVELS = f"{DEVICE}/Recipe", f"{DEVICE}/Levels"


def table(rows: int, columns: int = 2) -> DataSet:
    names = tuple(f"Column {number}" for number in range(columns))
    return DataSet(names, (DataType.Int32,) * columns, tuple((row,) * columns for row in range(rows)))


TREE = f"/tags/?path={quote(DEVICE)}"


def opened(pair: Pair, visitor: Visitor, name: str, place: str) -> Page:
    page = visitor.sign_in(pair.master, name, "/tags/")
    page.goto(pair.master.url + place)
    return page


def tag_page(path: str) -> str:
    return f"/tags/tag/?path={quote(path)}"


def inside(page: Page) -> str:
    return page.locator("[data-inside]").inner_html().replace("\n", "").strip()


@pytest.mark.parametrize(
    ("value", "datatype"),
    [
        (table(3), "DataSet"),
        (table(70, 30), "DataSet"),
        (table(0), "DataSet"),
        (tuple(range(500)), "Int32Array"),
        ((), "Int32Array"),
        (("<b>", 'a "quoted" one'), "StringArray"),
        ("😀" * 5_000, "String"),
        ("short", "String"),
    ],
)
def test_what_the_script_draws_is_what_the_server_has_drawn(
    pair: Pair, visitor: Visitor, value: object, datatype: str
) -> None:
    pair.put(RECIPE, "another one", "String")
    page = opened(pair, visitor, "victor", tag_page(RECIPE))
    expect(page.locator("html")).to_have_attribute("data-feed", "live")
    pair.put(RECIPE, value, datatype)
    expect(page.locator(f'[data-tag="{RECIPE}"]')).not_to_have_text("another one")
    drawn = inside(page)
    page.reload()
    assert inside(page) == drawn


def test_a_list_is_written_as_json_and_a_bad_element_is_named(pair: Pair, visitor: Visitor) -> None:
    pair.put(LEVELS, (1, -2), "Int8Array")
    page = opened(pair, visitor, "olga", tag_page(LEVELS))
    expect(page.locator("html")).to_have_attribute("data-feed", "live")
    page.click(f'[data-write="{LEVELS}"]')
    expect(page.locator("#write-whole")).to_have_value("[1,-2]")
    expect(page.locator("#write-whole")).to_be_focused()
    for entry, reason in (
        ("1, 2", "enter a list in brackets"),
        ('[1, "x"]', "Element 1: Int8: enter a whole number."),
        ("[1, 2.5]", "Element 1: Int8: enter a whole number."),
        ("[true]", "Element 0: Int8: enter a number."),
        ("[1, null]", "Element 1: Enter one value."),
        ("[[1]]", "Element 0: Enter one value."),
        ("", "Enter a value."),
    ):
        page.fill("#write-whole", entry)
        page.click("[data-next]")
        expect(page.locator("[data-problem]")).to_contain_text(reason)
    page.fill("#write-whole", "[3, -4, 5]")
    page.click("[data-next]")
    expect(page.locator(".sentence")).to_contain_text("from [1, -2] to [3, -4, 5]")
    page.click("[data-send]")
    expect(page.locator(".outcome")).to_contain_text("Confirmed")
    assert pair.master.runtime.written[0]["value"] == [3, -4, 5]


def test_after_a_list_a_single_value_is_entered_in_its_own_field(pair: Pair, visitor: Visitor) -> None:
    pair.put(LEVELS, (1, -2), "Int8Array")
    page = opened(pair, visitor, "olga", TREE)
    page.click(f'[data-write="{LEVELS}"]')
    page.keyboard.press("Escape")
    page.click(f'[data-write="{TAG_1}"]')
    expect(page.locator("#write-value")).to_be_focused()
    expect(page.locator("#write-whole")).to_be_hidden()
    page.fill("#write-value", "12")
    page.keyboard.press("Enter")
    page.click("[data-send]")
    expect(page.locator(".outcome")).to_contain_text("Confirmed")
    assert pair.master.runtime.written[0]["value"] == 12


HANGING_OVER = """
    [...document.querySelectorAll("main *")].filter((each) => !each.closest(".scroll table")
        && each.getBoundingClientRect().right > each.closest(".card").getBoundingClientRect().right + 0.5)
        .map((each) => each.outerHTML.slice(0, 80))
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_no_value_is_so_long_that_a_page_hangs_over(pair: Pair, visitor: Visitor, width: int) -> None:
    names = ("Recipe", "Levels", "Text", "N" * 80)
    for name, value, datatype in (
        ("Recipe", table(60, 40), "DataSet"),
        ("Levels", tuple(range(10**9, 10**9 + 300)), "Int32Array"),
        ("Text", "unbreakable" * 500, "String"),
        ("N" * 80, ("unbreakable" * 60,), "StringArray"),
    ):
        pair.put(f"{DEVICE}/{name}", value, datatype)
        for runtime in pair.runtimes:
            runtime.describe(f"{DEVICE}/{name}", About("u" * 30, documentation="documented" * 60))
    page = opened(pair, visitor, "olga", TREE)
    page.set_viewport_size({"width": width, "height": 800})
    for place in (TREE, *(tag_page(f"{DEVICE}/{name}") for name in names)):
        page.goto(pair.master.url + place)
        assert page.evaluate(HANGING_OVER) == [], place
    for runtime in pair.runtimes:
        for name in names:
            runtime.forget(f"{DEVICE}/{name}")
