"""Reading history: one tag's samples in a range of time, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypedDict

import orjson
from django.db import connections

from hmi.history.router import ALIAS
from hmi.history.writer import Sample
from hmi.tags import path as paths
from hmi.tags.value import quality_of
from hmi.tags.wire import WireValue, from_wire, to_wire
from sparkplug import DataType

DEFAULT_LIMIT = 1_000
LARGEST_LIMIT = 10_000
_EARLIEST, _LATEST = -(2**63), 2**63 - 1


class QueryError(ValueError):
    """A question that has no answer; the message says why in a plain sentence."""


class Page(TypedDict):
    """`samples` are [ms, value as on the wire, quality word] in time order; `next` goes on from here."""

    samples: list[list[Any]]
    next: str | None


def samples(
    path: str,
    start: str | int = "",
    end: str | int = "",
    limit: int = DEFAULT_LIMIT,
    after: str = "",
) -> Page:
    """Samples with start <= ms < end, each given as ms since 1970 or ISO 8601, empty for no bound.

    `after` is an earlier page's `next`. Raises QueryError.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise QueryError(f"limit must be between 1 and {LARGEST_LIMIT}")
    first, last = _moment("start", start, _EARLIEST), _moment("end", end, _LATEST)
    if after:
        first = max(first, _moment("after", after, _EARLIEST) + 1)
    try:
        canonical = paths.canonical(path)
    except paths.PathError as error:
        raise QueryError(str(error)) from None
    datatype, rows = _rows(canonical, first, last, limit + 1)
    more = len(rows) > limit
    found = [[ts, _read(value, datatype), quality_of(code).value] for ts, value, code in rows[:limit]]
    return Page(samples=found, next=str(found[-1][0]) if more else None)


def _rows(path: str, first: int, last: int, limit: int) -> tuple[str, list[tuple[int, Any, int]]]:
    """The tag's type and its raw rows; no rows for a tag without history."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT id, datatype FROM history_tag WHERE path = %s", [path])
        tag = cursor.fetchone()
        if tag is None:
            return "", []
        cursor.execute(
            "SELECT ts, value, quality FROM history_sample"
            " WHERE tag = %s AND ts >= %s AND ts < %s ORDER BY ts LIMIT %s",
            [tag[0], first, last, limit],
        )
        return tag[1], cursor.fetchall()


def latest(asked: Iterable[str]) -> dict[str, Sample]:
    """The youngest sample of each of these tags; those without history, or with what no tag holds, are left
    out.
    """
    found = {}
    with connections[ALIAS].cursor() as cursor:
        for path in asked:
            cursor.execute(
                "SELECT datatype, ts, value, quality FROM history_tag JOIN history_sample ON tag = id"
                " WHERE path = %s ORDER BY ts DESC LIMIT 1",
                [path],
            )
            for datatype, ts, value, code in cursor.fetchall():
                with suppress(ValueError, KeyError):
                    held = from_wire(DataType[datatype], _read(value, datatype))
                    found[path] = Sample(path, ts, held, quality_of(code), datatype)
    return found


def recorded(prefix: str = "") -> list[str]:
    """The paths of all tags that have history, in order; `prefix` narrows them to a folder."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT path FROM history_tag ORDER BY path")
        return [path for (path,) in cursor.fetchall() if path.startswith(prefix)]


def _moment(name: str, text: str | int, default: int) -> int:
    """A bound as ms since 1970. A time without a zone is UTC."""
    if text == "":
        return default
    try:
        moment = int(text)
    except ValueError:
        moment = _iso(name, str(text))
    if not _EARLIEST < moment < _LATEST:
        raise QueryError(f"{name} is out of range")
    return moment


def _iso(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f"{name}: {text[:40]!r} is neither ms since 1970 nor ISO 8601") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def _read(value: Any, datatype: str) -> WireValue:
    if datatype == "Boolean" and isinstance(value, int):
        return bool(value)
    if isinstance(value, str) and (datatype.endswith("Array") or datatype == "DataSet"):
        return _structure(value)
    return to_wire(value)


def _structure(text: str) -> WireValue:
    """An array or a table out of its row. A text from before the tag had this type is still that text."""
    try:
        found: WireValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if isinstance(found, list | dict) else text
