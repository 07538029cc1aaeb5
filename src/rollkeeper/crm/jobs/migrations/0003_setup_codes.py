"""A set-up code named like each regeneration frequency, from the start (S12)."""

from django.db import migrations

FREQUENCIES = {"HOURLY": "every hour", "DAILY": "every day", "WEEKLY": "every week", "MONTHLY": "every month"}


def create(apps, schema_editor):
    setup_code = apps.get_model("jobs", "SetupCode")
    for frequency, when in FREQUENCIES.items():
        setup_code.objects.get_or_create(
            code=frequency,
            defaults={"frequency": frequency, "description": f"Lists that are regenerated {when}"},
        )


class Migration(migrations.Migration):

    dependencies = [("jobs", "0002_one_result_a_list")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
