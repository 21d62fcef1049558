"""What a person sees: values that move, pages that outlive their node, orders that ask first."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Pair, Visitor
from tests.hmi.fake_runtime import EDGES, ENGINE, TAG_1

BOARD = "/dashboards/primary/"
PAGES = ["/", BOARD, "/dashboards/", "/status/redundancy/", "/tags/", "/tags/new/", "/users/", "/audit/"]


def value(page: Page, path: str = TAG_1) -> Locator:
    return page.locator(f'[data-tag="{path}"]').first


def shows(page: Page, text: str, quality: str = "good", path: str = TAG_1) -> None:
    expect(value(page, path)).to_have_text(text)
    expect(value(page, path)).to_have_attribute("data-quality", quality)


def is_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-feed", "live")


def test_signing_in_leads_to_the_page_that_was_wanted_and_a_wrong_password_does_not(
    pair: Pair, visitor: Visitor
) -> None:
    page = visitor.page()
    page.goto(pair.master.url + BOARD)
    expect(page).to_have_url(re.compile("/login/"))
    page.fill("[name=username]", "victor")
    page.fill("[name=password]", "wrong")
    page.click("main button")
    expect(page.locator(".message")).to_contain_text("wrong")
    page.fill("[name=username]", "victor")
    page.fill("[name=password]", "a long enough password")
    page.click("main button")
    expect(page).to_have_url(pair.master.url + BOARD)


def test_a_value_moves_and_says_how_old_it_is(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    is_live(page)
    shows(page, "10")
    for number in (11, 12, 13):
        pair.put(TAG_1, number)
        shows(page, str(number))
    age = page.locator(f'.reading:has([data-tag="{TAG_1}"]) [data-age]')
    expect(age).to_have_text(re.compile(r"^[1-9]\.\d s$"))
    expect(page.locator("[data-newest]")).to_have_text(re.compile(r"\d"))


def test_an_indicator_turns_with_its_tag(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    path = f"{EDGES}/Group 1/Edge 1/Node Info/Online"
    indicator = page.locator(f'.indicator:has([data-tag="{path}"])')
    expect(indicator.locator("[data-word]")).to_have_text("Connected")
    pair.put(path, False, "Boolean")
    expect(indicator.locator("[data-word]")).to_have_text("Not connected")
    expect(indicator).to_have_attribute("data-style", "alarm")
    shows(page, "false", path=path)


def test_a_stale_value_is_marked_and_stays_readable(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    is_live(page)
    pair.master.runtime.stale(TAG_1)
    shows(page, "10", "stale")


@pytest.mark.parametrize("loss", ["power", "frozen"])
def test_when_the_page_s_node_dies_values_keep_moving_and_the_page_goes_to_the_other_node(
    pair: Pair, visitor: Visitor, loss: str
) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    page.goto(f"{pair.master.url}{BOARD}?a=1#here")
    is_live(page)
    if loss == "power":
        pair.master.kill()
    else:
        pair.master.signal(signal.SIGSTOP)
    pair.backup.runtime.become("Active", 13, "Standby")
    pair.backup.runtime.lose_peer()
    pair.put(TAG_1, 99)
    shows(page, "99")
    try:
        expect(page).to_have_url(f"{pair.backup.url}{BOARD}?a=1#here")
        is_live(page)
        expect(page.locator(".person")).to_contain_text("victor")
        expect(page.locator('[data-strip="state"]')).to_have_text("Active")
        pair.put(TAG_1, 100)
        shows(page, "100")
    finally:
        pair.master.signal(signal.SIGCONT)


def test_while_somebody_is_entering_something_the_page_waits_but_values_move(
    pair: Pair, visitor: Visitor
) -> None:
    page = visitor.sign_in(pair.master, "olga", BOARD)
    is_live(page)
    page.click(f'[data-write="{TAG_1}"]')
    page.fill("#write-value", "55")
    pair.master.kill()
    expect(page.locator("html")).to_have_attribute("data-feed", "other")
    expect(page.locator("[data-feed-banner]")).to_contain_text("primary-master does not answer")
    pair.put(TAG_1, 98)
    shows(page, "98")
    page.wait_for_timeout(2500)
    expect(page).to_have_url(pair.master.url + BOARD)
    page.click("[data-next]")
    expect(page.locator("[data-problem]")).to_contain_text("no live connection")
    page.keyboard.press("Escape")
    expect(page).to_have_url(pair.backup.url + BOARD)


def test_a_node_that_comes_back_at_once_keeps_its_page(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    is_live(page)
    pair.master.signal(signal.SIGSTOP)
    page.wait_for_timeout(1000)
    pair.master.signal(signal.SIGCONT)
    page.wait_for_timeout(3500)
    is_live(page)
    expect(page).to_have_url(pair.master.url + BOARD)


def test_when_nobody_answers_everything_is_stale_and_a_banner_says_so(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    is_live(page)
    before = page.locator("[data-clock]").text_content()
    pair.master.kill()
    pair.backup.kill()
    expect(page.locator("html")).to_have_attribute("data-feed", "silent")
    shows(page, "10", "stale")
    expect(page.locator("[data-feed-banner]")).to_contain_text("No answer for")
    stopped = page.locator("[data-clock]").text_content()
    page.wait_for_timeout(1500)
    assert page.locator("[data-clock]").text_content() == stopped, "a page without a node has no time"
    assert stopped >= before
    pair.master.revive()
    is_live(page)
    shows(page, "10")
    expect(page.locator("[data-feed-banner]")).to_be_hidden()


def test_a_standby_that_lives_keeps_its_page_and_links_to_the_active_node(
    pair: Pair, visitor: Visitor
) -> None:
    page = visitor.sign_in(pair.master, "olga", BOARD)
    is_live(page)
    expect(page.locator(f'[data-write="{TAG_1}"]')).to_be_enabled()
    pair.master.runtime.become("Standby", 13, "Active")
    pair.backup.runtime.become("Active", 13, "Standby")
    expect(page.locator('[data-strip="state"]')).to_have_text("Standby")
    expect(page.locator('[data-strip="epoch"]')).to_have_text("13")
    expect(page.locator(f'[data-write="{TAG_1}"]')).to_be_disabled()
    pair.put(TAG_1, 31)
    shows(page, "31")
    page.click("text=Go to primary-backup")
    expect(page).to_have_url(f"{pair.backup.url}/")


def test_the_strip_and_the_banner_follow_the_pair_on_every_page(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "anna", "/users/")
    is_live(page)
    expect(page.locator('[data-strip="peer"]')).to_have_text("Standby")
    pair.master.runtime.lose_peer()
    expect(page.locator('[data-strip="peer"]')).to_have_text("down")
    expect(page.locator("[data-banner]")).to_contain_text("primary-backup is down")
    expect(page.locator('p:has([data-strip="peer"]) [data-since]')).to_have_text(re.compile(r"^4\d s$"))
    pair.master.runtime.become("Active", 12, "Standby")
    expect(page.locator("[data-banner]")).not_to_contain_text("is down")


def test_the_picture_follows_the_plant(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor")
    expect(page.locator("svg.wires path")).to_have_count(2)
    expect(page.locator(".edge").first).to_contain_text("online on Chariot SCADA")
    pair.master.runtime.lose_peer()
    expect(page.locator(".node", has_text="primary-backup")).to_contain_text("Down")


def test_an_operator_writes_a_value_after_seeing_what_goes_where(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "olga", BOARD)
    is_live(page)
    page.locator(f'[data-write="{TAG_1}"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#write-value")).to_be_focused()
    page.keyboard.type("ten")
    page.keyboard.press("Enter")
    expect(page.locator("[data-problem]")).to_contain_text("whole number")
    page.fill("#write-value", "44")
    page.keyboard.press("Enter")
    confirm = page.locator("[data-step=confirm]")
    expect(confirm).to_contain_text("On primary-master: write Edge 1 Tag 1 from 10 to 44.")
    assert pair.master.runtime.written == []
    page.keyboard.press("Enter")
    expect(page.locator("[data-outcome]").last).to_contain_text("Confirmed")
    shows(page, "44")
    (written,) = pair.master.runtime.written
    assert (written["value"], written["by"]) == (44, "olga")


def test_a_value_that_changed_while_it_was_confirmed_is_not_written(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "olga", BOARD)
    is_live(page)
    shows(page, "10")
    page.click(f'[data-write="{TAG_1}"]')
    page.fill("#write-value", "44")
    page.click("[data-next]")
    pair.put(TAG_1, 12)
    shows(page, "12")
    page.click("[data-send]")
    expect(page.locator("p[data-outcome]")).to_contain_text("The value is 12 now; you saw 10.")
    assert pair.master.runtime.written == []


def test_a_viewer_has_no_controls_and_the_server_refuses_what_is_sent_anyway(
    pair: Pair, visitor: Visitor
) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    is_live(page)
    expect(page.locator("[data-write]")).to_have_count(0)
    page.goto(pair.master.url + "/status/redundancy/")
    expect(page.locator("[data-opens]")).to_have_count(0)
    statuses = page.evaluate(
        """async (path) => {
            const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
            const json = "application/json";
            const headers = {"X-CSRFToken": token, "Content-Type": json, "Accept": json};
            const post = (url, body) => fetch(url, {method: "POST", headers, body: JSON.stringify(body)});
            const sent = [
                ["/tags/write", {writes: [{path, value: 1}]}],
                ["/status/redundancy/failover/", {}],
            ];
            return Promise.all(sent.map(async ([url, body]) => (await post(url, body)).status));
        }""",
        TAG_1,
    )
    assert statuses == [403, 403]
    assert pair.master.runtime.written == []
    assert pair.master.runtime.asked == []


def test_force_failover_asks_first_wants_a_reason_and_then_asks_the_runtime(
    pair: Pair, visitor: Visitor
) -> None:
    page = visitor.sign_in(pair.master, "egon", "/status/redundancy/")
    page.click("text=Force Failover…")
    dialog = page.locator("#failover")
    expect(dialog).to_contain_text("primary-backup")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.click("text=Force Failover…")
    page.click("text=Fail over now")
    expect(dialog).to_be_visible()
    assert pair.master.runtime.asked == []
    page.fill("#failover-reason", "patch day")
    page.click("text=Fail over now")
    expect(page.locator(".message")).to_contain_text("Failover asked for")
    assert pair.master.runtime.asked == [("failover", {"reason": "patch day", "by": "egon"})]


def test_markup_in_a_live_value_is_text(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    is_live(page)
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    path = f"{ENGINE}/Redundancy State"
    pair.put(path, evil, "String")
    shows(page, evil, path=path)
    pair.master.runtime.view(warnings=(evil,))
    expect(page.locator("[data-banner]")).to_contain_text(evil)
    expect(page.locator("main img, [data-banner] img")).to_have_count(0)


def test_without_script_every_value_can_be_read(pair: Pair, reader: Visitor) -> None:
    page = reader.sign_in(pair.master, "olga", BOARD)
    shows(page, "10")
    expect(page.locator('[data-strip="state"]')).to_have_text("Active")
    expect(page.locator("[data-write]").first).to_be_hidden()


def test_the_theme_is_chosen_and_remembered(pair: Pair, visitor: Visitor) -> None:
    page = visitor.sign_in(pair.master, "victor", BOARD)
    toggle = page.locator("[data-theme-toggle]")
    expect(toggle).to_have_text("Theme: auto")
    toggle.click()
    toggle.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") == "rgb(27, 31, 35)"


def test_on_a_phone_nothing_hangs_over_and_every_target_can_be_hit(pair: Pair, phone: Visitor) -> None:
    pair.master.runtime.lose_peer()
    page = phone.sign_in(pair.master, "anna", "/")
    for path in PAGES:
        page.goto(pair.master.url + path)
        over = page.evaluate(
            """[...document.querySelectorAll("body *")]
                .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5)
                .filter((each) => !each.closest(".scroll, .pages"))
                .map((each) => each.outerHTML.slice(0, 120))"""
        )
        assert over == [], path
        low = page.evaluate(
            """[...document.querySelectorAll("button, input, select, nav a")]
                .filter((each) => !["hidden", "checkbox"].includes(each.type))
                .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 31.5)
                .map((each) => each.outerHTML.slice(0, 80))"""
        )
        assert low == [], path


def test_a_page_under_another_name_of_the_machine_goes_to_the_node_s_own(
    pair: Pair, visitor: Visitor
) -> None:
    page = visitor.page()
    other_name = pair.master.url.replace("127.0.0.1", "localhost")
    page.goto(other_name + "/login/")
    page.fill("[name=username]", "victor")
    page.fill("[name=password]", "a long enough password")
    page.click("main button")
    expect(page).to_have_url(re.compile(re.escape(pair.master.url)))
