"""What several folders of tests share: one browser, because a process can drive Playwright only once; no
stopwatch for Hypothesis and a patient Playwright, because a busy machine is no fault of the code; and the
lanes of `make test`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, expect, sync_playwright

from tests.waiting import PATIENCE

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
expect.set_options(timeout=PATIENCE * 1000)

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

LONG = (
    "hmi/replication/test_pair_of_configurations.py",
    "redundancy/core/test_simulation.py",
    "hmi/worker/test_worker_process.py",
    "redundancy/test_transmission.py",
    "redundancy/test_engine.py",
    "redundancy/test_runtime.py",
    "hmi/adapter",
    "hmi/replication",
    "redundancy/adapter",
    "redundancy",
)
"""Below tests/, the longest first: a lane that begins with one of these last would still run when all else is
done."""


UNHURRIED = (
    "hmi/adapter",
    "hmi/api",
    "hmi/dashboards",
    "hmi/gateways",
    "hmi/pages",
    "hmi/people",
    "hmi/plant",
    "hmi/replication",
    "hmi/tags",
    "interchange",
    "redundancy/core",
    "sparkplug",
    "test_architecture.py",
)
"""Below tests/: whatever no clock but their own says anything to. They fill what the plant leaves idle."""


def lane(path: Path) -> str:
    """What runs in one process, one after the other: a file."""
    return str(path.relative_to(Path(__file__).parent))


def turn(path: Path) -> int:
    """When a file is begun."""
    name = lane(path)
    return next((n for n, begin in enumerate(LONG) if name.startswith(begin)), len(LONG))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Who can wait; and lanes for `--dist loadgroup`, in the order in which they are to be begun."""
    for item in items:
        if lane(item.path).startswith(UNHURRIED):
            item.add_marker(pytest.mark.unhurried)
    if not getattr(config.option, "loadgroup", False):  # how a lane's own process is told
        return
    items.sort(key=lambda item: turn(item.path))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane(item.path)))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
