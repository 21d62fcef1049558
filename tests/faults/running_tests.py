"""Runs the fault tests in one session of pytest, keeps what they find, and says how it goes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.faults.laboratory import VAR
from tests.faults.ledger import Fault, Ledger
from tests.plant.conftest import BASE_DIR

LOG = VAR / "pytest.log"


class Collector:
    """Which tests carry which fault's number, and which tests there are."""

    def __init__(self) -> None:
        self.tests: dict[int, list[str]] = defaultdict(list)
        self.all: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.all.append(item.nodeid)
            for marker in item.iter_markers("fault"):
                self.tests[marker.args[0]].append(item.nodeid)


class Progress:
    """Prints a line for every test, on the terminal that pytest does not have, and fills the ledger."""

    def __init__(self, ledger: Ledger, numbers: dict[str, set[int]]) -> None:
        self._ledger = ledger
        self._numbers = numbers
        self._done = 0
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        self._begun = time.monotonic()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        name = nodeid.rpartition("::")[2]
        self.say(f"{self._stamp()}  {self._faults(nodeid):>6}  {name} ...")

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when != "call" and report.passed:
            return
        end = "failed" if report.failed else "skipped" if report.skipped else "passed"
        found = [text for kind, text in report.user_properties if kind == "found"]
        for number in self._numbers.get(report.nodeid, ()):
            self._ledger.note(number, report.nodeid, end, found)
        self._done += 1
        self.say(f"{'':9} {end.upper() if end == 'failed' else end}: {'; '.join(found) or '-'}")
        if end == "failed":
            crash = getattr(report.longrepr, "reprcrash", None)
            self.say(f"{'':9} {crash.message.splitlines()[0] if crash else str(report.longrepr)[-300:]}")

    def say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def _stamp(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        return f"{self._done:>3} {minutes}:{seconds:02}"

    def _faults(self, nodeid: str) -> str:
        return ",".join(str(number) for number in sorted(self._numbers.get(nodeid, ())))


def collect(faults: list[Fault]) -> dict[int, list[str]]:
    """The tests of each fault: those that carry its number, and those that its row names."""
    collector = Collector()
    folders = sorted({"tests/faults", *(name.split("::")[0] for fault in faults for name in fault.also)})
    with _quiet():
        pytest.main(["--collect-only", "-q", *folders], plugins=[collector])
    found = {}
    for fault in faults:
        also = [test for name in fault.also for test in collector.all if test.startswith(name)]
        missing = [name for name in fault.also if not any(test.startswith(name) for test in collector.all)]
        if missing:
            raise SystemExit(f"fault {fault.number}: there is no test {missing[0]}")
        found[fault.number] = [*collector.tests[fault.number], *also]
    return found


def run(ledger: Ledger, tests: dict[int, list[str]]) -> None:
    """All of these, in the order of their files: a plant serves all tests of a file."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for number, names in tests.items():
        ledger.begin(number)
        for name in names:
            numbers[name].add(number)
    progress = Progress(ledger, numbers)
    progress.say(f"{len(numbers)} tests for {len(tests)} faults; pytest's own words are in {LOG}")
    with _quiet():
        pytest.main(["--timeout=900", *numbers], plugins=[progress])


@contextlib.contextmanager
def _quiet() -> Any:
    """What pytest says goes into a file."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(BASE_DIR)
    with Path(LOG).open("w") as log, contextlib.redirect_stdout(log):
        yield
    sys.stdout.flush()
