"""A process's way into one site: its database there and of this version, Django set up.

One process touches one site: Django has one set of settings. A command that needs both sites asks the other
over HTTP, or in a process of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rollkeeper.cli.frame import Failure
from rollkeeper.configuration import Site

if TYPE_CHECKING:
    from django.db.migrations.executor import MigrationExecutor

MIGRATION_LOCK = 0x526F6C6C_4D696772  # the advisory lock of migrating: two processes must not migrate at once


def enter(site: Site) -> None:
    """Set this process up for a site: server and database running, tables there and of this version.

    A database that is new gets its tables. One that an older or newer version made is refused with what to do.
    """
    set_up(site)
    unapplied, applied = _unapplied()
    if unapplied and not applied:
        migrate()
    elif unapplied:
        raise Failure(
            f"The {site} site's database was made by an older version ({len(unapplied)} migrations are missing). "
            "What to do: stop Rollkeeper and run `rollkeeper up`, which brings it up to date."
        )


def set_up(site: Site) -> None:
    """Server and database running, Django set up; the tables are not looked at."""
    import django

    from rollkeeper.postgres.server import ensure_database, ensure_running

    os.environ["DJANGO_SETTINGS_MODULE"] = f"rollkeeper.{site}.settings"
    ensure_running()
    ensure_database(site)
    django.setup()


def migrate() -> int:
    """Bring the site's tables to this version, on existing data too. Returns how many migrations that took."""
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:  # a session lock: migrations use transactions of their own
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        unapplied, _ = _unapplied()
        if unapplied:
            call_command("migrate", interactive=False, verbosity=0)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
    return len(unapplied)


def missing_migrations() -> list[str]:
    """The migrations of this version that the site's database has not got."""
    return _unapplied()[0]


def _unapplied() -> tuple[list[str], int]:
    """The migrations that the database has not got, and how many it has."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor: MigrationExecutor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    return names, len(executor.loader.applied_migrations or {})
