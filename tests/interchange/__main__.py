"""`python -m tests.interchange`: payloads to the peers and back, and what became of them.

Installs the peers where they are missing (peers.py), prints a table, and writes it to docs/interchange.md;
the peers' own bytes go to vectors.jsonl, which test_vectors.py replays without any peer. `--dry` writes
nothing. Exit code 1 for what nothing explains and for faults that nothing has shown, 2 where not all peers
could be installed; then nothing is written either.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hmi.plant.report import table
from tests.interchange.exchange import Exchange
from tests.interchange.faults import FAULTS, READS, WRITES
from tests.interchange.generated import Case, cases
from tests.interchange.peers import PEERS, Conversation, NotInstalled, Peer, install
from tests.interchange.vectors import chosen, lines

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "interchange.md"
PAYLOADS = 1500
VECTORS = 26  # of each peer
DECISION = "0011-what-others-wrote.md"

Runs = dict[tuple[str, str], Exchange]


def main() -> int:
    corpus, missing = cases(PAYLOADS), []
    runs: Runs = {}
    for peer in PEERS:
        try:
            print(f"{peer.name} {peer.version}: installing", flush=True)
            install(peer)
        except NotInstalled as reason:
            missing.append({"peer": peer.name, "not installed": str(reason)})
            continue
        runs |= _both_ways(peer, corpus)
    for rows in (_results(runs), _faults(runs), missing):
        print(f"\n{table(rows)}", flush=True)
    wrong = 0
    for (peer_name, way), run in runs.items():
        for story in [*run.ledger.stories[:10], *(f"nothing has shown: {name}" for name in run.unseen())]:
            wrong += 1
            print(f"{peer_name} {way}: {story[:600]}", file=sys.stderr)
    if wrong or missing:
        return 1 if wrong else 2
    if "--dry" not in sys.argv:
        PAGE.write_text(_page(runs), encoding="utf-8")
        (HERE / "vectors.jsonl").write_text(_vectors(runs), encoding="utf-8")
    return 0


def _both_ways(peer: Peer, corpus: list[Case]) -> Runs:
    runs = {}
    with Conversation(peer) as conversation:
        for way in (READS, WRITES):
            print(f"{peer.name} {peer.version}: {way}", flush=True)
            run = runs[peer.name, way] = Exchange(conversation, way)
            for case in corpus:
                run.carry(case)
    return runs


def _results(runs: Runs) -> list[dict[str, Any]]:
    rows = []
    for (name, way), run in runs.items():
        row: dict[str, Any] = {
            "peer": name,
            "version": next(peer.version for peer in PEERS if peer.name == name),
            "it": way,
        }
        for what, counted in (("payloads", run.ledger.payloads), ("metrics", run.ledger.metrics)):
            row[what] = sum(counted.values())
            for result in ("agreed", "explained", "unexplained"):
                row[f"{result} " if what == "metrics" else result] = counted[result]
        rows.append(row)
    return rows


def _faults(runs: Runs) -> list[dict[str, Any]]:
    return [
        {
            "peer": name,
            "it": way,
            "kind": fault.kind,
            "fault": fault.name,
            "times": run.ledger.hits[fault.name],
        }
        for (name, way), run in runs.items()
        for fault in FAULTS[name, way]
    ]


def _vectors(runs: Runs) -> str:
    found: list[str] = []
    for (name, way), run in runs.items():
        if way == WRITES:
            found += lines(name, chosen(run.ledger.vectors, VECTORS))
    return "".join(f"{line}\n" for line in found)


def _page(runs: Runs) -> str:
    results, faults = _results(runs), _faults(runs)
    details = [
        {
            "peer": row["peer"],
            "it": row["it"],
            "kind": row["kind"],
            "times": row["times"],
            "what it does": fault.does,
            "why we do not, or what was done instead": fault.why,
        }
        for row in faults
        for fault in FAULTS[row["peer"], row["it"]]
        if fault.name == row["fault"]
    ]
    return _TEXT.format(
        payloads=PAYLOADS, results=_markdown(results), faults=_markdown(details), decision=DECISION
    )


def _markdown(rows: list[dict[str, Any]]) -> str:
    cells = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(str(cell).strip() for cell in line) + " |" for line in cells)


_TEXT = """# Interchange

Written by `make interchange`: the same {payloads} generated payloads to each library ("reads": our bytes,
read by it) and from each ("writes": its bytes, read by us), compared value by value, to the bit.

{results}

*agreed*: everything arrived as it was sent. *explained*: a fault of the list below foretells the difference
to the bit, or the words of the refusal. *unexplained*: anything else; the command fails then. A payload that
a library refuses is sent again without the metrics that it refuses alone as well; these count as explained.

A third of the payloads has scalars only, a third arrays, properties and metadata too, and a third tables and
templates as well. A fifth of the NDATA come by alias and without datatypes, as DATA should, with their birth.

## Known faults of the peers

*cannot carry*: no place or no code for it. *wrong*: another value arrives. *detour*: a function of the
library fails, and another of its own ways was taken. *dialect*: not as we would write it, but read by us all
the same. None of it is imitated.

{faults}

The versions are pinned; [a decision](decisions/{decision}) says why. What the libraries wrote is
replayed without them by `tests/interchange/test_vectors.py`.
"""


if __name__ == "__main__":
    sys.exit(main())
