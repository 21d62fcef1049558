"""What is known of each fault: var/faults/state.json while a run goes on, docs/faults.md for people."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.laboratory import VAR
from tests.plant.conftest import BASE_DIR

MATRIX = Path(__file__).parent / "matrix.csv"
PAGE = BASE_DIR / "docs" / "faults.md"
STATE = VAR / "state.json"
SERIES = VAR / "series"

_HEAD = """# The fault matrix

What may happen to a plant, what it must do then, and what it did: `make faults` makes every fault on real
processes and measures from outside (API, a third MQTT client, the process table). It goes on where it was
stopped; `make faults AGAIN=1` begins anew. Written by `make faults`; do not edit.
"""


@dataclass(frozen=True)
class Fault:
    """A row of the matrix. `also`: tests elsewhere that prove it, too; `reason`: why it is not made here."""

    number: int
    name: str
    made: str
    expected: str
    also: tuple[str, ...]
    reason: str


@dataclass
class Outcome:
    """Of one fault: the ends of its tests by their names, and what they found."""

    ends: dict[str, str] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    commit: str = ""
    at: str = ""

    @property
    def result(self) -> str:
        if not self.ends:
            return "not run"
        worst = ("failed", "skipped", "passed")
        return next(word for word in worst if word in self.ends.values())

    @property
    def measured(self) -> str:
        sentences = [sentence for one in self.found.values() for sentence in one]
        sentences += [f"{t.rpartition('::')[2]} failed" for t, end in self.ends.items() if end == "failed"]
        silent = sum(end == "passed" and not self.found.get(test) for test, end in self.ends.items())
        if silent:
            sentences.append(
                f"{silent} further test{'s' * (silent > 1)} passed" if sentences else "as expected"
            )
        return "; ".join(sentences)


def matrix() -> list[Fault]:
    with MATRIX.open(newline="", encoding="utf-8") as file:
        return [
            Fault(
                int(r["number"]), r["fault"], r["made"], r["expected"], tuple(r["also"].split()), r["reason"]
            )
            for r in csv.DictReader(file)
        ]


class Ledger:
    """Outcomes by fault. Those of another commit count no more, unless `any_commit`."""

    def __init__(self, *, again: bool = False, any_commit: bool = False) -> None:
        self.commit = commit()
        kept: dict[str, Any] = json.loads(STATE.read_text()) if STATE.exists() and not again else {}
        self.outcomes = {
            int(number): Outcome(**said)
            for number, said in kept.items()
            if any_commit or said["commit"] == self.commit
        }

    def passed(self, number: int) -> bool:
        return number in self.outcomes and self.outcomes[number].result == "passed"

    def begin(self, number: int) -> None:
        self.outcomes[number] = Outcome(commit=self.commit, at=now())

    def note(self, number: int, test: str, end: str, found: list[str]) -> None:
        outcome = self.outcomes[number]
        if outcome.ends.get(test) != "failed":
            outcome.ends[test] = end
        if found:
            outcome.found[test] = found
        self.save()

    def save(self) -> None:
        STATE.parent.mkdir(parents=True, exist_ok=True)
        fresh = STATE.with_suffix(".new")
        fresh.write_text(json.dumps({n: vars(o) for n, o in sorted(self.outcomes.items())}, indent=1))
        fresh.replace(STATE)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "fault": fault.number,
                "what": fault.name,
                "expected": fault.expected or fault.reason,
                "measured": self.outcomes[fault.number].measured if fault.number in self.outcomes else "",
                "result": self._result(fault),
            }
            for fault in matrix()
        ]

    def _result(self, fault: Fault) -> str:
        if fault.reason:
            return "not here"
        return self.outcomes[fault.number].result if fault.number in self.outcomes else "not run"

    def write_page(self) -> None:
        """docs/faults.md: the matrix with its measurements, the rest with its reasons, the long series."""
        made = {fault.number: fault for fault in matrix()}
        measured = sorted({f"{one.at[:10]} at {one.commit}" for one in self.outcomes.values()})
        lines = [
            _HEAD,
            f"Measured {', '.join(measured)}.",
            "",
            "| # | fault | made by | expected | measured | result |",
            "|--:|---|---|---|---|---|",
        ]
        lines += [
            f"| {r['fault']} | {r['what']} | {made[r['fault']].made} | {r['expected']} | {r['measured']}"
            f" | {r['result']} |"
            for r in self.rows()
            if not made[r["fault"]].reason
        ]
        lines += ["", "## Not made here", "", "| # | fault | why |", "|--:|---|---|"]
        lines += [f"| {f.number} | {f.name} | {f.reason} |" for f in made.values() if f.reason]
        lines += ["", "## Long series", "", "| command | measured | result | when |", "|---|---|---|---|"]
        lines += [
            f"| `python -m tests.faults {said['command']}` | {said['measured']} | {said['result']} "
            f"| {said['at']} at {said['commit']} |"
            for said in series()
        ]
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def keep_series(command: str, measured: str, *, passed: bool) -> None:
    """The outcome of a long series, for the page."""
    SERIES.mkdir(parents=True, exist_ok=True)
    said = {"command": command, "measured": measured, "result": "passed" if passed else "failed"}
    said |= {"at": now(), "commit": commit()}
    name = "-".join(word.strip("-") for word in command.split() if not word.isdigit())
    (SERIES / f"{name}.json").write_text(json.dumps(said))


def series() -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted(SERIES.glob("*.json"))]


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=BASE_DIR, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
