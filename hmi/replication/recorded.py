"""The configuration as it was last recorded, beside the rows that people edit; and where the two differ.

Everything but tags is read whole, since it is small. Of the tags, which may be a hundred thousand, only
those are read whose rows were touched: the database itself writes down which (three triggers on their
table, whatever the edit came from). Where the triggers are not there, because the table is new or was
made anew by a migration, all tags are read once and the triggers set up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q

from hmi.replication import rows
from hmi.replication.models import Resource, Touched
from hmi.replication.resources import TAG, Changes, changes, is_tag, split, tag_resource
from hmi.tags.models import Tag

_AT_ONCE = 5_000
_TAGS_END = TAG[:-1] + chr(ord(TAG[-1]) + 1)
_TAGS = Q(key__gte=TAG, key__lt=_TAGS_END)
_NO_TAGS = Q(key__lt=TAG) | Q(key__gte=_TAGS_END)
_WATCHED = {"insert": "new", "update": "new", "delete": "old"}


def everything() -> dict[str, str]:
    """Every resource's body by its key."""
    return dict(Resource.objects.values_list("key", "body"))


def without_tags() -> dict[str, str]:
    """Every resource that is not a tag."""
    return dict(Resource.objects.filter(_NO_TAGS).values_list("key", "body"))


def bodies(keys: Iterable[str]) -> dict[str, str]:
    """Those of the keys that there are."""
    found: dict[str, str] = {}
    for some in _chunks(list(keys)):
        found |= Resource.objects.filter(key__in=some).values_list("key", "body")
    return found


def put(changed: Changes) -> None:
    """What is recorded becomes this; the rows say so already, and nothing else."""
    for some in _chunks([key for key, body in changed.items() if body is None]):
        Resource.objects.filter(key__in=some).delete()
    tag, resource = Tag._meta.db_table, Resource._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {resource} (key, folded, body, row)"
            f" VALUES (%s, %s, %s, (SELECT id FROM {tag} WHERE path = %s))"
            " ON CONFLICT (key) DO UPDATE SET body = excluded.body, row = excluded.row",
            [
                (key, key.casefold(), body, key.removeprefix(TAG) if is_tag(key) else None)
                for key, body in changed.items()
                if body is not None
            ],
        )
    Touched.objects.all().delete()


def edited() -> Changes:
    """What the rows say now and was not recorded; in a transaction. Raises Invalid for rows out of shape."""
    frame = rows.read_frame()
    found = changes(without_tags(), split(frame) if frame else {})
    if _watching():
        return found | _edited_tags(list(Touched.objects.values_list("pk", flat=True)))
    _watch()
    held = dict(Resource.objects.filter(_TAGS).values_list("key", "body"))
    tags = {TAG + tag.path: tag_resource(tag) for tag in rows.read_tags(Tag.objects.all())}
    return found | changes(held, tags)


def spelled_like(key: str) -> list[str]:
    """The keys that are this one but for upper and lower case."""
    return list(Resource.objects.filter(folded=key.casefold()).values_list("key", flat=True))


def inside(key: str) -> str | None:
    """A key below this one, as a file is below a folder; in upper or lower case."""
    start = key.casefold() + "/"
    within = Resource.objects.filter(folded__gt=start, folded__lt=start[:-1] + chr(ord("/") + 1))
    return within.values_list("key", flat=True).first()


def _edited_tags(touched: Sequence[int]) -> Changes:
    found: Changes = {}
    for some in _chunks(touched):
        found |= dict.fromkeys(Resource.objects.filter(row__in=some).values_list("key", flat=True))
    for some in _chunks(touched):
        tags = Tag.objects.filter(pk__in=some)
        found |= {TAG + tag.path: tag_resource(tag) for tag in rows.read_tags(tags)}
        # One that was deleted and made again under its name is another row.
        for pk, path in tags.values_list("pk", "path"):
            Resource.objects.filter(key=TAG + path).update(row=pk)
    return changes(bodies(found), {key: body for key, body in found.items() if body is not None})


def _watching() -> bool:
    """Whether the database writes down which tags are touched."""
    names = [_trigger(event) for event in _WATCHED]
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (%s, %s, %s)", names
        )
        return bool(cursor.fetchone()[0] == len(names))


def _watch() -> None:
    if connection.vendor != "sqlite":
        return
    tag, touched = Tag._meta.db_table, Touched._meta.db_table
    with connection.cursor() as cursor:
        for event, row in _WATCHED.items():
            cursor.execute(
                f"CREATE TRIGGER IF NOT EXISTS {_trigger(event)} AFTER {event} ON {tag}"
                f" BEGIN INSERT OR IGNORE INTO {touched} (id) VALUES ({row}.id); END"
            )


def _trigger(event: str) -> str:
    return f"touched_by_{event}"


def _chunks(whole: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """As many as a database takes in one statement, and then the next ones."""
    for at in range(0, len(whole), _AT_ONCE):
        yield whole[at : at + _AT_ONCE]
