"""Dirt comes and goes in bulk: swept soon, so that a look at an empty table stays a look at a small one."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("personalization", "0003_default_view")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE profile_dirt SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)",
            "ALTER TABLE profile_dirt RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)",
        )
    ]
