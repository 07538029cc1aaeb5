"""A process of its own: a database at each app's first migration, rows in it, then all migrations.

`python -m tests.migrate_with_data crm`. It prints what is left of the rows as JSON. A database of the test's own
is named by the environment (`ROLLKEEPER_CRM_DATABASE`, `ROLLKEEPER_MARKETING_DATABASE`).
"""

from __future__ import annotations

import json
import os
import sys

ROWS = {
    "crm": [
        (
            "INSERT INTO constituent (id, master_customer_id, sub_customer_id, record_type, customer_class, status, "
            "label_name, name_prefix, first_name, middle_name, last_name, name_suffix, credentials, nickname, "
            "formal_salutation, informal_salutation, organization, job_title, city, state, postal_code, country, chapter, "
            "allow_email, allow_solicitation, allow_phone, allow_fax, allow_internal_mail, allow_label_sales, "
            "allow_advocacy, allow_system_notification, do_not_call, publish_primary_email, attributes, version) "
            "SELECT n, n::text, '0', 'I', 'INDIV', 'ACTIVE', '', '', 'Åsa', '', 'Öberg', '', '', '', '', '', '', '', "
            "'', '', '', '', '', true, true, true, true, true, true, true, true, false, false, '{}', 1 "
            "FROM generate_series(1, 50) n"
        ),
        (
            "INSERT INTO email_address (constituent_id, location_code, address, is_primary, is_active, do_not_solicit) "
            "SELECT n, 'WORK', n || '@example.org', true, true, n % 5 = 0 FROM generate_series(1, 50) n"
        ),
        (
            "INSERT INTO marketing_list (id, code, name, description, kind, sql, frequency, may_be_empty, version, "
            "member_count) VALUES (1, 'A', 'A', '', 'ids', '', 'NONE', false, 1, 50)"
        ),
        "INSERT INTO list_member (list_id, constituent_id, came) SELECT 1, n, 1 FROM generate_series(1, 50) n",
    ],
    "marketing": [
        (
            "INSERT INTO bridge (id, name, connector, url, account, secret, is_enabled, revision) "
            "VALUES (1, 'B', 'rollkeeper_crm', 'http://127.0.0.1/', 'a', '', true, 1)"
        ),
        (
            "INSERT INTO target_group (id, bridge_id, code, name, frequency, list_members, missing_at_source, fingerprint, "
            "crm_fingerprint, count_members, count_with_address, count_valid, count_distinct, count_allowed, "
            "count_receiving, count_held) VALUES (1, 1, 'A', 'A', 'NONE', 50, false, repeat('0', 32), '', 50, 50, 50, 50, 50, 50, 0)"
        ),
        (
            "INSERT INTO subscriber (id, bridge_id, master_customer_id, sub_customer_id, email, allow_email, address_valid, "
            "hash_hi, hash_lo, revision, first_run, last_run, unsubscribed_at) SELECT n, 1, n::text, '0', n || '@example.org', "
            "true, true, 0, 0, 1, 1, 1, CASE WHEN n % 5 = 0 THEN now() END FROM generate_series(1, 50) n"
        ),
        (
            "INSERT INTO group_member (group_id, master_customer_id, sub_customer_id, subscriber_id, hash_hi, hash_lo, "
            "since_run) SELECT 1, n::text, '0', n, 0, 0, 1 FROM generate_series(1, 50) n"
        ),
    ],
}
LEFT = {
    "crm": "SELECT count(*), count(*) FILTER (WHERE NOT p.allow_email) FROM list_member m "
    "JOIN constituent_permission p USING (constituent_id)",
    "marketing": "SELECT count(*), count(*) FILTER (WHERE status = 'Unsubscribed') FROM group_member m "
    "JOIN subscriber s ON s.id = m.subscriber_id",
}


def main(site: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = f"rollkeeper.{site}.settings"
    import django
    from django.apps import apps
    from django.core.management import call_command
    from django.db import connection

    from rollkeeper.postgres.server import ensure_database, ensure_running

    ensure_running()
    ensure_database("crm" if site == "crm" else "marketing")
    django.setup()
    for config in apps.get_app_configs():
        if config.name.startswith(f"rollkeeper.{site}.") and (config.models_module is not None):
            call_command("migrate", config.label, "0001", verbosity=0)
    with connection.cursor() as cursor:
        for statement in ROWS[site]:
            cursor.execute(statement)
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(LEFT[site])
        print(json.dumps(cursor.fetchone()))  # noqa: T201  # the answer


if __name__ == "__main__":
    main(sys.argv[1])
