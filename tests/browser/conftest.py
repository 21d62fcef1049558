"""A real browser in front of two real web processes, whose workers are fake ones of this process."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from hmi.plant.layout import layout
from tests.conftest import CHROMIUM
from tests.hmi.fake_runtime import FakeRuntime, fill_primary
from tests.hmi.web_node import PASSWORD, WebNode, furnish
from tests.plant.conftest import free_offset
from tests.waiting import PATIENCE

_OFFSET = 18_000  # or the next that is free: far from a plant's, and a killed run may have left its servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser these tests are skipped, and one loud line says so."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.timeout(180))
    if ours and CHROMIUM is None:
        print("\n!!! CHROMIUM IS NOT HERE: the browser tests are skipped !!!", file=sys.stderr, flush=True)
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no Chromium"))


@dataclass
class Pair:
    """The primary's two nodes. At the start of a test the master acts and the backup stands by."""

    master: WebNode
    backup: WebNode

    @property
    def runtimes(self) -> tuple[FakeRuntime, FakeRuntime]:
        return self.master.runtime, self.backup.runtime

    def put(self, path: str, value: object, type: str = "Int32") -> None:
        """A value at the edge reaches both nodes: the warm standby ingests, too."""
        for runtime in self.runtimes:
            runtime.put(path, value, type)

    def heal(self) -> None:
        for node in (self.master, self.backup):
            if node.dead:
                node.revive()
            node.runtime.asked.clear()
            node.runtime.written.clear()
            node.runtime.refusal = None
            node.runtime.view(warnings=(), modules={"engine": "Running"})
            fill_primary(node.runtime)
        self.master.runtime.become("Active", 12, "Standby")
        self.backup.runtime.become("Standby", 12, "Active")


@pytest.fixture(scope="session")
def running_pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        offset = free_offset(_OFFSET)
        plant = layout(offset)
        master = WebNode(Path(name) / "master", plant, "primary-master")
        furnish(master, offset)
        # One database for both: the exchange of sessions between nodes has tests of its own.
        backup = WebNode(Path(name) / "backup", plant, "primary-backup", databases_of=master)
        pair = Pair(master, backup)
        try:
            master.start()
            backup.start()
            yield pair
        finally:
            master.stop()
            backup.stop()


@pytest.fixture
def pair(running_pair: Pair) -> Pair:
    running_pair.heal()
    return running_pair


@dataclass
class Visitor:
    """One person's browser; what its pages complain about is kept."""

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: self.complaints.append(line.text) if "Content Security" in line.text else None,
        )
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        return page

    def sign_in(self, node: WebNode, name: str, path: str = "/") -> Page:
        page = self.page()
        page.goto(f"{node.url}/login/?next={path}")
        page.fill("[name=username]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url(f"{node.url}{path}")
        return page


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """A browser at a desk; the test fails if any of its pages broke a rule."""
    yield from _visit(chromium, {"viewport": {"width": 1280, "height": 900}})


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Visitor]:
    yield from _visit(chromium, {"viewport": {"width": 360, "height": 740}, "has_touch": True})


@pytest.fixture
def reader(chromium: Browser) -> Iterator[Visitor]:
    """A browser without script."""
    yield from _visit(chromium, {"java_script_enabled": False})


def _visit(chromium: Browser, options: dict[str, object]) -> Iterator[Visitor]:
    visiting = Visitor(chromium.new_context(**options))
    visiting.context.set_default_timeout(PATIENCE * 1000)
    yield visiting
    visiting.context.close()
    assert visiting.complaints == []
