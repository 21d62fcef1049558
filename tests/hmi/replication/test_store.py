"""The database's store does what the reference one of the records does, and makes rows of records."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hmi.people.models import AuditRow, Session, User
from hmi.replication import documents, journal, ledger, people, recorded
from hmi.replication.descent import Digest
from hmi.replication.entries import Entry, packed
from hmi.replication.models import Change, Changeover, Cursor, Ledger, Record, RejectedDocument
from hmi.replication.resources import Changes, spelled
from hmi.replication.store import DjangoStore
from hmi.tags.models import Tag
from redundancy.replication.records import MemoryStore, RecordStore, Stamp
from redundancy.replication.records import Record as Opaque
from tests.hmi.fake_runtime import FakeRuntime
from tests.hmi.founded import TAG_1, browser, config, record_of

pytestmark = pytest.mark.django_db
PEER = "the-other-node"
_keys = st.sampled_from(["a", "b", "c"])
_appends = st.tuples(st.just("append"), _keys, st.binary(max_size=4), st.integers(0, 3))
_received = st.builds(
    Opaque,
    st.just("bdseq"),
    _keys,
    st.integers(0, 3),
    st.integers(0, 9),
    st.just(PEER),
    st.binary(max_size=4),
)
_applies = st.tuples(st.just("apply"), st.lists(_received, max_size=3))


def contents(store: RecordStore) -> dict[str, tuple[int, int, str, bytes]]:
    own = {store.identity: "own"}
    return {r.key: (r.epoch, r.clock, own.get(r.origin, r.origin), r.body) for r in store.latest("bdseq")}


def wipe() -> None:
    for model in (Record, Ledger, Cursor, RejectedDocument):
        model.objects.all().delete()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_appends | _applies, max_size=12))
def test_it_holds_what_the_reference_holds(steps: list[Any]) -> None:
    wipe()
    store = DjangoStore()
    reference = MemoryStore(store.identity)
    for kind, *arguments in steps:
        for each in (store, reference):
            if kind == "append":
                each.append("bdseq", *arguments)
            else:
                each.apply(PEER, 1, *arguments)
        assert contents(store) == contents(reference)


def test_numbers_rise_and_none_is_used_again() -> None:
    store = DjangoStore()
    numbers = [store.append("bdseq", key, b"1", 0)[0] for key in "abca"]
    assert numbers == sorted(set(numbers))
    assert store.head() == numbers[-1]
    Record.objects.all().delete()
    assert store.head() == 0
    assert store.append("bdseq", "a", b"2", 0)[0] > numbers[-1]


def test_a_replaced_record_leaves_a_hole() -> None:
    store = DjangoStore()
    first = store.append("bdseq", "a", b"1", 0)[0]
    store.append("bdseq", "b", b"1", 0)
    store.append("bdseq", "a", b"2", 0)
    assert [(r.key, r.body) for _, r in store.after(0, 10)] == [("b", b"1"), ("a", b"2")]
    assert all(seq > first for seq, _ in store.after(0, 10))


def test_a_version_of_one_s_own_supersedes_whatever_is_here() -> None:
    store = DjangoStore()
    store.apply(PEER, 5, [record_of("bdseq", "a", b"theirs", clock=500, epoch=9)])
    _, record = store.append("bdseq", "a", b"mine", 2)
    assert record.stamp > Stamp(9, 500, PEER)
    assert ledger.current("bdseq", "a") == record


def test_a_clock_that_was_made_up_stops_nobody_from_writing() -> None:
    store = DjangoStore()
    late = record_of("bdseq", "a", b"1", clock=2**63 - 1)
    assert store.apply(PEER, 1, [late]) == []
    assert store.append("bdseq", "a", b"2", 0)[1].clock < 2**62


def test_large_records_come_in_several_answers() -> None:
    store = DjangoStore()
    for key in "abc":
        store.append("birth", key, b"x" * 3_000_000, 0)
    assert len(store.after(0, 100)) == 1
    assert [r.key for _, r in store.after(store.after(0, 100)[-1][0], 100)] == ["b"]


def test_the_cursor_moves_with_what_was_applied_and_can_be_forgotten() -> None:
    store = DjangoStore()
    assert store.cursor(PEER) == 0
    store.apply(PEER, 7, [record_of("bdseq", "a", b"1")])
    assert store.cursor(PEER) == 7
    store.forget(PEER)
    assert store.cursor(PEER) == 0


def test_a_deletion_is_kept_among_the_latest() -> None:
    store = DjangoStore()
    store.append("birth", "a", b"1", 0)
    store.append("birth", "a", b"", 0)
    assert [(r.key, r.body) for r in store.latest("birth")] == [("a", b"")]


def test_two_databases_from_one_template_are_two_stores() -> None:
    first = DjangoStore().identity
    Ledger.objects.all().delete()
    assert DjangoStore().identity != first


def other_node_s(provider: str) -> Opaque:
    """What this node just recorded, as the other node would send it, and newer."""
    held = ledger.current(provider, provider)
    assert held is not None
    return record_of(provider, provider, held.body, clock=9000, epoch=held.epoch)


def other_node_s_change(changes: Changes, digest: str = "") -> Opaque:
    """A change of what is in force here, as the other node tells it; by itself it need not be a good one."""
    mine = journal.version()
    assert mine is not None
    if not digest:
        total = Digest(mine.digest)
        for key, old in recorded.bodies(changes).items():
            total.take(key, old)
        for key, new in changes.items():
            if new is not None:
                total.add(key, new)
        digest = str(total)
    after = mine.next(99, digest)
    entry = Entry(version=after.full, parent=mine.full, node="b", who="eva", summary="", changes=changes)
    slot = journal.slot(after.revision)
    return record_of(ledger.CONFIG_CHANGE, slot, packed(entry), clock=9000, epoch=99)


def changed_tag(**fields: Any) -> Changes:
    key = f"tag/{TAG_1}"
    return {key: spelled(key, json.loads(recorded.everything()[key]) | fields)}


def test_a_change_from_the_other_node_becomes_rows(founded: FakeRuntime) -> None:
    theirs = other_node_s_change(changed_tag(unit="bar"))
    assert DjangoStore().apply(PEER, 3, [theirs]) == [theirs]
    assert Tag.objects.get().unit == "bar"
    assert ledger.config_version().startswith("99.2-")
    assert recorded.edited() == {}


def test_the_same_change_again_changes_nothing(founded: FakeRuntime) -> None:
    theirs = other_node_s_change(changed_tag(unit="bar"))
    for clock in (9000, 9001):
        DjangoStore().apply(PEER, 3, [replace(theirs, clock=clock)])
    assert ledger.config_version().startswith("99.2-")
    assert Change.objects.count() == 2


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("config", b"\xff\xfe"),
        ("config", b""),
        ("config", b"{}"),
        ("config", zlib.compress(b"[" * 100_000)),
        ("config-change", b""),
        ("config-change", zlib.compress(b'{"version": "1.1-x"}')),
        ("config-change", zlib.compress(b"{}") + b"more"),
        ("config-change", zlib.compress(b"{}")[:-3]),
        ("config-part", b"no part"),
        ("config-conflict", b"x"),
        ("people", b'{"users": []}'),
        ("people", b'{"users": [{"username": "../../etc"}]}'),
        ("session", b"not JSON"),
        ("session", b'{"data": "x", "expires": "tomorrow"}'),
        ("session", b'{"data": "x", "expires": "2026-11-21T00:00:00"}'),
        ("audit", b'{"who": 1}'),
        ("audit", b"[]"),
        ("changeover", b'{"id": "another"}'),
    ],
)
def test_a_bad_record_is_kept_out_told_and_blocks_nothing(
    founded: FakeRuntime, users: dict[str, User], provider: str, body: bytes
) -> None:
    before = documents.export(), people.export(), ledger.current(provider, provider)
    bad, good = record_of(provider, provider, body), record_of("bdseq", "Group 1/Edge 1", b"7")
    assert DjangoStore().apply(PEER, 9, [bad, good]) == [good]
    assert (documents.export(), people.export(), ledger.current(provider, provider)) == before
    assert RejectedDocument.objects.get().provider == provider
    assert DjangoStore().cursor(PEER) == 9


def test_a_person_sees_what_was_kept_out(founded: FakeRuntime, users: dict[str, User]) -> None:
    DjangoStore().apply(PEER, 1, [other_node_s_change(changed_tag(datatype="<b>junk</b>"))])
    page = browser(users["victor"]).get("/status/redundancy/").content.decode()
    assert "was kept out" in page
    assert "<b>junk" not in page


UNUSABLE: list[tuple[Changes, str]] = [
    ({"gateway": '{"description":"","name":"Edge 1"}'}, "Primary"),
    ({"gateway": None}, "gateway"),
    ({"node/primary-backup": None}, "primary-backup"),
    ({"gateway": '{"name": "Primary",  "description": ""}'}, "spells"),
    ({"gateway": "no JSON"}, "not one JSON object"),
    ({"nonsense/1": "{}"}, "belongs to nothing"),
    ({"tag/[default]A": '{"path":"[default]A"}'}, "datatype"),
    ({f"tag/{TAG_1}/Inside": None, f"tag/{TAG_1}": "[]"}, "tag"),
]


@pytest.mark.parametrize(("changes", "reason"), UNUSABLE)
def test_a_change_that_can_t_be_used_is_kept_out_whole(
    founded: FakeRuntime, changes: Changes, reason: str
) -> None:
    before = documents.export(), ledger.config_version(), recorded.everything()
    DjangoStore().apply(PEER, 1, [other_node_s_change({**changed_tag(unit="bar"), **changes})])
    assert reason in RejectedDocument.objects.get().reason
    assert (documents.export(), ledger.config_version(), recorded.everything()) == before


def test_a_change_that_leads_elsewhere_than_it_says_is_kept_out(founded: FakeRuntime) -> None:
    before = recorded.everything()
    DjangoStore().apply(PEER, 1, [other_node_s_change(changed_tag(unit="bar"), digest="0" * 64)])
    assert "does not lead to" in RejectedDocument.objects.get().reason
    assert recorded.everything() == before


def test_a_tag_spelled_in_another_way_is_kept_out(founded: FakeRuntime) -> None:
    key, before = f"tag/{TAG_1}", recorded.everything()
    wide = json.dumps(json.loads(before[key]) | {"unit": "bar"})
    DjangoStore().apply(PEER, 1, [other_node_s_change({key: wide})])
    assert "spells" in RejectedDocument.objects.get().reason
    assert recorded.everything() == before


def test_a_good_change_ends_the_report_of_a_bad_one(founded: FakeRuntime) -> None:
    DjangoStore().apply(PEER, 1, [other_node_s_change({"gateway": None})])
    assert RejectedDocument.objects.get().reason
    good = other_node_s_change(changed_tag(unit="bar"))
    DjangoStore().apply(PEER, 2, [replace(good, clock=9002)])
    assert not RejectedDocument.objects.exists()


def test_a_configuration_sealed_with_another_pair_s_key_is_kept_out(
    founded: FakeRuntime, settings: pytest.FixtureRequest
) -> None:
    settings.SECRET_KEY = "another pair's"
    DjangoStore().apply(PEER, 1, [other_node_s_change(changed_tag(unit="bar"))])
    assert "another pair" in RejectedDocument.objects.get().reason


def test_people_from_the_other_node_are_the_same_people(users: dict[str, User]) -> None:
    theirs = other_node_s("people")
    User.objects.all().delete()
    DjangoStore().apply(PEER, 1, [theirs])
    found = {user.username: user for user in User.objects.all()}
    assert {name: (u.pk, u.role, u.password) for name, u in found.items()} == {
        name: (u.pk, u.role, u.password) for name, u in users.items()
    }
    assert found["alice"].tokens.get().name == "panel"


def test_an_audit_row_of_the_other_node_is_added_once_and_never_changed(node: FakeRuntime) -> None:
    documents.install(config())
    row = AuditRow.objects.get()
    held = ledger.current("audit", str(row.pk))
    assert held is not None
    AuditRow.objects.all().delete()
    store = DjangoStore()
    store.apply(PEER, 1, [record_of("audit", str(row.pk), held.body)])
    forged = json.loads(held.body) | {"who": "nobody"}
    store.apply(PEER, 2, [record_of("audit", str(row.pk), json.dumps(forged).encode(), clock=2000)])
    assert [(each.pk, each.who, each.at) for each in AuditRow.objects.all()] == [(row.pk, row.who, row.at)]


REPORT = {
    "id": "13-primary-backup",
    "cause": "the holder is silent",
    "from": "primary-master",
    "to": "primary-backup",
    "epoch": 13,
    "started": 1_795_000_000_123,
    "active_after_ms": 1900,
    "mqtt_after_ms": 2100,
    "edges_online_after_ms": None,
    "replayed": None,
    "lost": 0,
    "duplicates": None,
}


def test_a_changeover_s_report_becomes_a_row_wherever_it_was_written() -> None:
    store = DjangoStore()
    store.append("changeover", REPORT["id"], json.dumps(REPORT).encode(), 13)
    assert Changeover.objects.get().as_dict() == REPORT | {"started": "2026-11-18T11:06:40.123Z"}
    later = json.dumps(REPORT | {"edges_online_after_ms": 2900}).encode()
    store.apply(PEER, 1, [record_of("changeover", REPORT["id"], later, epoch=13)])
    assert Changeover.objects.get().edges_online_after_ms == 2900


def test_a_report_without_a_former_holder_is_a_start() -> None:
    body = json.dumps(REPORT | {"from": None}).encode()
    DjangoStore().append("changeover", REPORT["id"], body, 13)
    assert Changeover.objects.get().as_dict()["from"] is None


def test_providers_without_rows_are_only_kept() -> None:
    store = DjangoStore()
    for provider in ("tag-value", "bdseq", "state-clock", "birth", "something newer"):
        store.append(provider, "a", b"\x00\xff", 1)
    assert Record.objects.count() == 5
    assert not Session.objects.exists()
