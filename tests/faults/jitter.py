"""`python -m tests.faults jitter --minutes N`: slow, lossy pair links and busy cores, and no false failover.

200 ms with 100 ms of jitter and 5 % of packets lost on all pair links, a busy loop on every core. Prints
a line a minute; nothing is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from tests.faults.laboratory import laboratory
from tests.faults.ledger import keep_series
from tests.faults.measuring import Roles, busy


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults jitter", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    asked = parser.parse_args(arguments)
    with laboratory() as plant:
        plant.whole()
        assert plant.wires is not None
        links = [name for name in plant.wires.names if name.endswith("peer")]
        seconds = 60 * asked.minutes
        with Roles(plant, plant.layout.gateways) as roles, busy(seconds + 60):
            plant.wires.set(*links, delay=0.2, jitter=0.1, loss=0.05)
            begun = time.monotonic()
            while (gone := time.monotonic() - begun) < seconds:
                time.sleep(min(60.0, seconds - gone))
                changes = sum(roles.changes(gateway) for gateway in plant.layout.gateways)
                print(f"{(time.monotonic() - begun) / 60:.0f} min: {changes} changes of role", flush=True)
            plant.wires.set(*links)
    measured = (
        f"{changes} changes of role of 3 pairs in {asked.minutes:g} min, {len(roles.both)} moments with two"
    )
    print(measured, *(roles.seen[gateway] for gateway in roles.seen if roles.changes(gateway)), sep="\n")
    keep_series(f"jitter --minutes {asked.minutes:g}", measured, passed=not changes and not roles.both)
    return 1 if changes or roles.both else 0
