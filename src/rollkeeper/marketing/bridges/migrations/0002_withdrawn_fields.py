"""Fields that left the view keep their slot, for when they come back."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("bridges", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="WithdrawnField",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("slot", models.PositiveSmallIntegerField()),
                ("withdrawn_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "bridge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="withdrawn_fields",
                        to="bridges.bridge",
                    ),
                ),
            ],
            options={
                "db_table": "bridge_withdrawn_field",
                "ordering": ["withdrawn_at", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("bridge", "name"), name="withdrawn_field_name"),
                    models.UniqueConstraint(fields=("bridge", "slot"), name="withdrawn_field_slot"),
                ],
            },
        ),
    ]
