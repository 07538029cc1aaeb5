"""The profile (each constituent's row as it is exported) and its dirt, marked by triggers.

- `profile` has no foreign key to `constituent`: a row whose constituent is gone is removed by the refresh.
- `profile_dirt` has no unique index: writers never wait for one another to mark, and a constituent marked
  again while a refresh is at work stays marked. Constituent 0 stands for "all of them".
- Triggers work by statement, over transition tables: a bulk load costs one insert, not one a row.
"""

from django.db import migrations

SLOTS = 100
EVERYONE = 0

CREATE_TABLES = f"""
CREATE TABLE profile (
    constituent_id bigint PRIMARY KEY,
    master_customer_id text COLLATE "C" NOT NULL,
    sub_customer_id text COLLATE "C" NOT NULL,
    email text,
    first_name text,
    last_name text,
    allow_email boolean NOT NULL,
    denied_by text,
    {" ".join(f"f{slot} text," for slot in range(1, SLOTS + 1))}
    hash_hi bigint NOT NULL,
    hash_lo bigint NOT NULL,
    changed_xid xid8 NOT NULL
);
CREATE UNIQUE INDEX profile_customer_id ON profile (master_customer_id, sub_customer_id);
CREATE TABLE profile_dirt (constituent_id bigint NOT NULL);
CREATE TABLE profile_day (built_on date NOT NULL);
INSERT INTO profile_dirt VALUES ({EVERYONE});
"""

DROP_TABLES = "DROP TABLE profile_day; DROP TABLE profile_dirt; DROP TABLE profile"

# One function a key column and event: a transition table exists only in triggers of its own event.
FUNCTIONS = {
    "inserted": "INSERT INTO profile_dirt SELECT {key} FROM new_rows",
    "deleted": "INSERT INTO profile_dirt SELECT {key} FROM old_rows",
    "updated": "INSERT INTO profile_dirt SELECT {key} FROM new_rows UNION SELECT {key} FROM old_rows",
}
EVENTS = {
    "inserted": "AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows",
    "deleted": "AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows",
    "updated": "AFTER UPDATE ON {table} REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows",
}
TABLES = {
    "constituent": "id",
    "email_address": "constituent_id",
    "membership": "constituent_id",
    "event_registration": "constituent_id",
    "gift": "constituent_id",
    "interest": "constituent_id",
}


def function(name: str, body: str) -> migrations.RunSQL:
    create = f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN {body}; RETURN NULL; END $$
    """
    return migrations.RunSQL(create, f"DROP FUNCTION {name}()")


def trigger(name: str, table: str, event: str, called: str) -> migrations.RunSQL:
    create = f"CREATE TRIGGER {name} {event} FOR EACH STATEMENT EXECUTE FUNCTION {called}()"
    return migrations.RunSQL(create, f"DROP TRIGGER {name} ON {table}")


def table_triggers(table: str, key: str) -> list[migrations.RunSQL]:
    owner = "constituent" if key == "id" else "owner"
    marks = [
        trigger(f"profile_dirt_{event}", table, clause.format(table=table), f"mark_{owner}_{event}")
        for event, clause in EVENTS.items()
    ]
    return [*marks, trigger("profile_dirt_truncated", table, f"AFTER TRUNCATE ON {table}", "mark_everyone")]


class Migration(migrations.Migration):

    dependencies = [("personalization", "0001_initial"), ("constituents", "0002_permission_view")]

    operations = [
        migrations.RunSQL(CREATE_TABLES, DROP_TABLES),
        function("mark_everyone", f"INSERT INTO profile_dirt VALUES ({EVERYONE})"),
        *(function(f"mark_constituent_{event}", body.format(key="id")) for event, body in FUNCTIONS.items()),
        *(function(f"mark_owner_{event}", body.format(key="constituent_id")) for event, body in FUNCTIONS.items()),
        *(operation for table, key in TABLES.items() for operation in table_triggers(table, key)),
        trigger(
            "profile_dirt_view",
            "personalization_field",
            "AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON personalization_field",
            "mark_everyone",
        ),
    ]
