"""The second wall: a login role that can read the views of `reporting`, and a connection that only reads.

The role belongs to one database, as roles are known to the whole server; its password is a secret of this
installation. It is made when the first SQL list needs it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from rollkeeper.configuration import configuration
from rollkeeper.crm.lists.errors import SqlRefused
from rollkeeper.crm.lists.sql_allowed import SCHEMA

STATEMENT_SECONDS = 60
CONNECT_SECONDS = 10
LONGEST_ROLE = 63  # bytes of a name in PostgreSQL

# Whether the role is there and can do what it must, and no more than that.
READY = """
SELECT NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication),
       has_schema_privilege(r.oid, %(schema)s, 'USAGE') AND bool_and(has_table_privilege(r.oid, t.oid, 'SELECT'))
FROM pg_roles r, pg_class t
WHERE r.rolname = %(role)s AND t.relnamespace = %(schema)s::regnamespace AND t.relkind = 'v'
GROUP BY r.oid, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolreplication
"""


def role_name(database: str) -> str:
    """The reading role of a database: lower-case letters, digits and `_`, at most 63 bytes."""
    name = f"{database}_reporting"
    if len(name) <= LONGEST_ROLE and re.fullmatch(r"[a-z0-9_]+", name):
        return name
    return f"rollkeeper_{hashlib.sha256(database.encode()).hexdigest()[:24]}_reporting"


@contextmanager
def reading_connection(seconds: float = STATEMENT_SECONDS) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the reading role, in one read-only transaction, each statement limited to `seconds`.

    It sees what is committed. Raises `SqlRefused` where the role cannot be made or cannot sign in.
    """
    parameters = _parameters()
    role = role_name(parameters["dbname"])
    password = configuration().secret(f"{role}-password")
    _ensure_role(parameters["dbname"], role, password)
    reader = _sign_in({**parameters, "user": role, "password": password})
    with reader:
        reader.read_only = True
        reader.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
        reader.execute(f"SET LOCAL search_path = {SCHEMA}")
        try:
            yield reader
        finally:
            reader.rollback()  # before PostgreSQL 16 a read-only transaction may write large objects


def _parameters() -> dict[str, str]:
    """The libpq parameters of Django's connection, but for who signs in."""
    settings = connection.settings_dict
    options = {
        key: str(value)
        for key, value in settings["OPTIONS"].items()
        if key.startswith(("ssl", "gss", "keepalives", "tcp_", "channel_binding", "target_session_attrs"))
    }
    return {
        **options,
        "dbname": str(settings["NAME"]),
        **{key: str(settings[key.upper()]) for key in ("host", "port") if settings[key.upper()] not in {"", None}},
    }


def _sign_in(parameters: dict[str, str]) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(make_conninfo(**parameters), connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as first:
        # Another installation on the same server, or an administrator, gave the role another password.
        try:
            _set_password(parameters["user"], parameters["password"])
            return psycopg.connect(make_conninfo(**parameters), connect_timeout=CONNECT_SECONDS)
        except psycopg.Error as error:
            raise SqlRefused(
                f"The role {parameters['user']} that reads for SQL lists cannot sign in: {_line(first)}. What to "
                "do: have an administrator let it in by password (pg_hba.conf) and set its password to the one in "
                f"the file secrets/{parameters['user']}-password of the home."
            ) from error


def _ensure_role(database: str, role: str, password: str) -> None:
    """Have the role, able to read the views. On a connection of its own: no transaction of ours undoes it."""
    with _owner() as owner:
        found = owner.execute(READY, {"role": role, "schema": SCHEMA}).fetchone()
        if found is not None and not found[0]:
            raise SqlRefused(
                f"The role {role} may do more than read: SQL lists stay off. What to do: have an administrator run "
                f"ALTER ROLE {role} NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS NOREPLICATION."
            )
        if found is not None and found[1]:
            return
        if found is None:
            _create_role(owner, role, password)
        for statement in (
            "GRANT USAGE ON SCHEMA {schema} TO {role}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
            "ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = on",
        ):
            owner.execute(
                sql.SQL(statement).format(
                    schema=sql.Identifier(SCHEMA),
                    role=sql.Identifier(role),
                    database=sql.Identifier(database),
                )
            )


def _create_role(owner: psycopg.Connection[Any], role: str, password: str) -> None:
    statement = sql.SQL(
        "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
    )
    try:
        owner.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return  # another process made it at the same moment
    except psycopg.errors.InsufficientPrivilege as error:
        raise SqlRefused(
            f"SQL lists need a login role {role}, and this database user may not create roles. What to do: have "
            "an administrator give the user CREATEROLE, or run CREATE ROLE "
            f"{role} LOGIN PASSWORD '…' with the password in the file secrets/{role}-password of the home."
        ) from error


def _set_password(role: str, password: str) -> None:
    with _owner() as owner:
        owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


@contextmanager
def _owner() -> Iterator[psycopg.Connection[Any]]:
    """A connection of the user who owns the tables, each statement a transaction of its own."""
    settings = connection.settings_dict
    who = {key: str(settings[key.upper()]) for key in ("user", "password") if settings[key.upper()]}
    with psycopg.connect(
        make_conninfo(**_parameters(), **who), autocommit=True, connect_timeout=CONNECT_SECONDS
    ) as owner:
        yield owner


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
