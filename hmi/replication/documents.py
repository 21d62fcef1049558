"""The configuration of a gateway: valid as a whole or refused as a whole.

Three ways in. A person edits rows inside `change(...)`; a plant's first start and `manage.py config
import` give a document to `install`; the other node's changes come through `arrival`. Each is one
transaction, and leaves rows that say exactly what is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from hmi.adapter.configuration import kept
from hmi.adapter.facets.catalogue import FIRST
from hmi.adapter.models import Secret
from hmi.gateways import sealing
from hmi.gateways.models import BrokerUser, Server
from hmi.people import audit
from hmi.people.audit import Actor
from hmi.replication import contents, journal, ledger, recorded, rows
from hmi.replication.checks import check
from hmi.replication.differences import differences
from hmi.replication.poke import poke_after_commit
from hmi.replication.resources import Changes, changes, split
from hmi.replication.schema import ConfigDocument, Invalid, Problem, canonical, parse
from hmi.replication.standing import NotActive, standing
from redundancy.distributor import passwords

__all__ = ["Actor", "Committed", "Invalid", "NotActive", "Problem", "change", "commit", "export", "install"]

_MOST_AUDITED = 200  # objects of one change that get a row of the trail each


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
    changed = recorded.edited()
    if not changed and (held := journal.version()) is not None:
        recorded.put({})
        return Committed(str(held))
    contents.judge(changed)
    return _record(changed, actor, summary, here.epoch)


def install(config: Mapping[str, Any], *, by: str = "installation", epoch: int = 0) -> Committed:
    """Replace the whole configuration by `config` (see hmi.replication.schema). Raises Invalid.

    Plain passwords are sealed or hashed here. Installing the same twice changes nothing.
    """
    # Most of the work, and none of it keeps others from writing.
    document = parse(ConfigDocument, stored_form(_with_adapter(config)))
    check(document, settings.NODE)
    wanted = split(document)
    with transaction.atomic():
        changed = changes(recorded.everything(), wanted)
        changed |= {key: wanted.get(key) for key in recorded.edited()}
        if not changed and (held := journal.version()) is not None:
            return Committed(str(held))
        contents.write(changed, document)
        return _record(changed, Actor(by), "installed", epoch)


def adopt() -> None:
    """Give a database of before there were versions its first one: what its rows say."""
    with transaction.atomic():
        if journal.version() is not None or not (changed := recorded.edited()):
            return
        former = ledger.current(ledger.CONFIG, ledger.CONFIG)
        journal.record(changed, "", "as it was before versions", former.epoch if former else 0)
        ledger.drop(ledger.CONFIG, ledger.CONFIG)


def export() -> dict[str, Any]:
    """The configuration in force as a plain object, secrets sealed; empty without one."""
    document = rows.read()
    return {} if document is None else json.loads(canonical(document))


def take(changed: Changes, actor: Actor, summary: str) -> Committed:
    """Make an edit of these resources, as if a person had edited their rows; in a transaction.

    Raises NotActive, Invalid.
    """
    contents.write(changed)
    return commit(actor, summary)


def _record(changed: Changes, actor: Actor, summary: str, epoch: int) -> Committed:
    before, first = recorded.bodies(changed), journal.version() is None
    version = journal.record(changed, actor.who, summary, epoch)
    if first:
        audit.record(actor, "config.install", "config", new=f"{len(changed)} objects", reason=summary)
    else:
        _audit(before, changed, actor, summary)
    poke_after_commit()
    return Committed(str(version), contents.keep_own_file(changed))


def _audit(before: Mapping[str, str], changed: Changes, actor: Actor, summary: str) -> None:
    if len(changed) > _MOST_AUDITED:
        audit.record(actor, "config.change", "config", new=f"{len(changed)} objects", reason=summary)
        return
    old = {key: json.loads(body) for key, body in before.items()}
    new = {key: json.loads(body) for key, body in changed.items() if body is not None}
    for each in differences(old, new):
        action = f"config.{each.action}"
        audit.record(actor, action, each.target, old=each.old, new=each.new, reason=summary)


def _with_adapter(config: Mapping[str, Any]) -> dict[str, Any]:
    """A document that says nothing of the adapter leaves it as it is; at the first start that is MQTT1."""
    first = journal.version() is None
    held = {"components": [FIRST] if first else kept.components(), "secrets": kept.secrets()}
    return held | dict(config)


def stored_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which every password is as it is stored; one that did not change keeps its form."""
    copy: dict[str, Any] = json.loads(json.dumps(config))
    for group in _objects(copy, "server_sets"):
        for server in _objects(group, "servers"):
            server["password"] = _sealed(server.get("name"), server.get("password", ""))
    for secret in _objects(copy, "secrets"):
        if "value" in secret:
            secret["sealed"] = _sealed_secret(secret.get("id"), secret.pop("value"))
    for user in _objects(copy, "broker_users"):
        if "password" in user:
            user["password_hash"] = _hashed(user.get("username"), user.pop("password"))
    return copy


def _objects(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a list that nobody has checked yet; what is none is left for the schema to refuse."""
    found = parent.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _sealed(name: Any, password: Any) -> Any:
    held = Server.objects.filter(name=name).values_list("password", flat=True).first()
    return _resealed(held, password)


def _sealed_secret(name: Any, value: Any) -> Any:
    held = Secret.objects.filter(secret_id=name).values_list("sealed", flat=True).first()
    return _resealed(held, value)


def _resealed(held: str | None, password: Any) -> Any:
    if not isinstance(password, str) or not password or sealing.is_sealed(password):
        return password
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
