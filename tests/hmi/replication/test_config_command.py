"""`manage.py config`: the configuration by hand, without a running node."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hmi.people.models import AuditRow, User
from hmi.replication import documents
from tests.hmi.founded import config, roster

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("config", *arguments, stdout=out)
    return out.getvalue()


def test_an_export_is_imported_again(founded: Any, tmp_path: Path) -> None:
    file = tmp_path / "primary.json"
    file.write_text(run("export"), encoding="utf-8")
    documents.install(config(tags=[]))
    assert run("import", str(file)).startswith("configuration 0.")
    assert documents.export() == json.loads(file.read_text(encoding="utf-8"))
    assert AuditRow.objects.filter(who="manage.py config import").exists()


def test_a_bad_file_is_refused_with_every_reason(founded: Any, tmp_path: Path) -> None:
    file, before = tmp_path / "bad.json", documents.export()
    file.write_text(json.dumps(config(nodes=[], engine=None)), encoding="utf-8")
    with pytest.raises(CommandError, match="a gateway needs at least one node"):
        run("import", str(file))
    with pytest.raises(CommandError):
        run("check", str(file))
    assert documents.export() == before


def test_a_good_file_is_only_checked(founded: Any, tmp_path: Path) -> None:
    file, before = tmp_path / "good.json", documents.export()
    file.write_text(json.dumps(config(tags=[])), encoding="utf-8")
    assert "valid" in run("check", str(file))
    assert documents.export() == before


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_a_file_that_holds_no_object_is_refused(founded: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(CommandError):
        run("import", str(file))
    with pytest.raises(CommandError, match="can't be read"):
        run("import", str(tmp_path / "missing.json"))


def test_a_first_start_has_both_documents_or_neither(
    node: Any, cheap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"config": config(), "people": roster()}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(both | {"config": config(nodes=[])})))
    with pytest.raises(CommandError):
        run("found")
    assert not User.objects.exists()
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(both)))
    assert "configuration 0." in run("found")
    assert User.objects.count() == 4
