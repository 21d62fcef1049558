"""The marker `statement`, and how to prove one more.

`@pytest.mark.statement("tck-id-...", ...)` on a test, here or in any other folder, says that it proves these
statements of the Sparkplug 3.0 specification; `statements.csv` has them all, in our words. `make conformance`
runs the marked tests and prints the table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.redundancy.plant import Plant


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    built = Plant(tmp_path)
    yield built
    await built.close()
