"""The members of a list, in the order and shape in which they travel (`sync/member.py`), from one snapshot.

Membership is the list as last regenerated; names, addresses, permission and personalization fields are those
of this moment (S15). List, version, fields, facts, token and rows are read in one REPEATABLE READ transaction, so
they belong together whatever runs beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from django.db import connection
from psycopg.rows import dict_row

from rollkeeper.crm.changes.delta import changes_since
from rollkeeper.crm.changes.present import ListNotBuilt, NoSuchList, PresentList, look, present_list
from rollkeeper.crm.changes.state import rebuild_state
from rollkeeper.crm.changes.token import ChangeToken, read_token
from rollkeeper.crm.data_service.members_query import Span, column_names, for_all_members, members_between
from rollkeeper.crm.personalization.profile import refresh_profiles
from rollkeeper.postgres.arrow import FEW_ROWS, Query, Snapshot, snapshot
from rollkeeper.sync.connector import Key, Mode
from rollkeeper.sync.member import delta_schema, member_schema
from rollkeeper.sync.member_stream import ListFacts, Opening

__all__ = ["ListNotBuilt", "Members", "MembersInconsistent", "NoSuchList", "ProfilesBusy", "open_members"]

REFRESHES = 5  # tries to find the profiles whole while others write


class ProfilesBusy(RuntimeError):
    """The personalization view or the constituents kept changing; trying again helps."""


class MembersInconsistent(RuntimeError):
    """Fewer or more rows came than the list has members: what was sent must not pass for the list."""


@dataclass(frozen=True, slots=True)
class Members:
    """A list's members, or what changed of them, opened for reading.

    `facts` are those kept of the whole list. `count` is the number of rows that `batches` gives, where it is known
    before: that of all members.
    """

    opening: Opening
    facts: ListFacts
    count: int | None
    _read: Callable[[], Iterator[pa.RecordBatch]]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Record batches in `member_schema(opening.fields)`, in a delta in `delta_schema`, strictly ascending by
        (master, sub).

        Raises `QueryFailed`, or `MembersInconsistent` before it would end with a wrong number of rows.
        """
        rows = 0
        for batch in self._read():
            rows += batch.num_rows
            yield batch
        if self.count is not None and rows != self.count:
            raise MembersInconsistent(
                f"List {self.opening.code} has {self.count} members, but {rows} rows were read."
            )


@contextmanager
def open_members(
    code: str, *, since: str | None = None, also: Sequence[Key] = (), span: Span | None = None
) -> Iterator[Members]:
    """The members of the list of that code; those in `span`; or what changed since a change token.

    With a token that is not known here (any more) it is all members: `opening.mode` says which. `also`: customer
    ids whose present state comes with the changes. Holds a database connection and a snapshot until it is left,
    unless nothing changed.

    Raises `NoSuchList`, `ListNotBuilt`, `ProfilesBusy`, `QueryFailed`.
    """
    token = read_token(since) if since is not None else None
    if token is not None and not also:
        now = present(code)
        if now.is_whole and now.has_facts and _unchanged(now, token):
            yield _opened(now, Mode.UNCHANGED, lambda: iter(()), None)
            return
    with whole_list(code) as (found, now):
        yield _pull(found, now, token, also, span)


@contextmanager
def whole_list(code: str) -> Iterator[tuple[Snapshot, PresentList]]:
    """A snapshot in which the facts kept of a list agree with its rows, and the list in it.

    Raises `NoSuchList`, `ListNotBuilt`, `ProfilesBusy`, `QueryFailed`.
    """
    for _ in range(REFRESHES):
        now = present(code)
        if not now.has_facts:
            rebuild_state(now.id)
        with snapshot() as found:
            now = present_list(code, found.rows(look(code)))
            if now.is_whole and now.has_facts:
                yield found, now
                return
    raise ProfilesBusy("The constituents or the personalization view are being changed. Try again in a moment.")


def present(code: str) -> PresentList:
    """The list as it is once dirty profiles are rebuilt: one statement on the connection that is there.

    A snapshot costs a connection more. Raises `NoSuchList`, `ListNotBuilt`.
    """
    if "\0" in code:
        raise NoSuchList("A list's code holds no control characters.")
    refresh_profiles()
    connection.ensure_connection()
    with connection.connection.cursor(row_factory=dict_row) as cursor:
        return present_list(code, cursor.execute(look(code)).fetchall())


def _unchanged(now: PresentList, token: ChangeToken) -> bool:
    return now.can_tell_since(token) and now.is_unchanged_since(token)


def _pull(
    found: Snapshot, now: PresentList, token: ChangeToken | None, also: Sequence[Key], span: Span | None
) -> Members:
    columns = column_names(now.slots)
    if span is not None:
        query, rows = members_between(found, now, span)
        return _opened(now, Mode.FULL, _reader(found, query, rows, member_schema(now.fields)), None)
    if token is not None and now.can_tell_since(token):
        if not also and now.is_unchanged_since(token):
            return _opened(now, Mode.UNCHANGED, lambda: iter(()), None)
        delta = changes_since(found, now, token, also, columns)
        return _opened(now, Mode.DELTA, _reader(found, delta.query, delta.rows, delta_schema(now.fields)), None)
    query, rows = for_all_members(found, now, columns)
    return _opened(now, Mode.FULL, _reader(found, query, rows, member_schema(now.fields)), rows)


def _reader(found: Snapshot, query: Query, rows: int, schema: pa.Schema) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Reads the query's rows, of which there are about so many."""
    if rows <= FEW_ROWS:
        return lambda: found.few(query, schema)
    return lambda: (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in found.batches(query))


def _opened(
    now: PresentList, mode: Mode, read: Callable[[], Iterator[pa.RecordBatch]], count: int | None
) -> Members:
    opening = Opening(now.code, str(now.version), now.as_of, now.fields, mode)
    return Members(opening, ListFacts(now.members, now.fingerprint, now.token.text), count, read)
