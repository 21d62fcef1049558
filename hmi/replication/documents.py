"""The `config` document: a gateway's whole configuration, valid as a whole or refused as a whole.

Three ways in, one way to apply. A person edits rows inside `change(...)`; a plant's first start and
`manage.py config import` give a document to `install`; the other node's document comes through
`receive`. Each is one transaction, and leaves rows that say exactly what the document says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from hmi.gateways import own_node, sealing
from hmi.gateways.models import BrokerUser, Server
from hmi.people import audit
from hmi.people.audit import Actor
from hmi.replication import ledger, rows
from hmi.replication.checks import check
from hmi.replication.differences import config_objects, differences
from hmi.replication.poke import poke_after_commit
from hmi.replication.schema import ConfigDocument, Invalid, Problem, canonical, parse
from hmi.replication.standing import NotActive, standing
from redundancy.distributor import passwords
from redundancy.records import MAX_BODY

__all__ = ["Actor", "Committed", "Invalid", "NotActive", "Problem", "change", "commit", "export", "install"]


@dataclass(frozen=True, slots=True)
class Committed:
    """What came of an edit. `restart`: this node's own addresses changed, its next start uses them."""

    version: str
    restart: bool = False


@contextmanager
def change(actor: Actor, summary: str = "") -> Iterator[None]:
    """Edit rows inside; on the way out the whole is checked and recorded, or nothing happened.

    Raises NotActive, Invalid.
    """
    with transaction.atomic():
        yield
        commit(actor, summary)


def commit(actor: Actor, summary: str = "") -> Committed:
    """Judge and record the rows as they are now; call inside the transaction that edited them.

    Raises NotActive on a node that does not act and Invalid for a whole that can't be used: let either
    leave the transaction, so that the edit is undone.
    """
    here = standing()
    if not here.active:
        raise NotActive(here)
    document = rows.read()
    if document is None:
        raise Invalid([Problem("gateway", "name", "a configuration needs a gateway")])
    check(document, settings.NODE)
    return _record(document, actor, summary, here.epoch)


def install(config: Mapping[str, Any], *, by: str = "installation", epoch: int = 0) -> Committed:
    """Replace the whole configuration by `config` (see hmi.replication.schema). Raises Invalid.

    Plain passwords are sealed or hashed here. Installing the same twice changes nothing.
    """
    with transaction.atomic():
        document = parse(ConfigDocument, stored_form(config))
        check(document, settings.NODE)
        rows.write(document)
        # As the rows spell it, their order included: an edit later must not look like a change of all.
        written = rows.read()
        assert written is not None
        return _record(written, Actor(by), "installed", epoch)


def export() -> dict[str, Any]:
    """The configuration in force as a plain object, secrets sealed; empty without one."""
    document = rows.read()
    return {} if document is None else json.loads(canonical(document))


def receive(body: bytes) -> None:
    """Apply the other node's document. Raises Invalid, and then nothing of it was applied."""
    document = parse(ConfigDocument, body)
    check(document, settings.NODE)
    rows.write(document)
    own_node.keep_up(document)


def _record(document: ConfigDocument, actor: Actor, summary: str, epoch: int) -> Committed:
    body = canonical(document)
    if len(body) > MAX_BODY:
        reason = f"is {len(body)} bytes long; {MAX_BODY} can be replicated"
        raise Invalid([Problem("document", "", reason)])
    held = ledger.current(ledger.CONFIG, ledger.CONFIG)
    if held is not None and held.body == body:
        return Committed(ledger.version(held))
    old = json.loads(held.body) if held is not None and held.body else {}
    found = list(differences(config_objects(old), config_objects(json.loads(body))))
    _, record = ledger.append(ledger.CONFIG, ledger.CONFIG, body, epoch)
    if old:
        for each in found:
            action = f"config.{each.action}"
            audit.record(actor, action, each.target, old=each.old, new=each.new, reason=summary)
    else:
        audit.record(actor, "config.install", "config", new=f"{len(found)} objects", reason=summary)
    poke_after_commit()
    return Committed(ledger.version(record), own_node.keep_up(document))


def stored_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which every password is as it is stored; one that did not change keeps its form."""
    copy: dict[str, Any] = json.loads(json.dumps(config))
    for group in _objects(copy, "server_sets"):
        for server in _objects(group, "servers"):
            server["password"] = _sealed(server.get("name"), server.get("password", ""))
    for user in _objects(copy, "broker_users"):
        if "password" in user:
            user["password_hash"] = _hashed(user.get("username"), user.pop("password"))
    return copy


def _objects(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list that nobody has checked yet; what is none is left for the schema to refuse."""
    found = parent.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _sealed(name: Any, password: Any) -> Any:
    if not isinstance(password, str) or not password or sealing.is_sealed(password):
        return password
    held = Server.objects.filter(name=name).values_list("password", flat=True).first()
    try:
        if held and sealing.unseal(held) == password:
            return held
    except sealing.Unsealable:
        pass
    return sealing.seal(password)


def _hashed(username: Any, password: Any) -> Any:
    if not isinstance(password, str) or not password:
        return ""
    held = BrokerUser.objects.filter(username=username).values_list("password_hash", flat=True).first()
    return held if held and passwords.verify(held, password.encode()) else passwords.hash_password(password)
