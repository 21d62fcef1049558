"""The node's own file follows its row: whole or not at all, and only for this node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hmi.gateways.models import Node
from hmi.people.audit import Actor
from hmi.replication import documents, recorded
from hmi.replication.resources import spelled
from hmi.replication.schema import Invalid
from hmi.replication.store import DjangoStore
from redundancy import identity
from tests.hmi.founded import config
from tests.hmi.live_node import NODE
from tests.hmi.replication.test_store import other_node_s_change

pytestmark = pytest.mark.django_db
ALICE = Actor("alice")


@pytest.fixture
def folder(founded: Any, tmp_path: Path, settings: pytest.FixtureRequest) -> Path:
    settings.NODE_DIR, settings.IDENTITY = tmp_path, identity.save(tmp_path, NODE)
    documents.install(config(dashboards=[]))
    return tmp_path


def test_an_edit_of_the_own_row_is_written_through(
    folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), documents.transaction.atomic():
        Node.objects.filter(name="primary-master").update(http="127.0.0.1:26188", recovery="Automatic")
        assert documents.commit(ALICE).restart
    kept = identity.load(folder)
    assert (kept.node.http.port, kept.node.redundancy.recovery) == (26188, "Automatic")
    assert kept.secret_key == NODE["secret_key"]
    assert (folder / "node.json").stat().st_mode & 0o777 == 0o600


def test_an_edit_of_the_other_node_s_link_is_written_as_the_peer_s(
    folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), documents.change(ALICE):
        Node.objects.filter(name="primary-backup").update(link="127.0.0.1:26161")
    peer = identity.load(folder).node.peer
    assert peer is not None
    assert peer.link.port == 26161


def test_an_edit_of_something_else_leaves_the_file_alone(
    folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    documents.install(config())
    before = (folder / "node.json").read_bytes()
    with django_capture_on_commit_callbacks(execute=True), documents.transaction.atomic():
        Node.objects.filter(name="primary-backup").update(http="127.0.0.1:26189")
        assert not documents.commit(ALICE).restart
    assert (folder / "node.json").read_bytes() == before


def test_a_refused_edit_does_not_touch_the_file(
    folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    before = (folder / "node.json").read_bytes()
    with (
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(Invalid),
        documents.change(ALICE),
    ):
        Node.objects.filter(name="primary-master").update(link="nowhere")
    assert (folder / "node.json").read_bytes() == before


def test_the_standby_s_file_follows_too(folder: Path, django_capture_on_commit_callbacks: Any) -> None:
    changed = {
        key: spelled(key, json.loads(body) | {"dwell": 60.0})
        for key, body in recorded.everything().items()
        if key.startswith("node/")
    }
    with django_capture_on_commit_callbacks(execute=True):
        assert DjangoStore().apply("peer", 1, [other_node_s_change(changed)])
    assert identity.load(folder).node.redundancy.dwell == 60.0


def test_a_disk_that_refuses_leaves_the_file_whole(
    folder: Path, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = (folder / "node.json").read_bytes()
    (folder / "node.json.new").mkdir()
    with django_capture_on_commit_callbacks(execute=True), documents.change(ALICE):
        Node.objects.filter(name="primary-master").update(http="127.0.0.1:26188")
    assert (folder / "node.json").read_bytes() == before
    assert "could not be written" in caplog.text
