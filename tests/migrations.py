"""What both sites hold of their migrations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO

import psycopg
from django.core.management import call_command

from rollkeeper.postgres.server import server_url


def models_without_a_migration() -> str:
    """What `makemigrations` would still write for our own apps; empty where there is nothing."""
    out = StringIO()
    try:
        call_command("makemigrations", "--check", "--dry-run", stdout=out, stderr=out)
    except SystemExit:
        return out.getvalue()
    return ""


def rows_left_after_migrating(site: str) -> list[int]:
    """Members, and those of them who may not be mailed, after all migrations over a database with data in it."""
    name = f"rollkeeper_{site}_migrated_{os.getpid()}"
    environment = {**os.environ, f"ROLLKEEPER_{site.upper()}_DATABASE": name}
    command = [sys.executable, "-m", "tests.migrate_with_data", site]
    try:
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    finally:
        with psycopg.connect(server_url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
    left: list[int] = json.loads(done.stdout)
    return left
