"""Very many rows at once: the database's own upsert, without an object for each value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from django.db import connection, models

_AT_ONCE = 2_000


def upsert(
    model: type[models.Model], key: str, names: Sequence[str], values: Iterable[Sequence[Any]]
) -> None:
    """Insert rows, or change those whose `key` is there already; the values as fields take them."""
    fields = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in names]
    quote = connection.ops.quote_name
    columns = [quote(str(field.column)) for field in fields]
    changed = [f"{column} = excluded.{column}" for column in columns if column != quote(key)]
    statement = (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)})"
        f" VALUES ({', '.join(['%s'] * len(columns))})"
        f" ON CONFLICT ({quote(key)}) DO UPDATE SET {', '.join(changed)}"
    )
    prepared = [
        (at, field.get_db_prep_save) for at, field in enumerate(fields) if isinstance(field, models.JSONField)
    ]
    batch: list[list[Any]] = []
    with connection.cursor() as cursor:
        for each in values:
            row = list(each)
            for at, prepare in prepared:
                row[at] = prepare(row[at], connection)
            batch.append(row)
            if len(batch) == _AT_ONCE:
                cursor.executemany(statement, batch)
                batch.clear()
        if batch:
            cursor.executemany(statement, batch)
