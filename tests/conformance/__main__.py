"""`python -m tests.conformance`: every statement for edge nodes and host applications, and what proves it.

Exit code 1 when a proof fails. A statement that no test proves yet is printed as open, and counted.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

STATEMENTS = Path(__file__).parent / "statements.csv"


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
    with STATEMENTS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        tests = sorted(proofs.claims.get(row["id"], ()))
        result = "open" if not tests else "FAIL" if proofs.failed & set(tests) else "pass"
        totals[result] += 1
        proof = tests[0].split("::", 1)[1] if tests else "-"
        more = f" (+{len(tests) - 1})" if len(tests) > 1 else ""
        print(f"{result:4}  {row['level']:6}  {row['role']:4}  {row['id']:100}  {proof}{more}")
    print(
        f"{len(rows)} statements: " + ", ".join(f"{count} {what}" for what, count in sorted(totals.items()))
    )
    return 1 if totals["FAIL"] or proofs.failed else 0


if __name__ == "__main__":
    sys.exit(main())
