from typing import Any

from django.db import migrations

from hmi.history import schema


def hash_paths(_apps: Any, schema_editor: Any) -> None:
    """The paths that are known already; their samples' digests follow in SQL."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, path FROM history_tag")
        hashed = [(schema.path_hash(path), number) for number, path in cursor.fetchall()]
        cursor.executemany("UPDATE history_tag SET hash = %s WHERE id = %s", hashed)


class Migration(migrations.Migration):
    dependencies = [("history", "0001_initial")]
    operations = [
        migrations.RunSQL(sql=schema.HASH, reverse_sql=schema.DROP_HASH),
        migrations.RunPython(hash_paths, migrations.RunPython.noop),
        migrations.RunSQL(sql=list(schema.DIGESTS), reverse_sql=list(schema.DROP_DIGESTS)),
    ]
