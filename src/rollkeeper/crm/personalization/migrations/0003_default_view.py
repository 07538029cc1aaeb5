"""The personalization view of a fresh installation: small, and changed freely afterwards."""

from django.db import migrations

FIELDS = [
    ("label_name", "Label name", "text", "constituent.label_name"),
    ("organization", "Organization", "text", "constituent.organization"),
    ("job_title", "Job title", "text", "constituent.job_title"),
    ("city", "City", "text", "constituent.city"),
    ("state", "State", "text", "constituent.state"),
    ("membership_level", "Membership level", "text", "membership.level_name"),
    ("membership_expires_on", "Membership expires on", "date", "membership.expires_on"),
    ("total_given", "Total given", "decimal", "gifts.total"),
]


def create(apps, schema_editor):
    field = apps.get_model("personalization", "PersonalizationField")
    field.objects.bulk_create(
        field(name=name, label=label, type=type_, source=source, position=place, slot=place)
        for place, (name, label, type_, source) in enumerate(FIELDS, start=1)
    )


def remove(apps, schema_editor):
    apps.get_model("personalization", "PersonalizationField").objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [("personalization", "0002_profile")]

    operations = [migrations.RunPython(create, remove)]
