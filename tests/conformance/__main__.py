"""`python -m tests.conformance`: every statement for edge nodes and host applications, and what proves it.

`reasons.csv` has those that no test can prove, or that are read otherwise on purpose, each with a sentence.
Exit code 1 when a proof fails, or a statement has neither proof nor reason.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


class Proofs:
    """Which tests claim which statements, and how they ended."""

    def __init__(self) -> None:
        self.claims: dict[str, set[str]] = defaultdict(set)
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for marker in item.iter_markers("statement"):
                for name in marker.args:
                    self.claims[name].add(item.nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def main() -> int:
    proofs = Proofs()
    pytest.main(["-q", "-m", "statement", "tests"], plugins=[proofs])
    rows, reasons = _rows("statements.csv"), {row["id"]: row["reason"] for row in _rows("reasons.csv")}
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        tests = sorted(proofs.claims.get(row["id"], ()))
        result = _result(tests, proofs.failed) if tests else "reason" if row["id"] in reasons else "NONE"
        totals[result] += 1
        proof = tests[0].split("::", 1)[1] if tests else reasons.get(row["id"], "-")
        more = f" (+{len(tests) - 1})" if len(tests) > 1 else ""
        print(f"{result:6}  {row['level']:6}  {row['role']:4}  {row['id']:100}  {proof}{more}")
    print(
        f"{len(rows)} statements: " + ", ".join(f"{count} {what}" for what, count in sorted(totals.items()))
    )
    return 1 if totals["FAIL"] or totals["NONE"] or proofs.failed else 0


def _result(tests: list[str], failed: set[str]) -> str:
    return "FAIL" if failed & set(tests) else "pass"


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
