"""Indexes for CRM360's search: each name and address, case folded, in code-point order, with the row's id."""

from django.db import migrations, models
from django.db.models.functions import Collate


def folded(column):
    return Collate(models.Func(models.F(column), function="fold_case", output_field=models.TextField()), "C")


class Migration(migrations.Migration):

    dependencies = [("constituents", "0002_permission_view"), ("lists", "0002_functions")]  # fold_case

    operations = [
        migrations.AddIndex("constituent", models.Index(folded("last_name"), "id", name="constituent_last_name")),
        migrations.AddIndex("constituent", models.Index(folded("first_name"), "id", name="constituent_first_name")),
        migrations.AddIndex("constituent", models.Index(folded("label_name"), "id", name="constituent_label_name")),
        migrations.AddIndex("emailaddress", models.Index(folded("address"), "id", name="email_address_address")),
    ]
