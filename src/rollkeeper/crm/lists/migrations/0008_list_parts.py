"""Lists that are made of other lists (`lists/parts.py`)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("lists", "0007_manual_members")]

    operations = [
        migrations.AlterField(
            model_name="marketinglist",
            name="kind",
            field=models.TextField(
                choices=[("rule", "Rule"), ("sql", "SQL"), ("ids", "Imported ids"), ("merge", "Merge of lists")]
            ),
        ),
        migrations.CreateModel(
            name="ListPart",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("role", models.TextField(choices=[("combined", "Goes in"), ("excluded", "Kept out")])),
                (
                    "list",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="lists.marketinglist",
                    ),
                ),
                (
                    "part",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="part_of",
                        to="lists.marketinglist",
                    ),
                ),
            ],
            options={"db_table": "list_part"},
        ),
        migrations.AddConstraint(
            model_name="listpart",
            constraint=models.UniqueConstraint(fields=("list", "part"), name="list_part_once"),
        ),
    ]
