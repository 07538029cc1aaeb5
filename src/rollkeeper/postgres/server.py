"""Where PostgreSQL is: the embedded server of this home, or the one that `ROLLKEEPER_POSTGRES_URL` names."""

from __future__ import annotations

import time
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from rollkeeper.configuration import Configuration, Site, configuration
from rollkeeper.postgres.embedded import EmbeddedServer, hold

OLDEST_VERSION = 150000  # PostgreSQL 15
RECOVERY_SECONDS = 120


class PostgresUnusable(RuntimeError):
    """The PostgreSQL server cannot be used; the message says what to do."""


def server_url(settings: Configuration | None = None) -> str:
    """The server's URL, without starting anything."""
    settings = settings or configuration()
    return settings.postgres_url or EmbeddedServer(settings.home_path).url


def database_parameters(site: Site, settings: Configuration | None = None) -> dict[str, str]:
    """The libpq parameters (host, port, user, …, dbname) of a site's database."""
    settings = settings or configuration()
    found = conninfo_to_dict(server_url(settings))
    parameters = {key: str(value) for key, value in found.items() if value is not None}
    parameters["dbname"] = settings.database_name(site)
    return parameters


def parameters_to_url(parameters: dict[str, str]) -> str:
    """libpq parameters as one URI, for drivers that take only that."""
    rest = "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items() if key != "dbname")
    return f"postgresql:///{quote(parameters['dbname'], safe='')}?{rest}"


def ensure_running() -> None:
    """Have a usable server: start the embedded one and keep it for this process, or ask the named one.

    Raises `PostgresNotStarted` or `PostgresUnusable`.
    """
    settings = configuration()
    if settings.postgres_url is None:
        hold(settings.home_path)
        _wait_until_ready(server_url(settings))
        return
    try:
        with psycopg.connect(settings.postgres_url, connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise PostgresUnusable(
            f"The PostgreSQL server of ROLLKEEPER_POSTGRES_URL does not answer: {str(error).strip()}\n"
            "What to do: start it, or correct the address, user or password in the URL."
        ) from error
    if version < OLDEST_VERSION:
        raise PostgresUnusable(
            f"The PostgreSQL server is version {version // 10000}; Rollkeeper needs 15 or newer. "
            "What to do: name a newer server in ROLLKEEPER_POSTGRES_URL, or unset it to use the embedded one."
        )


def _wait_until_ready(url: str) -> None:
    """Wait while a server that was killed recovers, or one of whose processes was."""
    end = time.monotonic() + RECOVERY_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if time.monotonic() >= end:
                raise PostgresUnusable(
                    f"The embedded PostgreSQL runs but does not answer: {str(error).strip()}\n"
                    f"What to do: read {EmbeddedServer(configuration().home_path).log}."
                ) from error
            time.sleep(0.1)
        else:
            return


def keep_running() -> bool:
    """Start the embedded server again if it died; whether it had. For a process that lives long; costs little."""
    settings = configuration()
    if settings.postgres_url is not None:
        return False
    server = EmbeddedServer(settings.home_path)
    if server.is_running():
        return False
    server.start()
    return True


def ensure_database(site: Site) -> None:
    """Make the site's database if it is not there."""
    settings = configuration()
    name = settings.database_name(site)
    with psycopg.connect(server_url(settings), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
            )
        except psycopg.errors.DuplicateDatabase:
            return
        except psycopg.errors.InsufficientPrivilege as error:
            raise PostgresUnusable(
                f"The database {name} does not exist and this user may not create it. "
                f"What to do: have an administrator run CREATE DATABASE {name}, or give the user CREATEDB."
            ) from error
