"""Two nodes with a database each: whatever is edited, cut and restarted, both end with the same, and
nothing that a person entered is lost without a name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hmi.replication import arrival, contents, entries, journal, ledger, wholes
from hmi.replication.descent import Version
from hmi.replication.models import Change, Conflict, Record, RejectedDocument
from hmi.tags.models import Tag
from tests.hmi.founded import config
from tests.hmi.replication.two_nodes import TwoNode, TwoNodes, empty_databases

THOROUGH = "THOROUGH" in os.environ
"""Every write is one to be killed before, and histories are many: some minutes."""


def tags(count: int) -> list[dict[str, Any]]:
    return [{"path": f"[default]T{n}", "datatype": "Int32"} for n in range(count)]


def unit(number: int, text: str) -> Callable[[], Any]:
    """An edit: this tag's unit is now that."""
    return lambda: Tag.objects.filter(path=f"[default]T{number}").update(unit=text)


@pytest.fixture(scope="module")
def empty(django_db_blocker: Any) -> Iterator[Path]:
    with django_db_blocker.unblock(), empty_databases() as folder:
        yield folder


@pytest.fixture
def pair(empty: Path, tmp_path: Path) -> TwoNodes:
    """Two nodes without any configuration."""
    return TwoNodes(tmp_path, empty)


@pytest.fixture
def paired(pair: TwoNodes) -> TwoNodes:
    """Two nodes with the same configuration of four tags, the master acting in epoch 1."""
    pair.master.install(config(tags=tags(4)))
    pair.until_quiet()
    pair.master.epoch = 1
    return pair


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No change is small enough to travel by itself, and everything travels in many small parts."""
    monkeypatch.setattr(journal, "ENTRY_BYTES", 1)
    monkeypatch.setattr(entries, "PART_BYTES", 200)


def conflicts(node: TwoNode) -> dict[str, dict[str, Any]]:
    with node.here():
        return {each.name: each.items for each in Conflict.objects.filter(settled_at=None)}


def same(pair: TwoNodes) -> bool:
    return pair.master.version == pair.backup.version and pair.master.contents == pair.backup.contents


def test_a_backup_without_anything_takes_all_from_its_master(pair: TwoNodes) -> None:
    pair.master.install(config(tags=tags(4)))
    pair.until_quiet()
    assert same(pair)
    assert pair.backup.version.startswith("0.1-")


@pytest.mark.usefixtures("in_parts")
def test_what_is_too_much_for_one_record_comes_in_parts_which_are_taken_back(pair: TwoNodes) -> None:
    pair.master.install(config(tags=tags(30)))
    pair.until_quiet()
    assert same(pair)
    for node in (pair.master, pair.backup):
        with node.here():
            parts = Record.objects.filter(provider=ledger.CONFIG_PART)
            assert parts.count() > 5
            assert not any(part.body for part in parts)


def test_a_change_travels_by_itself(paired: TwoNodes) -> None:
    with paired.backup.here():
        rows = dict(Tag.objects.values_list("path", "pk"))
    paired.master.edit(unit(2, "bar"))
    with mock.patch.object(wholes, "serve", side_effect=AssertionError("everything was asked for")):
        paired.until_quiet()
    assert same(paired)
    assert paired.backup.tags["[default]T2"] == "bar"
    with paired.backup.here():
        assert dict(Tag.objects.values_list("path", "pk")) == rows
        assert Change.objects.first().who == "alice"  # type: ignore[union-attr]


def test_a_node_that_was_away_for_long_gets_everything(paired: TwoNodes) -> None:
    for number in range(entries.RING + 3):
        paired.master.edit(unit(number % 4, f"u{number}"))
    paired.cut()
    paired.until_quiet()
    assert same(paired)
    assert not conflicts(paired.master)


def test_old_changes_leave_the_ledger(paired: TwoNodes) -> None:
    for number in range(entries.RING + 3):
        paired.master.edit(unit(number % 4, f"u{number}"))
    with paired.master.here():
        assert Record.objects.filter(provider=ledger.CONFIG_CHANGE).count() == entries.RING


def test_after_a_takeover_changes_go_the_other_way(paired: TwoNodes) -> None:
    paired.master.edit(unit(1, "old"))
    paired.until_quiet()
    paired.backup.epoch = 2
    paired.backup.edit(unit(1, "new"))
    paired.until_quiet()
    assert same(paired)
    assert paired.master.tags["[default]T1"] == "new"
    assert not conflicts(paired.master)


def test_a_master_that_missed_everything_after_its_last_word_was_lost_follows(paired: TwoNodes) -> None:
    """The backup has the master's last edit, the master never heard so: still there is no conflict."""
    paired.master.edit(unit(1, "last words"))
    while paired.exchange(paired.backup, paired.master):
        pass
    paired.cut()
    paired.backup.epoch = 2
    for number in range(entries.RING + 3):
        paired.backup.edit(unit(0, f"u{number}"))
    paired.until_quiet()
    assert same(paired)
    assert not conflicts(paired.master)
    assert paired.master.tags["[default]T1"] == "last words"


def test_edits_on_both_sides_leave_the_higher_epoch_in_force_and_the_other_under_a_name(
    paired: TwoNodes,
) -> None:
    paired.cut()
    mine = paired.master.edit(unit(1, "master's"))
    paired.backup.edit(unit(2, "backup's"), epoch=2)
    paired.until_quiet()
    assert same(paired)
    assert paired.master.tags["[default]T2"] == "backup's"
    assert paired.master.tags["[default]T1"] == ""
    assert conflicts(paired.master) == conflicts(paired.backup)
    ((name, items),) = conflicts(paired.backup).items()
    assert name == f"primary-master {mine}"
    assert list(items) == ["tag/[default]T1"]
    assert "master's" in items["tag/[default]T1"]


def test_the_same_edit_on_both_sides_is_no_conflict(paired: TwoNodes) -> None:
    paired.cut()
    paired.master.edit(unit(1, "bar"))
    paired.backup.edit(unit(1, "bar"), epoch=2)
    paired.until_quiet()
    assert same(paired)
    assert paired.master.version.startswith("2.")
    assert not conflicts(paired.master)


def test_what_one_side_deleted_is_kept_as_deleted(paired: TwoNodes) -> None:
    paired.cut()
    paired.master.edit(lambda: Tag.objects.filter(path="[default]T1").delete())
    paired.backup.edit(unit(2, "backup's"), epoch=2)
    paired.until_quiet()
    assert same(paired)
    assert list(conflicts(paired.backup).values()) == [{"tag/[default]T1": None}]


def test_a_fresh_master_takes_what_its_backup_has(paired: TwoNodes, empty: Path) -> None:
    paired.master.edit(unit(1, "years of work"))
    paired.until_quiet()
    paired.cut()
    shutil.copy(empty, paired.master.file)
    paired.until_quiet()
    assert same(paired)
    assert paired.master.tags["[default]T1"] == "years of work"


@pytest.mark.parametrize("edited", [True, False], ids=["an edited backup", "a backup as installed"])
def test_a_master_installed_anew_never_wipes_its_backup(paired: TwoNodes, empty: Path, edited: bool) -> None:
    if edited:
        paired.master.edit(unit(1, "years of work"))
        paired.until_quiet()
    before = paired.backup.contents
    paired.cut()
    for file in paired.master.file.parent.glob(f"{paired.master.file.name}*"):
        file.unlink()
    shutil.copy(empty, paired.master.file)
    for attempt in range(5):
        paired.master.install(config(tags=[{"path": f"[default]New {attempt}", "datatype": "Int32"}]))
    paired.until_quiet()
    assert same(paired)
    assert paired.backup.contents == before
    ((name, items),) = conflicts(paired.backup).items()
    assert name.startswith("primary-master 0.5-")
    assert items["tag/[default]New 4"]


def test_a_master_that_was_edited_before_it_met_its_backup_leaves_the_backup_s_under_a_name(
    paired: TwoNodes, empty: Path
) -> None:
    paired.master.edit(unit(1, "years of work"))
    paired.until_quiet()
    paired.cut()
    for file in paired.master.file.parent.glob(f"{paired.master.file.name}*"):
        file.unlink()
    shutil.copy(empty, paired.master.file)
    paired.master.install(config(tags=tags(2)))
    paired.master.edit(unit(0, "hasty"), epoch=7)
    paired.until_quiet()
    assert same(paired)
    assert paired.backup.tags["[default]T0"] == "hasty"
    ((name, items),) = conflicts(paired.master).items()
    assert name.startswith("primary-backup 1.2-")
    assert "years of work" in items["tag/[default]T1"]


def test_a_re_sync_repairs_rows_that_say_something_else_than_what_is_recorded(paired: TwoNodes) -> None:
    with paired.backup.here():
        Tag.objects.filter(path="[default]T3").update(unit="nobody's")
    with paired.master.here() as store:
        store.renew("config", 5)
    paired.until_quiet()
    assert same(paired)
    assert paired.backup.version.startswith("5.2-")
    assert paired.backup.tags["[default]T3"] == ""


def test_a_re_sync_of_the_active_node_outranks_what_its_standby_kept(paired: TwoNodes) -> None:
    paired.cut()
    paired.backup.edit(unit(2, "backup's"), epoch=1)
    paired.backup.edit(unit(2, "backup's, too"), epoch=1)
    paired.exchange(paired.master, paired.backup)
    with paired.master.here() as store:
        journal_says = ledger.config_version()
        store.renew("config", 5)
    paired.until_quiet()
    assert journal_says.startswith("1.3-")
    assert same(paired)


def test_a_bad_configuration_is_refused_once_and_the_next_good_one_is_taken(paired: TwoNodes) -> None:
    paired.master.edit(unit(1, "bar"))
    refusing = {"side_effect": ValueError("does not fit")}
    with mock.patch.object(contents, "judge", **refusing), mock.patch.object(arrival, "check", **refusing):
        paired.until_quiet()
    with paired.backup.here():
        assert RejectedDocument.objects.get().reason == "does not fit"
    assert paired.backup.tags["[default]T1"] == ""
    paired.master.edit(unit(2, "m"))
    paired.until_quiet()
    assert same(paired)
    with paired.backup.here():
        assert not RejectedDocument.objects.exists()


# A crash at every point


class Killed(BaseException):
    """The process is gone, and with it what was not committed."""


class Bomb:
    """Goes off before the n-th statement that writes."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Any, sql: str, *arguments: Any) -> Any:
        if not sql.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            self.left -= 1
            if self.left == 0:
                raise Killed
        return execute(sql, *arguments)


def until_killed(pair: TwoNodes, bomb: Bomb) -> bool:
    """Exchange all there is; False if the bomb went off on the way."""
    plain = TwoNode.here

    def armed(node: TwoNode) -> Any:
        @contextmanager
        def here() -> Iterator[Any]:
            with plain(node) as store, connection.execute_wrapper(bomb):
                yield store

        return here()

    with mock.patch.object(TwoNode, "here", armed):
        try:
            pair.until_quiet()
        except Killed:
            return False
    return True


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("way", "step"), [("change", 9), ("whole", 19), ("conflict", 29)])
def test_killed_before_any_write_a_node_has_the_old_or_the_new_and_goes_on(
    paired: TwoNodes, way: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way != "change":
        monkeypatch.setattr(journal, "ENTRY_BYTES", 1)
        monkeypatch.setattr(entries, "PART_BYTES", 400)
    paired.cut()
    if way == "conflict":
        paired.backup.edit(unit(2, "backup's"))
    old = paired.backup.contents
    paired.master.edit(lambda: (unit(1, "bar")(), Tag.objects.create(path="[default]New")), epoch=3)
    new = paired.master.contents
    files = [paired.master.file, paired.backup.file]
    kept = [file.read_bytes() for file in files]
    for number in range(1, 2_000, 1 if THOROUGH else step):
        for file, bytes_ in zip(files, kept, strict=True):
            for aside in file.parent.glob(f"{file.name}-*"):
                aside.unlink()
            file.write_bytes(bytes_)
        paired.cut()
        if done := until_killed(paired, Bomb(number)):
            break
        assert paired.master.contents == new
        assert paired.backup.contents in (old, new)
        paired.cut()
        paired.until_quiet()
        assert same(paired)
        assert paired.backup.contents == new
        assert len(conflicts(paired.master)) == len(conflicts(paired.backup)) == (way == "conflict")
    assert done
    assert number > 20


# Whatever happens

side = st.sampled_from(["master", "backup"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), side, st.integers(0, 3)),
        st.tuples(st.just("delete"), side, st.integers(0, 3)),
        st.tuples(st.just("create"), side, st.integers(0, 3)),
        st.tuples(st.just("act"), side),
        st.tuples(st.just("exchange"), side, st.sampled_from(["", "", "batch", "answer"])),
        st.tuples(st.just("kill"), side, st.integers(1, 40)),
        st.tuples(st.just("cut"), side),
        st.tuples(st.just("everything"), side),
        st.tuples(st.just("resync"), side),
    ),
    max_size=14,
)


class Watch:
    """What must hold in every history."""

    def __init__(self, pair: TwoNodes) -> None:
        self.pair = pair
        self.epoch = 1
        self.entered: list[tuple[str, str | None]] = []
        self.replaced: set[tuple[str, str | None]] = set()
        self.said: dict[str, dict[str, str]] = {}
        self.latest: dict[str, Version] = {}
        self.look()

    def look(self) -> None:
        for node in (self.pair.master, self.pair.backup):
            contents = node.contents
            with node.here():
                version = journal.version()
            assert version is not None
            assert self.said.setdefault(version.full, contents) == contents
            assert version >= self.latest.get(node.name, version), "a version never goes back"
            self.latest[node.name] = version

    def enter(self, node: TwoNode, number: int, change: Callable[[], Any]) -> None:
        key = f"tag/[default]T{number}"
        before = node.contents.get(key)
        node.edit(change)
        after = node.contents.get(key)
        if after != before:
            self.replaced.add((key, before))
            self.entered.append((key, after))

    def take(self, number: int, step: tuple[Any, ...]) -> None:
        kind, name, *more = step
        node = getattr(self.pair, name)
        other = self.pair.backup if node is self.pair.master else self.pair.master
        if kind == "edit":
            self.enter(node, more[0], unit(more[0], f"u{number}"))
        elif kind == "delete":
            self.enter(node, more[0], lambda: Tag.objects.filter(path=f"[default]T{more[0]}").delete())
        elif kind == "create":
            made = {"path": f"[default]T{more[0]}", "defaults": {"unit": f"u{number}"}}
            self.enter(node, more[0], lambda: Tag.objects.get_or_create(**made))
        elif kind == "act":
            self.epoch += 1
            node.epoch = self.epoch
        elif kind == "exchange":
            self.pair.exchange(node, other, lose=more[0])
        elif kind == "kill":
            until_killed(self.pair, Bomb(more[0]))
            self.pair.cut()
        elif kind == "cut":
            self.pair.cut()
        elif kind == "everything":
            self.pair.until_quiet()
        elif kind == "resync":
            with node.here() as store:
                store.renew("config", node.epoch)

    def end(self) -> None:
        self.pair.cut()
        self.pair.until_quiet()
        self.look()
        assert same(self.pair)
        final, kept = self.pair.master.contents, conflicts(self.pair.master)
        assert kept == conflicts(self.pair.backup)
        named = {(key, body) for items in kept.values() for key, body in items.items()}
        for key, body in self.entered:
            lives = final.get(key) == body
            assert lives or (key, body) in self.replaced | named, f"{key} {body} is lost"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("parts", [False, True], ids=["changes", "wholes"])
@settings(max_examples=200 if THOROUGH else 4, suppress_health_check=list(HealthCheck))
@given(history=steps)
def test_in_any_history_both_end_with_the_same_and_nothing_is_lost_without_a_name(
    empty: Path, parts: bool, history: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="tandem-") as folder, pytest.MonkeyPatch.context() as patch:
        if parts:
            patch.setattr(journal, "ENTRY_BYTES", 1)
            patch.setattr(entries, "PART_BYTES", 300)
        pair = TwoNodes(Path(folder), empty)
        pair.master.install(config(tags=tags(4)))
        pair.until_quiet()
        watch = Watch(pair)
        for number, step in enumerate(history):
            watch.take(number, step)
            watch.look()
        watch.end()
