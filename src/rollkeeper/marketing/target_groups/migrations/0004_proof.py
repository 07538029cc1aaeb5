"""What the proof must know of a group: the fields of its rows' hashes, and where the CRM contradicts itself (B1)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("target_groups", "0003_guard_limits")]

    operations = [
        migrations.AddField(
            model_name="targetgroup",
            name="field_set",
            field=models.TextField(
                default="", help_text="`field_set_key` of the fields under which its rows were last compared (B1)."
            ),
        ),
        migrations.AddField(
            model_name="targetgroup",
            name="crm_excess",
            field=models.TextField(
                default="",
                help_text="By how much what the CRM keeps of the list is beside its own rows (B1); empty: not at all.",
            ),
        ),
    ]
