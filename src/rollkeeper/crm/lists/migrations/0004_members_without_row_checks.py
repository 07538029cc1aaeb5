"""Members and imported ids keep their integrity by statement, not row by row.

A foreign key checks, and locks, a row of `constituent` and one of `marketing_list` for every member: two
thirds of the cost of a first build, and a write to every constituent that joins a list. Instead:

- Deleting constituents or lists deletes their members, set-based, whoever deletes them (triggers here).
- A deletion of constituents and a regeneration exclude each other by an advisory lock (`lists/regenerate.py`
  takes it shared), so no member can be added for a constituent that is just being deleted.
"""

import django.db.models.deletion
from django.db import migrations, models

LOCK = "hashtextextended('members of constituents', 0)"

FUNCTIONS = {
    "hold_regenerations": (f"PERFORM pg_advisory_xact_lock({LOCK}); RETURN NULL;", "constituent", "BEFORE DELETE"),
    "remove_members_of_constituents": (
        "DELETE FROM list_member WHERE constituent_id IN (SELECT id FROM old_rows); RETURN NULL;",
        "constituent",
        "AFTER DELETE",
    ),
    "remove_members_of_lists": (
        "DELETE FROM list_member WHERE list_id IN (SELECT id FROM old_rows); "
        "DELETE FROM list_imported_id WHERE list_id IN (SELECT id FROM old_rows); RETURN NULL;",
        "marketing_list",
        "AFTER DELETE",
    ),
}


def trigger(name: str, body: str, table: str, event: str) -> migrations.RunSQL:
    rows = "" if event.startswith("BEFORE") else "REFERENCING OLD TABLE AS old_rows"
    return migrations.RunSQL(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; "
        f"CREATE TRIGGER {name} {event} ON {table} {rows} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}()",
    )


class Migration(migrations.Migration):

    dependencies = [("lists", "0003_reporting")]

    operations = [
        migrations.AlterField(
            model_name="listmember",
            name="list",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="lists.marketinglist",
            ),
        ),
        migrations.AlterField(
            model_name="listmember",
            name="constituent",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="list_memberships",
                to="constituents.constituent",
            ),
        ),
        migrations.AlterField(
            model_name="importedid",
            name="list",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="imported_ids",
                to="lists.marketinglist",
            ),
        ),
        *(trigger(name, *parts) for name, parts in FUNCTIONS.items()),
    ]
