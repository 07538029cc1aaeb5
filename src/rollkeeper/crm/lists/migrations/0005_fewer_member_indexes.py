"""One index less to write for each member who comes: present members of a list are found by the unique index."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("lists", "0004_members_without_row_checks")]

    operations = [
        migrations.AlterField(
            model_name="listmember",
            name="list",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="lists.marketinglist",
            ),
        ),
        migrations.AddIndex(
            model_name="listmember",
            index=models.Index(condition=models.Q(("went__isnull", False)), fields=["list"], name="list_member_gone"),
        ),
    ]
