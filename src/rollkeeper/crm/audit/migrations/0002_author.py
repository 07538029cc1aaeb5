"""What one author did, newest first: found by an index, however long the log is."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AddIndex("recordchange", models.Index(fields=["author", "id"], name="record_change_author")),
    ]
