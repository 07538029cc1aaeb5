"""The schema `reporting`: the views that a list's SQL may read, and nothing else (`lists/sql_wall.py`).

Each row carries its constituent's ids, so that views join on them. A view runs with the rights of its owner:
the role that reads it needs none on the tables.
"""

from django.db import migrations

CONSTITUENTS = """
CREATE VIEW reporting.constituents AS
SELECT c.master_customer_id, c.sub_customer_id, c.record_type, c.customer_class, c.status,
       c.label_name, c.name_prefix, c.first_name, c.middle_name, c.last_name, c.name_suffix, c.credentials,
       c.nickname, c.organization, c.job_title, c.city, c.state, c.postal_code, c.country, c.chapter,
       p.email, p.allow_email, p.denied_by, c.allow_solicitation, c.allow_phone, c.allow_fax,
       c.allow_internal_mail, c.allow_label_sales, c.allow_advocacy, c.allow_system_notification,
       c.do_not_call, c.publish_primary_email, c.attributes, c.created_at, c.modified_at
FROM constituent c JOIN constituent_permission p ON p.constituent_id = c.id
"""

OTHERS = {
    "email_addresses": (
        "email_address",
        "x.address, x.location_code, x.is_primary, x.is_active, x.do_not_solicit",
    ),
    "memberships": (
        "membership",
        "x.level_code, x.level_name, x.status, x.joined_on, x.begins_on, x.expires_on, x.auto_renew",
    ),
    "events": (
        "event_registration",
        "x.event_code, x.event_name, x.event_on, x.registered_on, x.status",
    ),
    "gifts": ("gift", "x.fund_code, x.amount, x.given_on"),
    "interests": ("interest", "x.area_code"),
}

LISTS = """
CREATE VIEW reporting.lists AS
SELECT l.code AS list_code, l.name AS list_name, l.last_regenerated_at AS as_of,
       c.master_customer_id, c.sub_customer_id
FROM marketing_list l
JOIN list_member m ON m.list_id = l.id AND m.went IS NULL
JOIN constituent c ON c.id = m.constituent_id
"""


def view(name: str, table: str, columns: str) -> str:
    return (
        f"CREATE VIEW reporting.{name} AS SELECT c.master_customer_id, c.sub_customer_id, {columns} "
        f"FROM {table} x JOIN constituent c ON c.id = x.constituent_id"
    )


class Migration(migrations.Migration):

    dependencies = [("lists", "0002_functions"), ("constituents", "0002_permission_view")]

    operations = [
        migrations.RunSQL("CREATE SCHEMA reporting", "DROP SCHEMA reporting"),
        migrations.RunSQL(CONSTITUENTS, "DROP VIEW reporting.constituents"),
        *(
            migrations.RunSQL(view(name, table, columns), f"DROP VIEW reporting.{name}")
            for name, (table, columns) in OTHERS.items()
        ),
        migrations.RunSQL(LISTS, "DROP VIEW reporting.lists"),
    ]
