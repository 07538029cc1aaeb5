"""A list as it is in one snapshot: version, fields, the facts kept of it, and what a token must say (B1, B2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from rollkeeper.crm.changes.state import SQL
from rollkeeper.crm.changes.token import ChangeToken, Seen
from rollkeeper.sync.member import Field, field_set_key, fingerprint_text


class NoSuchList(LookupError):
    """There is no list of that code."""


class ListNotBuilt(LookupError):
    """MKT510 has not built the list: it has no members yet, which is not the same as none (S11)."""


@dataclass(frozen=True, slots=True)
class PresentList:
    """A built list in one snapshot of the database.

    `is_whole`: each member has a profile of the present view, and no deletion waits to be settled, so that rows and
    facts agree. `has_facts`: there are facts to agree with. `changed_xid`: the transaction that last changed any
    row. `purged_xid`: the last one whose tombstones are not there any more (0: none).
    """

    id: int
    code: str
    version: int
    as_of: datetime
    fields: tuple[Field, ...]
    slots: tuple[int, ...]
    has_facts: bool
    is_whole: bool
    members: int
    fingerprint: str
    changed_xid: int
    purged_xid: int
    token: ChangeToken

    def can_tell_since(self, token: ChangeToken) -> bool:
        """Whether the changes since are known: the token is of this list, its fields, this database, not old."""
        mine = self.token
        same = (token.list_id, token.fields, token.epoch) == (mine.list_id, mine.fields, mine.epoch)
        ahead = token.version > self.version or token.seen.end > mine.seen.end
        return same and not ahead and token.seen.begin > self.purged_xid

    def is_unchanged_since(self, token: ChangeToken) -> bool:
        """Whether no row has changed since; a new version of the same members is no change of a row."""
        return self.changed_xid in token.seen


def look(code: str) -> SQL:
    """The query for a list of that code as it is: one row, or none. Its cost does not depend on the list."""
    return _LOOK.format(code=sql.Literal(code))


def present_list(code: str, rows: Sequence[Mapping[str, Any]]) -> PresentList:
    """What `look` found. Raises `NoSuchList`, `ListNotBuilt`."""
    if not rows:
        raise NoSuchList(f"There is no list {code}.")
    row = rows[0]
    if row["last_regenerated_at"] is None:
        raise ListNotBuilt(f"MKT510 has not built list {code}.")
    fields = tuple(Field(entry["name"], entry["label"], entry["type"]) for entry in row["fields"])
    seen = Seen.read(row["seen"])
    return PresentList(
        id=row["id"],
        code=code,
        version=row["version"],
        as_of=row["last_regenerated_at"],
        fields=fields,
        slots=tuple(entry["slot"] for entry in row["fields"]),
        has_facts=row["members"] is not None,
        is_whole=row["is_whole"],
        members=row["members"] or 0,
        fingerprint=fingerprint_text(int(row["fingerprint"] or 0)),
        changed_xid=int(row["changed_xid"] or 0),
        purged_xid=int(row["purged_xid"] or 0),
        token=ChangeToken(row["id"], row["version"], field_set_key(fields), row["epoch"], seen),
    )


# Dirt that would show: every profile is of another view than the fields (dirt 0), or a constituent has none yet.
# A profile that is a moment old is right as of that moment; one that is missing would be a member missed.
_LOOK = sql.SQL(
    """
    SELECT l.id, l.version, l.last_regenerated_at, s.members, s.fingerprint::text AS fingerprint,
           s.changed_xid::text AS changed_xid, pg_current_snapshot()::text AS seen,
           (SELECT purged_xid::text FROM list_departure_purge) AS purged_xid,
           (SELECT coalesce(json_agg(json_build_object('name', name, 'label', label, 'type', type, 'slot', slot)
                                     ORDER BY position, id), '[]')
            FROM personalization_field) AS fields,
           concat_ws('.', (SELECT system_identifier FROM pg_control_system()),
                     (SELECT timeline_id FROM pg_control_checkpoint()),
                     (SELECT oid FROM pg_database WHERE datname = current_database()),
                     'profile'::regclass::oid, 'list_member'::regclass::oid) AS epoch,
           NOT EXISTS (SELECT FROM list_lost WHERE list_id = l.id) AND NOT EXISTS (
               SELECT FROM profile_dirt d WHERE d.constituent_id = 0 OR (
                   EXISTS (SELECT FROM constituent c WHERE c.id = d.constituent_id)
                   AND NOT EXISTS (SELECT FROM profile p WHERE p.constituent_id = d.constituent_id))
           ) AS is_whole
    FROM marketing_list l LEFT JOIN list_state s ON s.list_id = l.id
    WHERE l.code = {code}
    """
)
