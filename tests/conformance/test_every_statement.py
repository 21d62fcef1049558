"""No statement twice, none made up, and those without a proof are known by name."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

HERE = Path(__file__).parent


PARTS = {"conformance", "sparkplug", "worker"}
"""Folders with proofs."""


def claims(request: pytest.FixtureRequest) -> set[str]:
    marked = [marker for item in request.session.items for marker in item.iter_markers("statement")]
    return {name for marker in marked for name in marker.args}


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_statements_are_those_of_edge_nodes_and_host_applications() -> None:
    ids = [row["id"] for row in rows("statements.csv")]
    assert len(ids) == len(set(ids))
    assert {row["role"] for row in rows("statements.csv")} == {"edge", "host", "both"}
    assert {row["level"] for row in rows("statements.csv")} <= {"MUST", "SHOULD", "MAY"}


def test_every_statement_without_a_proof_has_a_reason(request: pytest.FixtureRequest) -> None:
    """Only when all tests are there: a run of a few says nothing of the others."""
    claimed = claims(request)
    if not {item.path.parent.name for item in request.session.items} >= PARTS:
        return
    known = {row["id"] for row in rows("statements.csv")}
    excused = {row["id"]: row["reason"] for row in rows("reasons.csv")}
    assert known - claimed == set(excused), (known - claimed) ^ set(excused)
    assert all(len(reason) > 20 for reason in excused.values())


def test_no_test_claims_a_statement_that_does_not_exist(request: pytest.FixtureRequest) -> None:
    known = {row["id"] for row in rows("statements.csv")}
    claimed = claims(request)
    assert claimed <= known, claimed - known
