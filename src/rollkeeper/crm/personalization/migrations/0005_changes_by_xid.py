"""What changed since a token is found by the transaction that changed it, at a cost of what changed."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("personalization", "0004_dirt_upkeep")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX profile_changed ON profile (changed_xid)",
            "DROP INDEX profile_changed",
        )
    ]
