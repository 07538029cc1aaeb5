"""What is kept of a list so that a pull costs what changed (B1, B2): see `crm/changes/state.py`.

- `list_state`: how many members have a profile, the sum of their hashes, and the transaction that last changed
  any exported row of the list.
- `list_lost`: members whose row in `list_member` was deleted, with their constituent as a rule. The next refresh
  of the profiles takes them out of `list_state` and writes the tombstones.
- `list_departure`: tombstones. A customer id that a list had, and which is no constituent's any more.
- `list_departure_purge`: the highest transaction whose tombstones were purged; older tokens are of no use.

Members that come and go by a regeneration need no tombstone: `came` and `went` tell, and are indexed here.
"""

import django.db.models.deletion
from django.db import migrations, models

MODULUS = 1 << 128
REFRESH_LOCK = 7_362_001  # crm/changes/state.py

TABLES = f"""
CREATE TABLE list_state (
    list_id bigint PRIMARY KEY,
    members bigint NOT NULL CHECK (members >= 0),
    fingerprint numeric(39) NOT NULL CHECK (fingerprint >= 0 AND fingerprint < {MODULUS}),
    changed_xid xid8 NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE list_lost (list_id bigint NOT NULL, constituent_id bigint NOT NULL, was_member boolean NOT NULL);
CREATE TABLE list_departure (
    list_id bigint NOT NULL,
    master_customer_id text COLLATE "C" NOT NULL,
    sub_customer_id text COLLATE "C" NOT NULL,
    changed_xid xid8 NOT NULL,
    settled_at timestamptz NOT NULL
);
CREATE INDEX list_departure_changed ON list_departure (list_id, changed_xid);
CREATE INDEX list_departure_settled_at ON list_departure (settled_at);
CREATE TABLE list_departure_purge (purged_xid xid8 NOT NULL);
ALTER TABLE list_lost SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
"""
DROP_TABLES = "DROP TABLE list_departure_purge; DROP TABLE list_departure; DROP TABLE list_lost; DROP TABLE list_state"

# A list that is deleted takes its members along: they are lost to no one.
FUNCTIONS = {
    "note_lost_members": (
        "INSERT INTO list_lost SELECT o.list_id, o.constituent_id, o.went IS NULL FROM old_rows o "
        "WHERE EXISTS (SELECT FROM marketing_list l WHERE l.id = o.list_id); "
        "INSERT INTO profile_dirt SELECT DISTINCT o.constituent_id FROM old_rows o "
        "WHERE EXISTS (SELECT FROM marketing_list l WHERE l.id = o.list_id); RETURN NULL;",
        "list_member",
        "AFTER DELETE",
    ),
    "forget_state_of_truncated": ("DELETE FROM list_state; DELETE FROM list_lost; RETURN NULL;", "list_member", "AFTER TRUNCATE"),
    "hold_refresh": (
        f"PERFORM pg_advisory_xact_lock_shared({REFRESH_LOCK}); RETURN NULL;",
        "marketing_list",
        "BEFORE DELETE",
    ),
    "remove_state_of_lists": (
        "DELETE FROM list_state WHERE list_id IN (SELECT id FROM old_rows); "
        "DELETE FROM list_lost WHERE list_id IN (SELECT id FROM old_rows); "
        "DELETE FROM list_departure WHERE list_id IN (SELECT id FROM old_rows); RETURN NULL;",
        "marketing_list",
        "AFTER DELETE",
    ),
    "remove_state_of_truncated_lists": (
        "DELETE FROM list_state; DELETE FROM list_lost; DELETE FROM list_departure; RETURN NULL;",
        "marketing_list",
        "AFTER TRUNCATE",
    ),
}

FILL = f"""
SELECT pg_advisory_xact_lock({REFRESH_LOCK});
INSERT INTO list_state (list_id, members, fingerprint, changed_xid)
SELECT l.id, count(p.constituent_id),
       mod(mod(coalesce((sum(p.hash_hi) + count(*) FILTER (WHERE p.hash_lo < 0)) * {1 << 64} + sum(p.hash_lo), 0),
               {MODULUS}) + {MODULUS}, {MODULUS}),
       pg_current_xact_id()
FROM marketing_list l
LEFT JOIN list_member m ON m.list_id = l.id AND m.went IS NULL
LEFT JOIN profile p ON p.constituent_id = m.constituent_id
WHERE l.version > 0
GROUP BY l.id
"""


def trigger(name: str, body: str, table: str, event: str) -> migrations.RunSQL:
    rows = "REFERENCING OLD TABLE AS old_rows" if event == "AFTER DELETE" else ""
    return migrations.RunSQL(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; "
        f"CREATE TRIGGER {name} {event} ON {table} {rows} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}()",
    )


class Migration(migrations.Migration):

    dependencies = [("lists", "0005_fewer_member_indexes"), ("personalization", "0005_changes_by_xid")]

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        *(trigger(name, *parts) for name, parts in FUNCTIONS.items()),
        migrations.RemoveIndex(model_name="listmember", name="list_member_gone"),
        migrations.AddIndex(
            model_name="listmember",
            index=models.Index(
                condition=models.Q(("went__isnull", False)), fields=["list", "went"], name="list_member_gone"
            ),
        ),
        migrations.AddIndex(
            model_name="listmember",
            index=models.Index(condition=models.Q(("came__gt", 1)), fields=["list", "came"], name="list_member_later"),
        ),
        migrations.AlterField(
            model_name="listmember",
            name="list",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="members",
                to="lists.marketinglist",
            ),
        ),
        migrations.AlterField(
            model_name="listmember",
            name="constituent",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="list_memberships",
                to="constituents.constituent",
            ),
        ),
    ]
