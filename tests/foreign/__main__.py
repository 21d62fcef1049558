"""Foreign edge nodes through every kind of changeover; writes docs/foreign-edges.md.

python -m tests.foreign
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.foreign.drive import Outcome, changeovers, drive, running
from tests.foreign.environments import EDGES, command
from tests.interchange.peers import NotInstalled
from tests.plant.conftest import BASE_DIR, RunningPlant, free_offset
from tests.plant.observer import Observer

PAGE = BASE_DIR / "docs" / "foreign-edges.md"

_HEAD = """# Edge nodes that others wrote, in a changeover

Made by `make foreign-edges`: each edge node runs as its users would write it, on the plant of `make demo`,
with both brokers' addresses where the library takes more than one. Neither library knows a primary host,
stores what it can't send, or understands `Node Control/Next Server`; so what follows is the least that any
device can expect of a Tandem pair. Seconds are from the event until values made after it are at the node that
acts.

| changeover | edge node | values again after | births | deaths | a command then | after healing |
|---|---|---|---|---|---|---|
"""

_TAIL = """
- **pysparkplug** knows one broker. It is away while that one is, and comes back when it returns.
- **sparkplug-client** walks the list through mqtt.js, one try a second. Births are its user's business, at
  the event `birth` of each connection and when the host asks for one.
- A host that has lost a broker for a moment needs a new birth of everything there. pysparkplug leaves the
  request to its user and offers no way to answer it: such an edge node stays stale until it connects anew.
"""


@contextmanager
def plant() -> Iterator[RunningPlant]:
    with tempfile.TemporaryDirectory(prefix="tandem-") as folder:
        line = [sys.executable, "manage.py", "plant", "up", "--dir", folder]
        line += ["--port-offset", str(free_offset())]
        with subprocess.Popen(line, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True) as keeper:
            assert keeper.stdout is not None
            for said in keeper.stdout:
                if said.startswith("plant ready"):
                    break
            else:
                raise RuntimeError("the plant did not start")
            try:
                yield RunningPlant(Path(folder))
            finally:
                keeper.terminate()
                keeper.wait(60)


def row(one: Outcome) -> str:
    after = "not before healing" if one.moves_after is None else f"{one.moves_after:.1f} s"
    healed = "moves" if one.healed else "**silent**"
    cells = (one.changeover, one.edge, after, one.births, one.deaths, one.command, healed)
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    try:
        for peer in EDGES:
            command(peer)
    except NotInstalled as error:
        print(f"{peer.name} is not installed: {error}")
        return 2
    rows: list[str] = []
    with plant() as one, ExitStack() as stack:
        account = json.loads((one.folder / "credentials.json").read_text())["mqtt"]["observer"]
        brokers = [node.mqtt for node in one.layout.pair("Primary") if node.mqtt]
        observer = Observer(brokers, account["username"], account["password"])
        stack.callback(observer.close)
        for name, act in changeovers(one).items():
            one.heal()
            # Each time anew: what one changeover has done to them is not to be blamed on the next.
            with ExitStack() as edges:
                for peer in EDGES:
                    edges.enter_context(running(peer, one))
                for outcome in drive(one, observer, [peer.name for peer in EDGES], name, act):
                    rows.append(row(outcome))
                    print(rows[-1], flush=True)
    PAGE.write_text(_HEAD + "\n".join(rows) + "\n" + _TAIL, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
