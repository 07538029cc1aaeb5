"""The lies of `LyingCrm`: each says how an answer differs from the true one.

`on` narrows a lie to addresses that contain it ("Members", "MarketingLists?", "PersonalizationFields").
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.connector import Closing, Mode
from rollkeeper.sync.member_stream import Opening


@dataclass(frozen=True)
class Told:
    """What is said of a list: opening facts, rows, closing facts (None: no closing batch), rows a batch."""

    opening: Opening
    rows: pa.Table
    closing: Closing | None
    batch_rows: int


@dataclass(frozen=True, kw_only=True)
class Lie:
    """The truth. Its kinds change what is told of a list, or what happens on the wire."""

    on: str = ""

    def tell(self, told: Told) -> Told:
        return told


@dataclass(frozen=True)
class HangUp(Lie):
    """Close the connection without a word."""


@dataclass(frozen=True)
class Stall(Lie):
    """Fall silent after so many bytes of the body, until the fake is closed or `seconds` have passed."""

    after: int = 0
    seconds: float = 30


@dataclass(frozen=True)
class Cut(Lie):
    """Break the connection after so many bytes of the body; `cleanly`: end the answer as if that were all."""

    after: int
    cleanly: bool = False


@dataclass(frozen=True)
class Status(Lie):
    """Answer with this status and an OData error body."""

    status: int = 500
    code: str = "Error"
    message: str = "Something went wrong."


@dataclass(frozen=True)
class Html(Lie):
    """Answer 200 with a web page, as a login page or a proxy does."""


@dataclass(frozen=True)
class Redirect(Lie):
    """Answer with a redirect."""

    to: str = "http://elsewhere.invalid/odata/"


@dataclass(frozen=True)
class Document(Lie):
    """Answer 200 with these bytes under this content type."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True)
class WrongCount(Lie):
    """Say that so many more rows were sent."""

    by: int = 1

    def tell(self, told: Told) -> Told:
        assert told.closing is not None
        return replace(told, closing=replace(told.closing, rows=told.closing.rows + self.by))


@dataclass(frozen=True)
class WrongFingerprint(Lie):
    """Say another fingerprint than that of the rows."""

    fingerprint: str = "0123456789abcdef" * 2

    def tell(self, told: Told) -> Told:
        assert told.closing is not None
        return replace(told, closing=replace(told.closing, fingerprint=self.fingerprint))


@dataclass(frozen=True)
class NoClosing(Lie):
    """End the stream properly, but without the closing facts."""

    def tell(self, told: Told) -> Told:
        return replace(told, closing=None)


@dataclass(frozen=True)
class OutOfOrder(Lie):
    """Swap a row with the next one (so a batch's border can lie between them)."""

    row: int = 0

    def tell(self, told: Told) -> Told:
        order = list(range(told.rows.num_rows))
        order[self.row], order[self.row + 1] = order[self.row + 1], order[self.row]
        return replace(told, rows=told.rows.take(order))


@dataclass(frozen=True)
class Doubled(Lie):
    """Send a row twice; count and fingerprint say so."""

    row: int = 0

    def tell(self, told: Told) -> Told:
        order = sorted([*range(told.rows.num_rows), self.row])
        return replace(told, rows=told.rows.take(order))


@dataclass(frozen=True)
class ColumnMissing(Lie):
    """Leave a column out, though the fields are declared as ever."""

    name: str

    def tell(self, told: Told) -> Told:
        return replace(told, rows=told.rows.drop_columns([self.name]))


@dataclass(frozen=True)
class ColumnNew(Lie):
    """Send a column that is not declared."""

    name: str = "surprise"

    def tell(self, told: Told) -> Told:
        values = pa.nulls(told.rows.num_rows, pa.string())
        return replace(told, rows=told.rows.add_column(7, pa.field(self.name, pa.string()), values))


@dataclass(frozen=True)
class TypeChanged(Lie):
    """Send a column as another type."""

    name: str
    type: pa.DataType = field(default_factory=pa.large_string)

    def tell(self, told: Told) -> Told:
        place = told.rows.schema.get_field_index(self.name)
        return replace(told, rows=told.rows.set_column(place, self.name, told.rows[self.name].cast(self.type)))


@dataclass(frozen=True)
class NothingThere(Lie):
    """Send an empty list, count and fingerprint in keeping (B3)."""

    def tell(self, told: Told) -> Told:
        return replace(told, rows=told.rows.slice(0, 0))


@dataclass(frozen=True)
class HugeBatch(Lie):
    """Send all rows as one batch, with text so long that no honest batch is as large."""

    megabytes: int = 80

    def tell(self, told: Told) -> Told:
        place = told.rows.schema.get_field_index("last_name")
        text = pa.array(["x" * (self.megabytes * 2**20)] + [None] * (told.rows.num_rows - 1), pa.string())
        return replace(told, rows=told.rows.set_column(place, "last_name", text), batch_rows=told.rows.num_rows)


@dataclass(frozen=True)
class AnotherVersionAtTheEnd(Lie):
    """End with another version of the list than the one begun with."""

    def tell(self, told: Told) -> Told:
        assert told.closing is not None
        return replace(told, closing=replace(told.closing, version="another"))


@dataclass(frozen=True)
class Forgets(Lie):
    """Leave a person's change out of what changed; all that is said of what is sent is in keeping."""

    master_customer_id: str

    def tell(self, told: Told) -> Told:
        if told.opening.mode is not Mode.DELTA:
            return told
        kept = pc.not_equal(told.rows["master_customer_id"], self.master_customer_id)
        return replace(told, rows=told.rows.filter(kept))


@dataclass(frozen=True)
class WrongListFingerprint(Lie):
    """Keep another fingerprint of the list than that of its rows."""

    fingerprint: str = "0123456789abcdef" * 2

    def tell(self, told: Told) -> Told:
        assert told.closing is not None
        return replace(told, closing=replace(told.closing, list_fingerprint=self.fingerprint))


@dataclass(frozen=True)
class WrongListCount(Lie):
    """Keep another number of members of the list than it has."""

    by: int = 1

    def tell(self, told: Told) -> Told:
        assert told.closing is not None
        assert told.closing.list_members is not None
        return replace(told, closing=replace(told.closing, list_members=told.closing.list_members + self.by))


@dataclass(frozen=True)
class WrongRow(Lie):
    """Send a person's row with another first name, under the hash of the true one."""

    master_customer_id: str

    def tell(self, told: Told) -> Told:
        place = told.rows.schema.get_field_index("first_name")
        is_person = pc.equal(told.rows["master_customer_id"], self.master_customer_id)
        names = pc.if_else(is_person, "Nobody", told.rows["first_name"])
        return replace(told, rows=told.rows.set_column(place, "first_name", names))


@dataclass(frozen=True)
class UnknownRemoval(Lie):
    """Say of those who left something that is no kind of removal."""

    def tell(self, told: Told) -> Told:
        if told.opening.mode is not Mode.DELTA:
            return told
        place = told.rows.schema.get_field_index("@removed")
        words = pc.if_else(pc.is_valid(told.rows["@removed"]), "abducted", None)
        return replace(told, rows=told.rows.set_column(place, "@removed", words))


@dataclass(frozen=True)
class Backwards(Lie):
    """Send the rows in the opposite order; count and fingerprint are those of the rows."""

    def tell(self, told: Told) -> Told:
        return replace(told, rows=told.rows.take(list(reversed(range(told.rows.num_rows)))))


@dataclass(frozen=True)
class SaysNothingChanged(Lie):
    """Say of changes that there are none; what is said of the whole list is true."""

    def tell(self, told: Told) -> Told:
        nothing = told.rows.slice(0, 0).select([name for name in told.rows.column_names if name != "@removed"])
        return replace(told, opening=replace(told.opening, mode=Mode.UNCHANGED), rows=nothing)


@dataclass(frozen=True)
class SendsInstead(Lie):
    """Send these rows for those of the same customer ids among the changes, or beside them where there are none:
    old data, a member that had not changed. Count and fingerprint are those of the rows."""

    rows: pa.Table

    def tell(self, told: Told) -> Told:
        if told.opening.mode is not Mode.DELTA:
            return told
        ids = self.rows["master_customer_id"]
        others = told.rows.filter(
            pc.invert(pc.is_in(told.rows["master_customer_id"], value_set=ids.combine_chunks()))
        )
        false = pa.Table.from_pylist(self.rows.to_pylist(), schema=told.rows.schema)
        return replace(told, rows=pa.concat_tables([others, false]).sort_by("master_customer_id"))


@dataclass(frozen=True)
class SendsRow(Lie):
    """Send the first row that there is under another customer id, which was not asked for."""

    master_customer_id: str

    def tell(self, told: Told) -> Told:
        row = {**told.rows.to_pylist()[0], "master_customer_id": self.master_customer_id}
        false = pa.Table.from_pylist([row], schema=told.rows.schema)
        return replace(told, rows=pa.concat_tables([told.rows, false]).sort_by("master_customer_id"))


@dataclass(frozen=True)
class SaysLeft(Lie):
    """Say of a member that it left; all that is said of what is sent is in keeping."""

    master_customer_id: str

    def tell(self, told: Told) -> Told:
        if told.opening.mode is not Mode.DELTA:
            return told
        gone = {"master_customer_id": self.master_customer_id, "sub_customer_id": "0", "@removed": "left"}
        rows = [row for row in told.rows.to_pylist() if row["master_customer_id"] != self.master_customer_id]
        rows = sorted([*rows, gone], key=lambda row: row["master_customer_id"].encode())
        return replace(told, rows=pa.Table.from_pylist(rows, schema=told.rows.schema))


@dataclass(frozen=True)
class WrongSums(Lie):
    """Answer sums over ranges that are those of no rows, or (`short`) fewer of them than were asked for."""

    short: bool = False

    def told(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self.short:
            return {**answer, "ranges": answer["ranges"][:-1]}
        return {
            **answer,
            "ranges": [{"members": 1, "fingerprint": "0123456789abcdef" * 2} for _ in answer["ranges"]],
        }
