"""`python -m tests.faults`: the fault matrix on real processes; docs/faults.md is written from it.

    python -m tests.faults [NUMBER ...] [--again] [--any-commit]
    python -m tests.faults simulator --count 100000
    ... SERIES --help

What has passed at this commit is not run again, unless `--again`. Exit code 1 when a fault fails.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from tests.faults.ledger import Ledger, matrix

SERIES = {
    name: f"tests.faults.{name}"
    for name in ("simulator", "schedules", "nodes", "turns", "switches", "zombies", "jitter")
}


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in SERIES:
        from importlib import import_module

        return int(import_module(SERIES[arguments[0]]).main(arguments[1:]))
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="only these faults")
    parser.add_argument("--again", action="store_true", help="forget what has passed")
    parser.add_argument("--any-commit", action="store_true", help="count what passed at other commits, too")
    return faults(parser.parse_args(arguments))


def faults(asked: argparse.Namespace) -> int:
    os.environ["FAULTS_STRICT"] = "1"
    from tests.faults.running_tests import collect, run

    ledger = Ledger(again=asked.again, any_commit=asked.any_commit)
    rows = [f for f in matrix() if not f.reason and (not asked.numbers or f.number in asked.numbers)]
    wanted = [f for f in rows if asked.numbers or not ledger.passed(f.number)]
    if len(wanted) < len(rows):
        print(f"{len(rows) - len(wanted)} faults have passed at {ledger.commit}; --again forgets that")
    tests = {number: names for number, names in collect(wanted).items() if names}
    if tests:
        run(ledger, tests)
    print(wrapped([row for row in ledger.rows() if not asked.numbers or row["fault"] in asked.numbers]))
    ledger.write_page()
    bad = [f for f in rows if not ledger.passed(f.number)]
    print(f"{len(rows) - len(bad)} of {len(rows)} faults passed", end="")
    print(f"; not: {', '.join(str(f.number) for f in bad)}" if bad else "")
    return 1 if bad else 0


def wrapped(rows: list[dict[str, Any]]) -> str:
    """A table for a terminal, its cells broken into lines."""
    widths = {"fault": 5, "what": 26, "expected": 32, "measured": 40, "result": 8}
    lines = []
    for row in [{name: name for name in widths}, *rows]:
        cells = [textwrap.wrap(str(row[name]), width) for name, width in widths.items()]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            lines.append("  ".join(p.ljust(w) for p, w in zip(parts, widths.values(), strict=True)).rstrip())
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
