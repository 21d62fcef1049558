"""Waiting in tests: for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 30.0
"""Seconds a busy machine may take for what an idle one does at once. Only a failure takes them."""


async def until(condition: Callable[[], Any], what: str = "the condition", within: float = PATIENCE) -> None:
    """Until the condition is true; AssertionError with `what` when it is not, `within` seconds later."""
    try:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s: {what}") from None


def wait_for(
    condition: Callable[[], Any], what: str = "the condition", patience: float = PATIENCE, pause: float = 0.05
) -> Any:
    """The same where there is no loop; answers what the condition did."""
    end = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"after {patience:g} s still not: {what}")
        time.sleep(pause)
    return found
