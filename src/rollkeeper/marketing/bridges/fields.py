"""The personalization fields of a bridge, made those of the CRM's view, and where their values are (S25).

Both kinds of sync come here with the connection in whose transaction they write, so that the fields change
together with the rows that were received under them, and readers see both or neither (B8).
"""

from __future__ import annotations

from typing import Any

import psycopg

from rollkeeper.marketing.bridges.models import SLOTS
from rollkeeper.marketing.subscribers import history
from rollkeeper.marketing.target_groups import fingerprints
from rollkeeper.sync.connector import SourceNonsense
from rollkeeper.sync.member import Field


def store_fields(connection: psycopg.Connection[Any], bridge_id: int, fields: tuple[Field, ...]) -> None:
    """Make the bridge's fields those of the view, in its order. Defaults and comments of those that stay, stay.

    A field that went leaves its slot as it is, and finds its values there when it comes back.

    Locks the bridge. Raises `SourceNonsense` for a view that cannot be held: too many fields, or a name twice.
    """
    names = [field.name for field in fields]
    _check(names)
    connection.execute("SELECT FROM bridge WHERE id = %s FOR NO KEY UPDATE", [bridge_id])
    known = {
        name: tuple(facts)
        for name, *facts in connection.execute(
            "SELECT name, label, type, position FROM bridge_field WHERE bridge_id = %s", [bridge_id]
        ).fetchall()
    }
    slots = _slots(connection, bridge_id, names)
    if known.keys() - set(names):
        _withdraw(connection, bridge_id, names)
    for position, field in enumerate(fields):
        facts = (field.label, field.type, position)
        if field.name not in known:
            _take_slot(connection, bridge_id, field.name, slots[field.name])
            connection.execute(
                'INSERT INTO bridge_field (bridge_id, name, label, type, position, slot, "default", comment) '
                "VALUES (%s, %s, %s, %s, %s, %s, '', '')",
                [bridge_id, field.name, *facts, slots[field.name]],
            )
        elif known[field.name] != facts:
            connection.execute(
                "UPDATE bridge_field SET label = %s, type = %s, position = %s WHERE bridge_id = %s AND name = %s",
                [*facts, bridge_id, field.name],
            )


def slot_columns(connection: psycopg.Connection[Any], bridge_id: int) -> dict[str, str]:
    """Field name → column of `subscriber`, in the view's order, as the transaction sees them."""
    rows = connection.execute(
        "SELECT name, slot FROM bridge_field WHERE bridge_id = %s ORDER BY position, id", [bridge_id]
    ).fetchall()
    return {name: f"f{slot}" for name, slot in rows}


def _check(names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise SourceNonsense("The CRM's personalization view names a field twice. Nothing was changed.")
    if len(names) > SLOTS:
        raise SourceNonsense(
            f"The CRM's personalization view has {len(names)} fields; at most {SLOTS} can be held. "
            "Take some out of the view in the CRM. Nothing was changed."
        )


def _slots(connection: psycopg.Connection[Any], bridge_id: int, names: list[str]) -> dict[str, int]:
    """A slot for each name: the one it has or had, else one that no name had, else that of whoever went first."""
    current = dict(
        connection.execute("SELECT name, slot FROM bridge_field WHERE bridge_id = %s", [bridge_id]).fetchall()
    )
    withdrawn = dict(
        connection.execute(
            "SELECT name, slot FROM bridge_withdrawn_field WHERE bridge_id = %s ORDER BY withdrawn_at, id",
            [bridge_id],
        ).fetchall()
    )
    held: dict[str, int] = withdrawn | current
    never_used = sorted(set(range(1, SLOTS + 1)) - set(held.values()))
    free = iter([*never_used, *(slot for name, slot in held.items() if name not in names)])
    return {name: held[name] if name in held else next(free) for name in names}


def _withdraw(connection: psycopg.Connection[Any], bridge_id: int, names: list[str]) -> None:
    """Take out of the view whatever is not among the names."""
    connection.execute(
        "WITH gone AS (DELETE FROM bridge_field WHERE bridge_id = %s AND name <> ALL(%s) "
        "RETURNING bridge_id, name, slot) "
        "INSERT INTO bridge_withdrawn_field (bridge_id, name, slot) SELECT bridge_id, name, slot FROM gone",
        [bridge_id, names],
    )


def _take_slot(connection: psycopg.Connection[Any], bridge_id: int, name: str, slot: int) -> None:
    """Give a slot to a field. Values that another name left there are forgotten, and their rows with them."""
    left = connection.execute(
        "DELETE FROM bridge_withdrawn_field WHERE bridge_id = %s AND slot = %s RETURNING name", [bridge_id, slot]
    ).fetchall()
    if left and left != [(name,)]:
        _forget(connection, bridge_id, f"f{slot}", left[0][0])


def _forget(connection: psycopg.Connection[Any], bridge_id: int, column: str, name: str) -> None:
    """Empty a slot. Rows that had a value there get a hash that none has, so that the next sync, which pulls all of
    the list, writes them.

    The values go into the history, under the name of the field that had them (B6).
    """
    connection.execute(
        "INSERT INTO forgotten_value (bridge_id, revision, subscriber_id, key, value) "  # noqa: S608  # f1 … f100
        f"SELECT s.bridge_id, b.revision + 1, s.id, %s, s.{column} "
        f"FROM subscriber s JOIN bridge b ON b.id = s.bridge_id WHERE b.id = %s AND s.{column} IS NOT NULL",
        [history.field_key(name), bridge_id],
    )
    connection.execute(
        f"UPDATE subscriber SET {column} = NULL, hash_hi = 0, hash_lo = 0 "  # noqa: S608  # f1 … f100
        f"WHERE bridge_id = %s AND {column} IS NOT NULL",
        [bridge_id],
    )
    connection.execute(
        "UPDATE group_member m SET hash_hi = 0, hash_lo = 0 FROM subscriber s WHERE s.id = m.subscriber_id "
        "AND s.bridge_id = %s AND (s.hash_hi, s.hash_lo) = (0, 0)",
        [bridge_id],
    )
    for (group_id,) in connection.execute(
        "SELECT id FROM target_group WHERE bridge_id = %s", [bridge_id]
    ).fetchall():
        connection.execute(
            "UPDATE target_group SET fingerprint = %s, change_token = '' WHERE id = %s",
            [fingerprints.recomputed(connection, group_id), group_id],
        )
    # A plan that was made before is made again.
    connection.execute("UPDATE bridge SET revision = revision + 1 WHERE id = %s", [bridge_id])
