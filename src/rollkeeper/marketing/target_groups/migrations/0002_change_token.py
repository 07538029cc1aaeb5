"""What a group knows of its list's state in the CRM: the change token, and the run that made the group what it is (B2)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("target_groups", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="targetgroup",
            name="change_token",
            field=models.TextField(
                db_default="",
                help_text="Names the list's state in the CRM that the group was last made (B2); empty: pull all of it.",
            ),
        ),
        migrations.AddField(
            model_name="targetgroup",
            name="applied_run",
            field=models.BigIntegerField(null=True, help_text="The last run that was applied, or met nothing to apply."),
        ),
    ]
