"""Runs the benchmarks that are named, or all:
`python -m tests.bench [codec] [peers] [idle] [drill] [configuration]
[relay]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hmi.plant.report import table
from tests.bench import codec, configuration, drill, idle, peers, relay

BENCHES = {
    "codec": codec.run,
    "peers": peers.run,
    "idle": idle.run,
    "drill": drill.run,
    "configuration": configuration.run,
    "relay": relay.run,
}
FOLDER = Path("var/bench")


def main() -> int:
    chosen = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        print(f"no benchmark is called {unknown[0]!r}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        print(f"{name}: running", flush=True)
        rows = BENCHES[name]()
        (FOLDER / f"{name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print(f"{table(rows)}\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
