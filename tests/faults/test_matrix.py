"""The matrix itself reads as it was written: `make faults` stands on it."""

from __future__ import annotations

import csv
import re

from tests.faults.ledger import MATRIX, matrix
from tests.plant.conftest import BASE_DIR


def test_every_row_has_every_column_and_no_more() -> None:
    with MATRIX.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert [row for row in rows if len(row) != len(head)] == []
    assert [fault.number for fault in matrix()] == list(range(1, len(rows) + 1))


def test_whatever_proves_a_fault_elsewhere_is_there() -> None:
    for fault in matrix():
        for test in fault.also:
            file, *names = test.split("::")
            text = (BASE_DIR / file).read_text()
            assert all(re.search(rf"(def|class) {name}\b", text) for name in names), test
