"""Who is in a list, or kept out of it, by hand (`lists/manual.py`).

The rows go with their list and their constituent, whoever deletes those: the database sees to it.
"""

import django.db.models.deletion
from django.db import migrations, models


def goes_with(column: str, table: str) -> migrations.RunSQL:
    name = f"list_manual_member_{column}"
    return migrations.RunSQL(
        f"ALTER TABLE list_manual_member ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {table} (id) ON DELETE CASCADE",
        f"ALTER TABLE list_manual_member DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):

    dependencies = [("lists", "0006_kept_facts")]

    operations = [
        migrations.CreateModel(
            name="ManualMember",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_in", models.BooleanField(help_text="True: always in. False: never in.")),
                ("reason", models.TextField()),
                ("author", models.TextField()),
                ("decided_at", models.DateTimeField()),
                (
                    "constituent",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="constituents.constituent",
                    ),
                ),
                (
                    "list",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="manual_members",
                        to="lists.marketinglist",
                    ),
                ),
            ],
            options={"db_table": "list_manual_member"},
        ),
        migrations.AddConstraint(
            model_name="manualmember",
            constraint=models.UniqueConstraint(fields=("list", "constituent"), name="list_manual_member_once"),
        ),
        goes_with("list_id", "marketing_list"),
        goes_with("constituent_id", "constituent"),
    ]
