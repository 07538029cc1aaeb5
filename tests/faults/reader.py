"""Someone who looks at a target group all along, at both isolation levels (B8)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from tests.faults.workplace import Workplace

PAUSE = 0.02  # seconds between two looks

_KEPT = "SELECT count_members, count_receiving, count_held, fingerprint, change_token FROM target_group WHERE code = %(code)s"
_ROWS = """
SELECT count(*), coalesce(sum(m.hash_hi), 0), coalesce(sum(m.hash_lo), 0), count(*) FILTER (WHERE m.hash_lo < 0),
       count(*) FILTER (WHERE (m.hash_hi, m.hash_lo) <> (s.hash_hi, s.hash_lo)),
       md5(coalesce(string_agg(concat_ws('|', m.master_customer_id, m.sub_customer_id, s.status, s.email, s.first_name),
                               E'\\n' ORDER BY m.master_customer_id, m.sub_customer_id), ''))
FROM group_member m JOIN subscriber s ON s.id = m.subscriber_id
WHERE m.group_id = (SELECT id FROM target_group WHERE code = %(code)s)
"""
_HELD = "SELECT count(*) FROM held_removal WHERE group_id = (SELECT id FROM target_group WHERE code = %(code)s)"
_AT_ONCE = f"SELECT * FROM ({_KEPT}) AS kept, ({_ROWS}) AS found, ({_HELD}) AS held"  # constants of this file

Seen = tuple[Any, ...]


def look(connection: psycopg.Connection[Any], code: str) -> Seen:
    """The group as one statement sees it."""
    row = connection.execute(_AT_ONCE, {"code": code}).fetchone()
    assert row is not None
    return row


def look_slowly(connection: psycopg.Connection[Any], code: str) -> Seen:
    """The group as one REPEATABLE READ transaction of several statements sees it."""
    seen: Seen = ()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for statement in (_KEPT, _ROWS, _HELD):
            row = connection.execute(statement, {"code": code}).fetchone()
            assert row is not None
            seen += row
    return seen


def flaw(seen: Seen) -> str:
    """What in a look belongs to different states; empty: it is one."""
    members, _receiving, held, fingerprint, _token, rows, high, low, negative, stale, _people, held_rows = seen
    total = (int(high) * 2**64 + int(low) + negative * 2**64) % 2**128
    if fingerprint != f"{total:032x}":
        return f"The rows add up to {total:032x}, kept is {fingerprint}."
    if (members, held) != (rows, held_rows):
        return f"Kept are {members} members and {held} held, there are {rows} and {held_rows}."
    return f"{stale} memberships have another hash than their subscriber." if stale else ""


@dataclass
class Reader:
    """What was seen. `flaws`: looks that were of no one state."""

    seen: set[Seen] = field(default_factory=set)
    flaws: list[str] = field(default_factory=list)
    looks: int = 0

    def note(self, seen: Seen) -> None:
        self.seen.add(seen)
        self.looks += 1
        if (found := flaw(seen)) and len(self.flaws) < 5:
            self.flaws.append(found)


@contextmanager
def reading(workplace: Workplace, *codes: str) -> Iterator[dict[str, Reader]]:
    """Readers of these groups in a thread; at the end no look may have been flawed."""
    readers = {code: Reader() for code in codes}
    stop, errors = threading.Event(), []

    def poll() -> None:
        try:
            with workplace.connect() as connection:
                while not stop.wait(PAUSE):
                    for code, reader in readers.items():
                        reader.note(look(connection, code))
                        reader.note(look_slowly(connection, code))
        except psycopg.Error as error:
            errors.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield readers
    finally:
        stop.set()
        thread.join()
    assert not errors, errors
    for code, reader in readers.items():
        assert reader.looks, "Nobody looked"
        assert not reader.flaws, (code, reader.flaws)
