"""Runs that ask for changes only (B2): a full pull asked for by a person, defects found by the proof (B1)."""

from django.db import migrations, models

LAST_APPLIED = """
UPDATE target_group g SET applied_run = last.id FROM (
    SELECT DISTINCT ON (group_id) group_id, id FROM sync_run
    WHERE kind = 'audience' AND status IN ('completed', 'held') ORDER BY group_id, revision DESC NULLS LAST, id DESC
) last WHERE g.id = last.group_id
"""


class Migration(migrations.Migration):

    dependencies = [("sync_runs", "0004_applied_in_order"), ("target_groups", "0002_change_token")]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="force_full",
            field=models.BooleanField(
                db_default=False, help_text="Asked to pull the whole list, whatever change token there is."
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="repaired",
            field=models.BigIntegerField(
                db_default=0, help_text="Rows that were not as the CRM has them though nothing said so, and now are (B1)."
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="defect",
            field=models.TextField(db_default="", help_text="What the proof found wrong, for a person (B1)."),
        ),
        migrations.RunSQL(LAST_APPLIED, migrations.RunSQL.noop),
    ]
