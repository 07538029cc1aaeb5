"""A tenth of each page is kept free for the new version of a row that a sync changes (decision 013).

The new version then lies beside the old one and no index is touched. Pages that are full already get their room as
rows are rewritten; nothing is copied and readers are not kept waiting.
"""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('subscribers', '0003_forgotten_values'),
        ('target_groups', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(
            f'ALTER TABLE {table} SET (fillfactor = 90)', f'ALTER TABLE {table} RESET (fillfactor)'
        )
        for table in ('subscriber', 'group_member')
    ]
