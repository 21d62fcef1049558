"""What the relay says while it works."""

from __future__ import annotations

import io
import time

from redundancy.relay.terminal import Terminal, summary
from tests.waiting import wait_for


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_renews_itself_and_makes_room_for_what_happens() -> None:
    screen = Screen()
    terminal = Terminal("relay", stream=screen)
    wait_for(lambda: terminal.renew(lambda: "1 confirmed") or screen.getvalue(), "the first progress")
    assert screen.getvalue() == "\rrelay: 1 confirmed"
    terminal.say("one is away")
    assert screen.getvalue().endswith("\rrelay: one is away\n")


def test_elsewhere_progress_is_plain_lines_and_can_be_turned_off() -> None:
    log, silent = io.StringIO(), io.StringIO()
    plain, none = Terminal("relay", 0.01, log), Terminal("relay", 0, silent)
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() > begun + 0.02, "some time")
    plain.renew(lambda: "2 confirmed")
    none.renew(lambda: "2 confirmed")
    assert log.getvalue() == "relay: 2 confirmed\n"
    assert silent.getvalue() == ""


def test_the_summary_is_one_line_that_programs_can_read() -> None:
    assert summary({"read": 3, "confirmed": 2}) == "read=3 confirmed=2"
