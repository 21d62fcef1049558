"""Changes of resources become rows, and are judged with all the rest.

What must fit together is checked over the whole of everything but tags, and over those tags that changed
against all the others' paths. That says the same as reading all, for the price of what changed.
"""

from __future__ import annotations

from django.conf import settings

from hmi.gateways import own_node
from hmi.replication import recorded, rows
from hmi.replication.checks import check
from hmi.replication.resources import NOT_SPELLED, TAG, Changes, is_tag, join, tag_resource
from hmi.replication.schema import ConfigDocument, Invalid, Problem, TagDocument, parse
from hmi.replication.tag_checks import some_tags

_FEW = 1_000


def write(changes: Changes, whole: ConfigDocument | None = None) -> None:
    """Make the rows say so. Raises Invalid; in a transaction, and before the changes are recorded.

    `whole` is what comes of it, where that is known already.
    """
    if any(not is_tag(key) for key in changes):
        rows.write_frame(whole or _frame_with(changes))
    gone = [key.removeprefix(TAG) for key, body in changes.items() if is_tag(key) and body is None]
    if whole is None:
        rows.write_tags(_tags(changes), gone)
    else:
        rows.write_tags((tag for tag in whole.tags if TAG + tag.path in changes), gone)


def judge(changes: Changes) -> None:
    """Raise Invalid unless rows and records, which hold these changes already, fit together."""
    tags = _tags(changes)
    if len(tags) > _FEW:
        check(_document(rows.read()), settings.NODE)
        return
    check(_document(rows.read_frame()), settings.NODE)
    if problems := list(some_tags(tags, recorded.spelled_like, recorded.inside)):
        raise Invalid(problems)


def keep_own_file(changes: Changes) -> bool:
    """Carry changes of the nodes over to this node's own file; whether its next start is another one."""
    if not any(key == "gateway" or key.startswith("node/") for key in changes):
        return False
    return own_node.keep_up(_document(rows.read_frame()))


def _frame_with(changes: Changes) -> ConfigDocument:
    frame = recorded.without_tags()
    for key, body in changes.items():
        if is_tag(key):
            continue
        if body is None:
            frame.pop(key, None)
        else:
            frame[key] = body
    return join(frame)


def _tags(changes: Changes) -> list[TagDocument]:
    return [_tag(key, body) for key, body in changes.items() if is_tag(key) and body is not None]


def _tag(key: str, body: str) -> TagDocument:
    try:
        tag = parse(TagDocument, body.encode())
    except Invalid as error:
        raise Invalid([Problem(key, each.field, each.reason) for each in error.problems]) from None
    if TAG + tag.path != key or tag_resource(tag) != body:
        raise Invalid([Problem(key, "", NOT_SPELLED)])
    return tag


def _document(found: ConfigDocument | None) -> ConfigDocument:
    if found is None:
        raise Invalid([Problem("gateway", "name", "a configuration needs a gateway")])
    return found
