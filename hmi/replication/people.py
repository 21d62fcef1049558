"""The `people` document: every account with its role, and the hashes of its password and tokens.

Like the configuration it is one whole: checked, recorded and applied at once, edited on the active node.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.db import transaction
from django.utils import timezone

from hmi.people import audit
from hmi.people.audit import Actor
from hmi.people.models import Token, User
from hmi.people.rights import Role
from hmi.replication import ledger
from hmi.replication.checks import differ
from hmi.replication.differences import differences, people_objects
from hmi.replication.poke import poke_after_commit
from hmi.replication.schema import Invalid, PeopleDocument, PersonDocument, Problem, canonical, parse
from hmi.replication.standing import NotActive, standing

__all__ = ["Actor", "Invalid", "NotActive", "change", "commit", "export", "install", "receive", "token_hash"]


@contextmanager
def change(actor: Actor, summary: str = "") -> Iterator[None]:
    """Edit accounts inside; on the way out the whole is checked and recorded, or nothing happened.

    Raises NotActive, Invalid.
    """
    with transaction.atomic():
        yield
        commit(actor, summary)


def commit(actor: Actor, summary: str = "") -> None:
    """Judge and record the accounts as they are now; call inside the transaction that edited them."""
    here = standing()
    if not here.active:
        raise NotActive(here)
    document = _read()
    _check(document)
    _record(document, actor, summary, here.epoch)


def install(people: Mapping[str, Any], *, by: str = "installation", epoch: int = 0) -> None:
    """Replace all accounts by `people` (see hmi.replication.schema.PeopleDocument). Raises Invalid.

    A user may carry `password` in plain text instead of `password_hash`, a token `token` instead of
    `hash`; ids and times may be left out. Installing the same twice changes nothing.
    """
    with transaction.atomic():
        document = parse(PeopleDocument, _completed(people))
        _check(document)
        _write(document)
        _record(document, Actor(by), "installed", epoch)


def export() -> dict[str, Any]:
    """All accounts as a plain object; hashes, never passwords."""
    plain: dict[str, Any] = json.loads(canonical(_read()))
    return plain


def receive(body: bytes) -> None:
    """Apply the other node's accounts. Raises Invalid, and then nothing of it was applied."""
    document = parse(PeopleDocument, body)
    _check(document)
    _write(document)


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _read() -> PeopleDocument:
    users = [
        {
            "id": str(user.pk),
            "username": user.username,
            "full_name": user.full_name,
            "role": user.role,
            "is_active": user.is_active,
            "password_hash": user.password,
            "tokens": [
                {"name": token.name, "hash": token.hash, "created": token.created.isoformat()}
                for token in user.tokens.all()
            ],
        }
        for user in User.objects.order_by("username").prefetch_related("tokens")
    ]
    return parse(PeopleDocument, {"users": users})


def _check(document: PeopleDocument) -> None:
    users = document.users
    problems = list(differ("user", "username", (user.username for user in users)))
    problems += differ("user", "id", (user.id for user in users))
    tokens = [token.hash for user in users for token in user.tokens]
    problems += differ("token", "hash", tokens)
    if not any(user.role == Role.ADMINISTRATOR.value and user.is_active for user in users):
        problems.append(Problem("people", "role", "nobody would be left who may manage users"))
    for user in users:
        problems += _person(user)
    if problems:
        raise Invalid(problems)


def _person(user: PersonDocument) -> Iterator[Problem]:
    where = f"user/{user.username}"
    try:
        identify_hasher(user.password_hash)
    except ValueError:
        if not user.password_hash.startswith("!"):
            yield Problem(where, "password_hash", "is not a hash that this installation can check")
    yield from differ(where, "tokens", (token.name for token in user.tokens))
    for token in user.tokens:
        try:
            aware = datetime.fromisoformat(token.created).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            yield Problem(f"token/{user.username}/{token.name}", "created", "is not a time with its zone")


def _write(document: PeopleDocument) -> None:
    wanted = {uuid.UUID(user.id): user for user in document.users}
    for held in User.objects.prefetch_related("tokens"):
        user = wanted.get(held.pk)
        if user is not None and held.username == user.username:
            continue
        # Made anew below, so that two people who swap names never meet in the unique column.
        held.delete()
    for number, user in wanted.items():
        fields = user.model_dump(exclude={"id", "tokens", "password_hash"}) | {"password": user.password_hash}
        row, _ = User.objects.update_or_create(pk=number, defaults=fields)
        row.tokens.exclude(hash__in=[token.hash for token in user.tokens]).delete()
    for number, user in wanted.items():
        for token in user.tokens:
            created = datetime.fromisoformat(token.created)
            Token.objects.update_or_create(
                hash=token.hash, defaults={"user_id": number, "name": token.name, "created": created}
            )


def _record(document: PeopleDocument, actor: Actor, summary: str, epoch: int) -> None:
    body = canonical(document)
    held = ledger.current(ledger.PEOPLE, ledger.PEOPLE)
    if held is not None and held.body == body:
        return
    old = people_objects(json.loads(held.body)) if held is not None and held.body else {}
    ledger.append(ledger.PEOPLE, ledger.PEOPLE, body, epoch)
    for each in differences(old, people_objects(json.loads(body))):
        action = f"people.{each.action}"
        audit.record(actor, action, each.target, old=each.old, new=each.new, reason=summary)
    poke_after_commit()


def _completed(people: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with hashes for what is plain, and with what may be left out."""
    copy: dict[str, Any] = json.loads(json.dumps(people))
    users = copy.get("users")
    for user in users if isinstance(users, list) else []:
        if isinstance(user, dict):
            held = User.objects.filter(username=str(user.get("username"))).first()
            user.setdefault("id", str(held.pk if held else uuid.uuid4()))
            if "password" in user:
                user["password_hash"] = _hashed(held, user.pop("password"))
            tokens = user.get("tokens")
            for token in tokens if isinstance(tokens, list) else []:
                if isinstance(token, dict):
                    _complete_token(token)
    return copy


def _hashed(held: User | None, password: Any) -> str:
    if not isinstance(password, str) or not password:
        return ""
    return held.password if held and check_password(password, held.password) else make_password(password)


def _complete_token(token: dict[str, Any]) -> None:
    if isinstance(plain := token.pop("token", None), str):
        token["hash"] = token_hash(plain)
    held = Token.objects.filter(hash=str(token.get("hash"))).first()
    token.setdefault("name", "token")
    token.setdefault("created", (held.created if held else timezone.now()).isoformat())
