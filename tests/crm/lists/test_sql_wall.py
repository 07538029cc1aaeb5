"""Lists made by SQL: what is allowed works, and nothing gets through either wall."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest
from django.db import connection, transaction

from rollkeeper.crm.constituents.models import EmailAddress
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import SqlRefused
from rollkeeper.crm.lists.models import ListMember
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.lists.reporting import reading_connection, role_name
from rollkeeper.crm.lists.sql_allowed import VIEWS, allowed_query
from rollkeeper.crm.lists.sql_wall import check_sql, choose_by_sql
from tests.crm.lists.people import constituent

IDS = "SELECT master_customer_id, sub_customer_id FROM"

REFUSED = {
    "two statements": "SELECT 1; SELECT 2",
    "a stacked drop": f"{IDS} constituents; DROP TABLE constituent",
    "a stacked drop behind a comment": f"{IDS} constituents /* ; */ ; -- x\n DROP TABLE constituent",
    "nothing": "  -- only a comment\n",
    "an insert": "INSERT INTO constituent VALUES (1)",
    "an update": "UPDATE constituents SET status = 'X'",
    "a delete": "DELETE FROM constituents",
    "a write in WITH": f"WITH gone AS (DELETE FROM constituents RETURNING *) {IDS} gone",
    "another write in WITH": f"WITH x AS (INSERT INTO gifts VALUES (1) RETURNING *) {IDS} x",
    "select into": "SELECT master_customer_id INTO stolen FROM constituents",
    "for update": f"{IDS} constituents FOR UPDATE",
    "for share in a part": f"{IDS} (SELECT * FROM constituents FOR SHARE) x",
    "set role": "SET ROLE postgres",
    "reset role": "RESET ROLE",
    "set session": "SET SESSION AUTHORIZATION postgres",
    "do": "DO $$ BEGIN PERFORM 1; END $$",
    "copy": "COPY constituents TO '/tmp/x'",
    "copy program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "explain analyze": "EXPLAIN ANALYZE SELECT 1",
    "begin": "BEGIN; SELECT 1",
    "commit and more": f"{IDS} constituents; COMMIT; DROP TABLE constituent",
    "table": "TABLE pg_authid",
    "values": "VALUES ('1', '0')",
    "call": "CALL something()",
    "a table of ours": f"{IDS} constituent",
    "a qualified table of ours": f"{IDS} public.constituent",
    "the users": "SELECT username AS master_customer_id FROM auth_user",
    "a token": "SELECT digest::text AS master_customer_id FROM public.api_token",
    "pg_catalog": "SELECT rolname AS master_customer_id FROM pg_catalog.pg_authid",
    "pg_catalog unqualified": "SELECT rolname AS master_customer_id FROM pg_roles",
    "pg_catalog in quotes": 'SELECT rolname AS master_customer_id FROM "pg_catalog"."pg_roles"',
    "information_schema": "SELECT table_name AS master_customer_id FROM information_schema.tables",
    "a part of WITH that lends its name": (
        "SELECT rolname AS master_customer_id FROM pg_roles WHERE EXISTS "
        "(WITH pg_roles AS (SELECT 1) SELECT * FROM pg_roles)"
    ),
    "the same in quotes": (
        'SELECT 1 AS master_customer_id FROM "PG_roles" WHERE EXISTS '
        '(WITH "PG_roles" AS (SELECT 1) SELECT * FROM "PG_roles")'
    ),
    "a part of WITH called like a view": f"WITH gifts AS (SELECT 1) {IDS} gifts",
    "another database": f"{IDS} postgres.reporting.constituents",
    "pg_read_file": "SELECT pg_read_file('/etc/passwd') AS master_customer_id",
    "pg_read_file in quotes": "SELECT \"pg_read_file\"('/etc/passwd') AS master_customer_id",
    "pg_read_file qualified": "SELECT pg_catalog.pg_read_file('/etc/passwd') AS master_customer_id",
    "pg_ls_dir after FROM": "SELECT * FROM pg_ls_dir('/') AS x(master_customer_id)",
    "pg_sleep": "SELECT pg_sleep(100)::text AS master_customer_id",
    "pg_sleep in WHERE": f"{IDS} constituents WHERE pg_sleep(1) IS NULL",
    "pg_terminate_backend": "SELECT pg_terminate_backend(1)::text AS master_customer_id",
    "set_config": "SELECT set_config('statement_timeout', '0', false) AS master_customer_id",
    "current_setting": "SELECT current_setting('is_superuser') AS master_customer_id",
    "current_user": "SELECT current_user AS master_customer_id",
    "version": "SELECT version() AS master_customer_id",
    "lo_import": "SELECT lo_import('/etc/passwd')::text AS master_customer_id",
    "lo_export": "SELECT lo_export(1, '/tmp/x')::text AS master_customer_id",
    "lo_get": "SELECT encode(lo_get(1), 'hex') AS master_customer_id",
    "dblink": "SELECT * FROM dblink('host=x', 'select 1') AS t(master_customer_id text)",
    "query_to_xml": "SELECT query_to_xml('SELECT * FROM pg_authid', true, true, '')::text AS master_customer_id",
    "xmltable": "SELECT * FROM XMLTABLE('a' PASSING '<a/>'::xml COLUMNS master_customer_id text)",
    "nextval": "SELECT nextval('x')::text AS master_customer_id",
    "txid": "SELECT txid_current()::text AS master_customer_id",
    "an advisory lock": "SELECT pg_advisory_lock(1)::text AS master_customer_id",
    "pg_notify": "SELECT pg_notify('a', 'b')::text AS master_customer_id",
    "repeat": "SELECT repeat('x', 1000000000) AS master_customer_id",
    "generate_series": "SELECT generate_series(1, 1000000000)::text AS master_customer_id",
    "generate_series after FROM": "SELECT g::text AS master_customer_id FROM generate_series(1, 9) g",
    "unnest": "SELECT * FROM unnest(ARRAY['1']) AS x(master_customer_id)",
    "recursion": (
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i::text AS master_customer_id FROM n"
    ),
    "recursion in a part": f"{IDS} (WITH RECURSIVE n AS (SELECT 1) SELECT * FROM constituents) x",
    "lateral": f"{IDS} constituents c, LATERAL (SELECT 1) x",
    "a sample": f"{IDS} constituents TABLESAMPLE SYSTEM (1)",
    "regclass": "SELECT 'pg_authid'::regclass::text AS master_customer_id",
    "xml type": "SELECT '<a/>'::xml::text AS master_customer_id",
    "a parameter": f"{IDS} constituents WHERE status = $1",
    "a placeholder": f"{IDS} constituents WHERE status = %(x)s",
    "a question mark": f"{IDS} constituents WHERE status = ?",
    "an escape string": f"{IDS} constituents WHERE status = E'\\x41'",
    "a unicode string": f"{IDS} constituents WHERE status = U&'\\0041'",
    "NUL": f"{IDS} constituents WHERE status = '\x00'",
    "an open quote": f"{IDS} constituents WHERE status = 'x",
    "an open comment": f"{IDS} constituents /* never closed",
    "no SQL": "please give me everyone",
    "deep nesting": "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "too long": f"{IDS} constituents WHERE status IN ({','.join(['1'] * 60_000)})",
}

ALLOWED = [
    f"{IDS} constituents",
    f"{IDS} reporting.constituents;",
    f'{IDS} "constituents" AS "c" -- DROP TABLE constituent',
    f"/* all */ {IDS} constituents WHERE status ILIKE 'a%' AND NOT (state IN ('TX', 'NY') OR state IS NULL)",
    (
        f"WITH rich AS (SELECT master_customer_id, sum(amount) AS total FROM gifts GROUP BY 1 HAVING sum(amount) > 5) "
        f"{IDS} constituents JOIN rich USING (master_customer_id) ORDER BY rich.total DESC NULLS LAST LIMIT 10"
    ),
    f"({IDS} gifts WHERE given_on > CURRENT_DATE - INTERVAL '30 days') UNION {IDS} events EXCEPT {IDS} interests",
    f"{IDS} memberships WHERE expires_on BETWEEN DATE '2026-01-01' AND current_date + 30 AND NOT auto_renew",
    f"{IDS} constituents WHERE attributes ->> 'colour' = 'red' AND lower(trim(email)) LIKE '%@example.org'",
    f"{IDS} constituents c WHERE EXISTS (SELECT 1 FROM interests i WHERE i.master_customer_id = c.master_customer_id)",
    (
        "SELECT DISTINCT m.master_customer_id, coalesce(m.sub_customer_id, '0') AS sub_customer_id FROM lists m "
        "WHERE list_code = 'X' AND date_trunc('month', as_of) < now()"
    ),
    (
        "SELECT master_customer_id FROM (SELECT *, row_number() OVER (PARTITION BY state ORDER BY last_name) AS place "
        "FROM constituents) AS ranked WHERE place <= 3 AND CASE WHEN state ~ '^T' THEN true ELSE false END"
    ),
    "SELECT master_customer_id FROM email_addresses WHERE is_primary AND split_part(address, '@', 2) = 'example.org'",
    "SELECT master_customer_id, extract(year FROM age(joined_on))::int AS years FROM memberships",
]


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED.keys())
def test_the_first_wall_refuses(query: str) -> None:
    with pytest.raises(SqlRefused) as caught:
        allowed_query(query)
    assert len(str(caught.value)) < 400


@pytest.mark.django_db(transaction=True)
def test_what_lists_need_is_allowed_and_runs() -> None:
    for query in ALLOWED:
        check_sql(query)


@pytest.mark.django_db(transaction=True)
def test_a_list_is_made_by_sql() -> None:
    ana, ben = constituent("00000001", state="TX"), constituent("00000002", state="NY")
    constituent("00000001", "1", state="NY")
    EmailAddress.objects.create(constituent=ana, address="ana@example.org")
    saved = save_list("MAIL", "With address", sql=f"{IDS} constituents WHERE email LIKE '%@%'")
    assert regenerate(saved.pk).members == 1
    assert ListMember.objects.get(went=None).constituent_id == ana.pk
    save_list("MAIL", None, sql="SELECT master_customer_id FROM constituents WHERE state = 'NY'")
    done = regenerate(saved.pk)  # no sub: it is 0
    assert (done.members, done.added, done.removed) == (2, 1, 0)
    assert set(ListMember.objects.filter(went=None).values_list("constituent_id", flat=True)) == {ana.pk, ben.pk}


@pytest.mark.django_db(transaction=True)
def test_ids_that_repeat_count_once_and_unknown_ones_not_at_all() -> None:
    constituent("1")
    query = "SELECT '1' AS master_customer_id UNION ALL SELECT '1' UNION ALL SELECT 'nobody' UNION ALL SELECT NULL"
    assert regenerate(save_list("S", "Some", sql=query).pk).members == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT first_name FROM constituents", "no column master_customer_id.*first_name"),
        ("SELECT master_customer_id, master_customer_id FROM constituents", "2 times"),
        (
            "SELECT c.master_customer_id, c.sub_customer_id, g.* FROM constituents c, gifts g",
            "2 times; select it once",
        ),
        ("SELECT nose AS master_customer_id FROM constituents", "nose"),
        ("SELECT master_customer_id + 1 AS master_customer_id FROM constituents", "operator"),
    ],
)
def test_a_query_that_gives_no_ids_is_refused_with_what_is_missing(query: str, says: str) -> None:
    with pytest.raises(SqlRefused, match=says):
        save_list("S", "Some", sql=query)


def choose(query: str, **limits: float) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE chosen (id bigint) ON COMMIT DROP")
        choose_by_sql(cursor, query, **limits)  # type: ignore[arg-type]  # limits by name
        return int(cursor.rowcount)


@pytest.mark.django_db(transaction=True)
def test_a_result_without_end_is_refused() -> None:
    for number in range(30):
        constituent(str(number))
    product = "SELECT a.master_customer_id FROM constituents a, constituents b, constituents c"
    with pytest.raises(SqlRefused, match="more than 1,000 rows"):
        choose(product, most_rows=1_000)
    assert choose(product) == 30


@pytest.mark.django_db(transaction=True)
def test_a_query_that_takes_too_long_is_stopped() -> None:
    for number in range(30):
        constituent(str(number))
    product = "SELECT count(*)::text AS master_customer_id FROM " + ", ".join(
        f"constituents c{n}" for n in range(8)
    )
    with pytest.raises(SqlRefused, match=r"takes longer than 0\.2 seconds"):
        choose(product, seconds=0.2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "attack",
    [
        "SELECT * FROM public.constituent",
        "SELECT * FROM public.auth_user",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "COPY (SELECT 1) TO '/tmp/stolen'",
        "CREATE TABLE reporting.x (a int)",
        "CREATE TABLE public.x (a int)",
        "CREATE TEMP TABLE x (a int)",
        "INSERT INTO public.interest (constituent_id, area_code) VALUES (1, 'x')",
        "DELETE FROM reporting.interests",
        "UPDATE reporting.constituents SET status = 'X'",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SET TRANSACTION READ WRITE",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "CREATE ROLE friend LOGIN",
        "GRANT SELECT ON public.constituent TO PUBLIC",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user AND usesuper",
    ],
)
def test_the_second_wall_holds_where_the_first_is_not_there(attack: str) -> None:
    with reading_connection() as reader:
        reader.execute(f"SELECT count(*) FROM {VIEWS[0]}")
        if "pg_terminate" in attack:
            attack = f"SELECT pg_terminate_backend({backend_of_owner()})"
        with pytest.raises(psycopg.Error):
            reader.execute(attack)
        reader.rollback()


@pytest.mark.django_db(transaction=True)
def test_nothing_that_the_reading_connection_does_stays() -> None:
    # PostgreSQL 15 lets a read-only transaction make large objects.
    with suppress(psycopg.errors.ReadOnlySqlTransaction), reading_connection() as reader:
        reader.execute("SELECT lo_create(0)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_largeobject_metadata")
        assert cursor.fetchone() == (0,)


def backend_of_owner() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_reset_role_gains_nothing() -> None:  # the role signs in itself: there is nothing to fall back to
    with reading_connection() as reader:
        reader.execute("RESET ROLE")
        reader.execute("RESET SESSION AUTHORIZATION")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT * FROM public.constituent")
        reader.rollback()


@pytest.mark.django_db(transaction=True)
def test_the_role_is_of_this_database_and_reads_all_views() -> None:
    with reading_connection() as reader:
        row = reader.execute("SELECT current_user, current_setting('transaction_read_only')").fetchone()
        assert row == (role_name(connection.settings_dict["NAME"]), "on")
        for view in VIEWS:
            reader.execute(f"SELECT * FROM {view}")


def test_two_databases_have_two_roles_whatever_their_names() -> None:
    names = ["rollkeeper_crm", "test_rollkeeper_crm", "Rollkeeper", 'a"b', "x" * 63, "x" * 62 + "y"]
    roles = [role_name(name) for name in names]
    assert len(set(roles)) == len(names)
    assert all(len(role) <= 63 and role.replace("_", "").isalnum() for role in roles)
