"""Fingerprints of target groups, kept up to date by addition and subtraction (B1).

A sync computes its own group's fingerprint from the rows it reads and writes. When it changes people who are
in other groups too, those groups' fingerprints are carried along here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg

from rollkeeper.sync.member import fingerprint_text

# A 128-bit sum in four 32-bit limbs: PostgreSQL adds bigints exactly, and the limbs of four billion rows fit.
LIMBS = (
    "coalesce(sum((({row}.hash_hi >> 32) & 4294967295)), 0), coalesce(sum(({row}.hash_hi & 4294967295)), 0), "
    "coalesce(sum((({row}.hash_lo >> 32) & 4294967295)), 0), coalesce(sum(({row}.hash_lo & 4294967295)), 0)"
)


def sum_of_limbs(limbs: tuple[Decimal | int, ...]) -> int:
    """Four limbs, highest first, as one number (not yet reduced modulo 2^128)."""
    total = 0
    for limb in limbs:
        total = (total << 32) + int(limb)
    return total


def carry_to_other_groups(connection: psycopg.Connection[Any], group_id: int) -> None:
    """Before `change` is written to subscribers: move the fingerprints of the other groups they are in."""
    moved = connection.execute(
        f"SELECT m.group_id, g.fingerprint, {LIMBS.format(row='m')}, {LIMBS.format(row='c')} "  # noqa: S608
        "FROM change c JOIN group_member m ON m.subscriber_id = c.subscriber_id "
        "JOIN target_group g ON g.id = m.group_id "
        "WHERE m.group_id <> %s AND (m.hash_hi, m.hash_lo) <> (c.hash_hi, c.hash_lo) "
        "GROUP BY m.group_id, g.fingerprint",
        [group_id],
    ).fetchall()
    if moved:
        totals = [
            fingerprint_text(int(fingerprint, 16) - sum_of_limbs(tuple(sums[:4])) + sum_of_limbs(tuple(sums[4:])))
            for _, fingerprint, *sums in moved
        ]
        connection.execute(
            "UPDATE target_group g SET fingerprint = m.fingerprint "
            "FROM unnest(%s::bigint[], %s::text[]) AS m (id, fingerprint) WHERE g.id = m.id",
            [[other for other, *_ in moved], totals],
        )


def recomputed(connection: psycopg.Connection[Any], group_id: int) -> str:
    """The group's fingerprint from its rows alone."""
    row = connection.execute(
        f"SELECT {LIMBS.format(row='m')} FROM group_member m WHERE m.group_id = %s",  # noqa: S608
        [group_id],
    ).fetchone()
    return fingerprint_text(sum_of_limbs(row) if row else 0)
