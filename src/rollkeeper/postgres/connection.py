"""Connections of our own to this site's database, beside the one that Django keeps for a request."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connections


def database_parameters_in_use() -> dict[str, Any]:
    """The libpq parameters of the database that Django uses in this process (a test's own, in tests)."""
    settings = connections["default"].settings_dict
    parameters: dict[str, Any] = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
        **settings["OPTIONS"],
    }
    return {name: value for name, value in parameters.items() if value not in (None, "")}


def connect(*, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A new psycopg connection to that database."""
    return psycopg.connect(autocommit=autocommit, **database_parameters_in_use())
