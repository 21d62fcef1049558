"""A holder that is frozen on its way to the socket: fault 5."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.findings import Findings, spread
from tests.faults.zombies import trials

pytestmark = pytest.mark.timeout(240)


@pytest.mark.fault(5)
@pytest.mark.fault_fast
def test_a_command_that_a_pause_held_back_reaches_nobody(tmp_path: Path, found: Findings) -> None:
    with trials(tmp_path) as ours:
        for trapped in (True, False):
            ours.one(trapped=trapped)
    found.none("commands accepted from the zombie in 2 trials", ours.accepted)
    found.note(f"the heir's first command after {spread(ours.takeovers)} s, lease 0.5 s")
