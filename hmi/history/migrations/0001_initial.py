from django.db import migrations

from hmi.history import schema


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(sql=list(schema.TABLES), reverse_sql=list(schema.DROP))]
