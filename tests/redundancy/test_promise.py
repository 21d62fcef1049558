"""A voter's promise survives everything but a lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redundancy import promise
from redundancy.core.actions import Promise

GIVEN = Promise(epoch=7, holder="primary-master", last_own=6)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    promise.save(tmp_path / "promise.json", GIVEN)
    assert promise.load(tmp_path / "promise.json") == GIVEN


def test_a_file_that_never_was_is_an_empty_promise(tmp_path: Path) -> None:
    assert promise.load(tmp_path / "promise.json") == Promise()


def test_it_is_readable_by_its_owner_only_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    promise.save(tmp_path / "promise.json", GIVEN)
    promise.save(tmp_path / "promise.json", Promise(8, "primary-backup", 6))
    assert [path.name for path in tmp_path.iterdir()] == ["promise.json"]
    assert (tmp_path / "promise.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"7",
        b"{}",
        b"[" * 100_000,
        b'{"epoch":1,"holder":"x","last_own":0}',
        b'{"epoch":1,"holder":"x","last_own":0,"sum":"0"}',
    ],
)
def test_a_damaged_file_is_an_error_and_never_an_empty_promise(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "promise.json").write_bytes(damage)
    with pytest.raises(promise.PromiseError, match="damaged"):
        promise.load(tmp_path / "promise.json")


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "promise.json"
    promise.save(path, GIVEN)
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "epoch": 3}))
    with pytest.raises(promise.PromiseError):
        promise.load(path)


def test_a_crash_before_the_rename_leaves_the_old_promise(tmp_path: Path) -> None:
    path = tmp_path / "promise.json"
    promise.save(path, GIVEN)
    (tmp_path / "promise.json.new").write_bytes(b'{"epo')
    assert promise.load(path) == GIVEN
    promise.save(path, Promise(9, "x", 9))
    assert promise.load(path) == Promise(9, "x", 9)


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        promise.save(tmp_path / "gone" / "promise.json", GIVEN)
