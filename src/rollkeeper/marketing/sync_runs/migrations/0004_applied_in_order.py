"""Runs in the order in which they were applied, and the fields they were applied under (B6)."""

from django.db import migrations, models

# Old runs of a bridge in the order of their end: applies take the bridge's lock and set their end inside it. Each
# apply raised the revision by one or more, so that a number in this row is below every number to come. The fields
# of old runs are not known.
NUMBER_OLD_RUNS = """
UPDATE sync_run r SET revision = numbered.number FROM (
    SELECT id, row_number() OVER (PARTITION BY bridge_id ORDER BY finished_at, id) AS number FROM sync_run
    WHERE kind = 'audience' AND status IN ('completed', 'held')
) numbered WHERE r.id = numbered.id
"""


class Migration(migrations.Migration):

    dependencies = [("sync_runs", "0003_changes_of_a_subscriber")]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="revision",
            field=models.BigIntegerField(
                null=True,
                help_text="The bridge's revision that this run made or met: runs in the order they were applied.",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="field_names",
            field=models.JSONField(
                null=True, help_text="The personalization fields under which it was applied, in the view's order."
            ),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(fields=["bridge", "revision"], name="sync_run_revision"),
        ),
        migrations.RunSQL(NUMBER_OLD_RUNS, migrations.RunSQL.noop),
    ]
