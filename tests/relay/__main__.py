"""`python -m tests.relay [start|switch|both ...] [--lines N] [--rate N] [--span N]`: figures at the end.

100,000 numbered lines in each mode while brokers are killed, frozen and restarted, and publisher and
receiver are killed and started again. `--rate` is how many lines the source makes a second, `--span` how
many of them a fault lasts. Exit code 1 when a line was lost or doubled, or came out of order, in a mode in
which it must not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from hmi.plant.report import table
from tests.relay.course import Course
from tests.relay.exact import ExactCourse
from tests.relay.first import FirstCourse

FOLDER = Path("var/relay")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.relay", description=__doc__)
    parser.add_argument("modes", nargs="*", default=["start", "switch", "both"])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=1500.0)
    parser.add_argument("--span", type=int, default=3000)
    asked = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    say = partial(print, flush=True)
    good = True
    for mode in asked.modes:
        with tempfile.TemporaryDirectory(prefix="tandem-relay-") as folder:
            rows: list[dict[str, Any]]
            if mode == "start":
                (Path(folder) / "exact").mkdir()
                rows = FirstCourse(Path(folder), asked.lines, asked.rate, asked.span).run(say)
                exact = ExactCourse(Path(folder) / "exact", asked.span).run()
                say(f"{table(exact)}\n")
                good &= all(row["relay"] == row["original"] for row in exact)
                good &= rows[0]["lost"] == rows[0]["lost, says the receiver"] + rows[0]["at the end of a run"]
            else:
                found = Course(Path(folder), mode, asked.lines, asked.rate, asked.span).run(say)
                rows = [found.rows()]
                good &= found.flawless
                say(f"faults: {found.faults}")
        (FOLDER / f"{mode}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        say(f"{table(rows)}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
