"""A configuration as resources: each object under its key, in the one spelling that is hashed and sent.

Keys are those of `differences.config_objects` ("tag/[default]Line 1/Speed", "server/Chariot SCADA"). One
more, `dashboards`, holds their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from hmi.replication.differences import config_objects
from hmi.replication.schema import ConfigDocument, Invalid, Problem, Strict, parse

TAG = "tag/"
ORDER = "dashboards"
_PLAIN_LISTS = {
    "node": "nodes",
    "broker_user": "broker_users",
    "tag": "tags",
    "component": "components",
    "secret": "secrets",
}
NOT_SPELLED = "is not spelled as this version of Tandem spells it"
Changes = dict[str, str | None]
"""Key -> new body, None for one that is gone."""


def spelled(key: str, fields: Mapping[str, Any]) -> str:
    """The one spelling of a resource: sorted, without spaces. Raises Invalid for a number too large."""
    try:
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise Invalid([Problem(key, "", f"can't be written as JSON: {error}")]) from None


def split(document: ConfigDocument) -> dict[str, str]:
    """Every resource of the document."""
    plain = document.model_dump(mode="json")
    found = {key: spelled(key, fields) for key, fields in config_objects(plain).items()}
    if document.dashboards:
        found[ORDER] = spelled(ORDER, {"order": [board.slug for board in document.dashboards]})
    return found


def tag_resource(tag: Strict) -> str:
    """The spelling of one tag (a TagDocument)."""
    plain = tag.model_dump(mode="json")
    return spelled(TAG + plain["path"], plain)


def join(resources: Mapping[str, str]) -> ConfigDocument:
    """The document of these resources. Raises Invalid if they make none, or are spelled in another way.

    The last matters because versions are compared by hashes: what differs in spelling only must not
    travel under a version that this node would not give it.
    """
    document = parse(ConfigDocument, _assembled(resources))
    if split(document) != resources:
        raise Invalid([Problem("document", "", NOT_SPELLED)])
    return document


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What turns one set of resources into the other."""
    found: Changes = {key: body for key, body in after.items() if before.get(key) != body}
    return found | dict.fromkeys(before.keys() - after.keys())


def is_tag(key: str) -> bool:
    return key.startswith(TAG)


def _assembled(resources: Mapping[str, str]) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {}
    for key in sorted(resources):
        kind, slash, name = key.partition("/")
        body = _loaded(key, resources[key])
        kinds.setdefault(kind if slash else "", {})[name if slash else key] = body
    single = kinds.pop("", {})
    order = single.pop(ORDER, {}).get("order", [])
    plain: dict[str, Any] = {name: single.pop(name, None) for name in ("gateway", "engine", "transmission")}
    if isinstance(plain["transmission"], dict):
        plain["transmission"] |= {"transmitters": list(kinds.pop("transmitter", {}).values())}
    servers = kinds.pop("server", {})
    plain["server_sets"] = [_with_servers(group, servers) for group in kinds.pop("server_set", {}).values()]
    boards = kinds.pop("dashboard", {})
    plain["dashboards"] = [boards.pop(slug) for slug in order if isinstance(slug, str) and slug in boards]
    for kind, part in _PLAIN_LISTS.items():
        plain[part] = list(kinds.pop(kind, {}).values())
    left = [*single, *boards, *servers, *kinds]
    if left:
        raise Invalid([Problem("document", "", f"{left[0]!r} belongs to nothing")])
    return plain


def _with_servers(group: dict[str, Any], servers: dict[str, Any]) -> dict[str, Any]:
    names = group.get("servers")
    found = [servers.pop(name) for name in names if name in servers] if isinstance(names, list) else []
    return group | {"servers": found}


def _loaded(key: str, body: str) -> Any:
    try:
        found = orjson.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid([Problem(key, "", "is not one JSON object")])
    return found
