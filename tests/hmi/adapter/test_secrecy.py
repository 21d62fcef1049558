"""A password that went in never comes out again: not in answers, logs, exports, pages, errors or files."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from hmi.adapter.configuration import session
from hmi.adapter.configuration.draft import Draft
from hmi.adapter.facets.catalogue import Verb
from hmi.people.audit import Actor
from hmi.people.models import AuditRow
from hmi.replication import documents
from hmi.replication.standing import Standing
from tests.hmi.adapter.api.contract import COMPONENTS, SECRETS, SERVERS, SOURCE, SPB
from tests.hmi.adapter.api.test_contract import send
from tests.hmi.founded import browser, config
from tests.hmi.replication.two_nodes import TwoNode, quiet_pokes, template

MARK = "mark-of-a-password"
pytestmark = pytest.mark.django_db


def marked(number: int) -> str:
    return f"{MARK}-{number}"


SERVER = {"hostNameOrIpAddress": "a", "userName": "u", "clientCertificateThumbprint": "1A2B"}
# Good and bad, everywhere where a password may be or may be put by mistake.
REQUESTS: list[tuple[str, str, Any]] = [
    ("PUT", SOURCE, SERVER | {"password": marked(1), "clientCertificatePassword": marked(2)}),
    ("PUT", SERVERS, [SERVER | {"hostNameOrIpAddress": "b", "password": marked(3), "serverId": "1"}]),
    ("PATCH", f"{SERVERS}/1", {"password": marked(4)}),
    ("POST", COMPONENTS, SPB),
    ("PUT", "configuration/Spb 1/dataSource", SERVER | {"password": marked(5)}),
    ("PUT", f"{SECRETS}/mine", {"value": marked(6), "description": "mine"}),
    ("PUT", SECRETS, [{"id": "x", "value": marked(7)}]),
    ("PUT", SOURCE, {"hostNameOrIpAddress": f"mqtt://u:{marked(8)}@a"}),
    ("PUT", SOURCE, {"hostNameOrIpAddress": f"a:{marked(8)}"}),
    ("PUT", SOURCE, {"hostNameOrIpAddress": "a", "password": marked(9)}),
    ("PUT", SOURCE, SERVER | {"password": [marked(10)]}),
    ("PUT", SOURCE, SERVER | {"password": {marked(10): marked(10)}}),
    ("PUT", SOURCE, SERVER | {"password": marked(11) * 1000}),
    (
        "PUT",
        SOURCE,
        SERVER | {"port": marked(12), "tls": marked(12), "validateServerCertificate": marked(12)},
    ),
    ("PUT", SOURCE, json.dumps(SERVER | {"password": marked(13)})[:-1]),
    ("PUT", SOURCE, json.dumps(SERVER | {"password": marked(13)})[:-1] + ",}"),
    ("PUT", "configuration", {"MQTT1": {"DataSource": {"password": marked(14)}}}),
    ("PUT", f"{SECRETS}/bad", {"value": marked(15), "expirationDate": 7}),
    ("PUT", f"{SECRETS}/bad", {"value": [marked(15)]}),
]


def test_what_is_secret_never_comes_out(
    founded: Any, users: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    told = [send(verb, path, body) for verb, path, body in REQUESTS]
    assert [answer.status_code for answer in told[:7]] == [204, 204, 204, 204, 204, 204, 400]
    assert {answer.status_code for answer in told[7:]} == {400}
    told += [send("GET", path, None) for path in ("configuration", SOURCE, SERVERS, SECRETS)]
    out = "".join(answer.content.decode() for answer in told)
    alice = browser(users["alice"])
    for page in ("/audit/", "/config/conflicts/", "/admin/", "/"):
        out += alice.get(page).content.decode()
    export = io.StringIO()
    call_command("config", "export", stdout=export)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps([SERVER | {"password": marked(16), "colour": 1}]), encoding="utf-8")
    with pytest.raises(CommandError) as refused:
        call_command("adapter", "import", str(bad))
    out += export.getvalue() + str(refused.value) + caplog.text
    out += "".join(f"{row.old}{row.new}{row.reason}{row.target}" for row in AuditRow.objects.all())
    assert MARK not in out
    assert "secret/mine" in out
    assert "MQTT1.RedundantServers.server1" not in out
    # The audit trail says who did what all the same.
    assert AuditRow.objects.filter(who="alice", action="config.change", target="component/MQTT1").exists()
    sealed = documents.export()["secrets"]
    assert {each["id"] for each in sealed} >= {
        "mine",
        "MQTT1.DataSource.Password",
        "Spb 1.DataSource.Password",
    }


def test_a_document_with_a_plain_password_is_refused_and_one_with_a_plain_secret_sealed(founded: Any) -> None:
    document = documents.export()
    source = {"id": "MQTT1", "type": "MQTT", "dataSource": SERVER | {"password": marked(1)}}
    with pytest.raises(documents.Invalid) as refused:
        documents.install(document | {"components": [source]})
    assert MARK not in str(refused.value)
    documents.install(document | {"secrets": [{"id": "mine", "value": marked(2)}]})
    assert MARK not in json.dumps(documents.export())


@pytest.fixture
def alone(tmp_path: Path, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock(), quiet_pokes():
        node = TwoNode(template(tmp_path), "primary-master")
        node.install(config())
        yield node


@pytest.mark.django_db(transaction=True)
def test_secrets_are_encrypted_in_the_database_file(alone: TwoNode) -> None:
    def work(draft: Draft) -> None:
        component = draft.component("MQTT1")
        draft.change(
            component, draft.facet(component, "dataSource"), Verb.PUT, SERVER | {"password": MARK}, None
        )
        draft.change_secrets(Verb.PUT, {"value": f"{MARK}-2"}, "mine")

    here = Standing(True, "Active", 1, alone.name)
    with (
        alone.here(),
        mock.patch.object(session, "standing", return_value=here),
        mock.patch.object(documents, "standing", return_value=here),
        transaction.atomic(),
    ):
        session.change(Actor("alice"), "a password", work)
    whole = b"".join(path.read_bytes() for path in alone.file.parent.iterdir() if path.is_file())
    assert b"MQTT1.DataSource.Password" in whole
    assert MARK.encode() not in whole
