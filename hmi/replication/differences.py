"""What changed between two documents, object by object, in words fit for the audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SECRET = frozenset({"password", "password_hash", "hash", "sealed"})
MASK = "••••"

Objects = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that was created, changed or deleted. `old` and `new` are JSON of the fields that differ."""

    target: str
    action: str
    old: str
    new: str


def config_objects(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A configuration's objects by their keys ("server/Chariot SCADA"), without the lists inside them."""
    found: dict[str, dict[str, Any]] = {}
    for module in ("gateway", "engine", "transmission"):
        if document.get(module):
            found[module] = _without(document[module], "transmitters")
    for transmitter in (document.get("transmission") or {}).get("transmitters", ()):
        found[f"transmitter/{transmitter['group']}/{transmitter['edge']}"] = transmitter
    for group in document.get("server_sets", ()):
        # Edge nodes walk a set in order, so the order is a setting of the set.
        names = {"servers": [server["name"] for server in group["servers"]]}
        found[f"server_set/{group['name']}"] = group | names
        found |= {f"server/{server['name']}": server for server in group["servers"]}
    for kind, name, part in _LISTS:
        found |= {f"{kind}/{each[name]}": each for each in document.get(part, ())}
    return found


_LISTS = (
    ("node", "name", "nodes"),
    ("broker_user", "username", "broker_users"),
    ("tag", "path", "tags"),
    ("dashboard", "slug", "dashboards"),
    ("component", "id", "components"),
    ("secret", "id", "secrets"),
)


def people_objects(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Accounts and tokens by their keys ("user/bob", "token/bob/panel")."""
    found: dict[str, dict[str, Any]] = {}
    for user in document.get("users", ()):
        found[f"user/{user['username']}"] = _without(user, "tokens")
        found |= {f"token/{user['username']}/{token['name']}": token for token in user["tokens"]}
    return found


def differences(old: Objects, new: Objects) -> Iterator[Difference]:
    """In the order of the keys. Secrets are masked; that one changed is said all the same."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if before is None:
            yield Difference(key, "create", "", _json(after or {}))
        elif after is None:
            yield Difference(key, "delete", _json(before), "")
        else:
            changed = [
                name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
            ]
            yield Difference(key, "change", _json(before, changed), _json(after, changed))


def _json(fields: Mapping[str, Any], only: list[str] | None = None) -> str:
    shown = {name: _masked(name, fields.get(name)) for name in (sorted(fields) if only is None else only)}
    return json.dumps(shown, ensure_ascii=False, separators=(", ", ": "))


def _masked(name: str, value: Any) -> Any:
    return MASK if name in _SECRET and value else value


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
