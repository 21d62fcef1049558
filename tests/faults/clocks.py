"""Moving the clocks of a running node, as its own processes read them.

The machine's clocks belong to everybody on it, so they can't be moved. Each process of a plant of the
laboratory reads two offsets from a file in its node's folder (injected/sitecustomize.py): of the wall clock
and of the one that counts since boot, in seconds.
"""

from __future__ import annotations

import struct
from pathlib import Path

PAGE = "clocks"
INJECTED = Path(__file__).parent / "injected"


def move(folder: Path, *, wall: float = 0.0, boot: float = 0.0) -> None:
    """From now on the node in `folder` is so many seconds ahead of the machine."""
    with (folder / PAGE).open("r+b") as page:
        page.write(struct.pack("dd", wall, boot))
