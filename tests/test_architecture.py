"""The house rules that a tool can check: sizes, names, excepts, and what a stranger would trip over."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
PACKAGES = ("sparkplug", "redundancy", "hmi")
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
USUAL_FUNCTION = 30
NAMELESS = {"utils", "helpers", "managers", "misc", "common"}
# Outermost frames, which report and go on (or end the process); nowhere else may everything be caught.
MAY_CATCH_ALL = {
    "hmi/live/hub.py": "one subscription serves every browser: it is begun anew",
    "hmi/worker/bootstep.py": "a dead runtime ends the worker, so that its parent starts another",
    "hmi/worker/desk/desk.py": "one question that fails must not silence the desk",
    "redundancy/mqtt/connection.py": "the outermost frame of a client's thread: a dead one must be told",
    "redundancy/replication/replicator.py": "whatever a database may raise is tried again",
    "redundancy/runtime.py": "the role is not the database's hostage",
}
# One flat loop over the fields of a message, on purpose: every call in it would cost a tenth of the speed.
MAY_BE_LONG = {"sparkplug/payload.py _metrics"}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((BASE_DIR / package).rglob("*.py")):
            if not path.name.endswith("_pb2.py") and "migrations" not in path.parts:
                yield path


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(BASE_DIR)} {node.name}", _lines(node)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_longer_than_can_be_read_at_a_sitting() -> None:
    long = {
        str(p.relative_to(BASE_DIR)): n
        for p in sources()
        if (n := len(p.read_text().splitlines())) > LONGEST_FILE
    }
    assert not long


def test_functions_are_short_and_none_is_long() -> None:
    sizes = [found for path in sources() for found in functions(path)]
    assert not [found for found in sizes if found[1] > LONGEST_FUNCTION and found[0] not in MAY_BE_LONG]
    usual = sum(size <= USUAL_FUNCTION for _, size in sizes)
    assert usual >= 0.9 * len(sizes)


def test_every_module_has_a_name_of_its_own() -> None:
    assert not [str(path) for path in sources() if path.stem in NAMELESS]


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(BASE_DIR))
        for path in sources()
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent


def test_only_outermost_loops_catch_everything() -> None:
    broad = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler) or isinstance(node.body[-1], ast.Raise):
                continue
            names = [node.type]
            if any(
                n is None or (isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"})
                for n in names
            ):
                broad.add(str(path.relative_to(BASE_DIR)))
    assert broad == set(MAY_CATCH_ALL)


def test_nothing_is_left_undone_in_the_code() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    found = [f"{path}: {mark}" for path in sources() for mark in marks if mark in path.read_text()]
    assert not found


@pytest.mark.parametrize("package", ["sparkplug", "redundancy.core.pair", "redundancy.distributor.broker"])
def test_the_cores_can_be_imported_without_sockets_or_django(package: str) -> None:
    script = (
        "import sys, socket\n"
        "def forbidden(*_): raise RuntimeError('a socket at import')\n"
        "socket.socket.connect = forbidden\n"
        f"import {package}\n"
        "assert 'django' not in sys.modules and 'paho' not in sys.modules and 'asyncio' not in sys.modules\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=BASE_DIR, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_witness_and_the_distributor_run_without_django() -> None:
    script = (
        "import sys, redundancy.witness, redundancy.distributor.server, redundancy.runtime\n"
        "assert 'django' not in sys.modules and 'celery' not in sys.modules\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=BASE_DIR, check=False
    )
    assert ended.returncode == 0, ended.stderr
