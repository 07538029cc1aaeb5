"""What a CRM connector promises, and how it fails.

A connector is a class named `Connector` in `rollkeeper/connectors/<key>.py`; the file's name is its key.
One conformance suite (`tests/conformance/`) runs over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

import pyarrow as pa

from rollkeeper.sync.member import Field


class ConnectorError(Exception):
    """The CRM could not be read. The message is one plain sentence for the person who looks at the run."""


class SourceUnavailable(ConnectorError):
    """The CRM did not answer (down, slow, 5xx, cut connection): retrying later may help."""


class SourceMisconfigured(ConnectorError):
    """The CRM refused us (address, token, permission): a person must correct the bridge's configuration."""


class SourceNonsense(ConnectorError):
    """The CRM answered something that cannot be right (HTML, a wrong count, a bad column): nothing is applied."""


class ListMissing(ConnectorError):
    """The CRM has no such list (any more) (S29)."""


class ListNotBuilt(ConnectorError):
    """The CRM has the list, but MKT510 has not built it: it has no members yet (S10, S11)."""


@dataclass(frozen=True, slots=True)
class CatalogList:
    """A marketing list as the CRM's catalog gives it. `regenerated_at` None: MKT510 has not built it."""

    code: str
    name: str
    frequency: str
    members: int
    regenerated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a catalog sync reads: the lists and the personalization fields, in the view's order (S16)."""

    lists: tuple[CatalogList, ...]
    fields: tuple[Field, ...]


class Mode(StrEnum):
    """How much of a list travels (B2)."""

    FULL = "full"
    DELTA = "delta"
    UNCHANGED = "unchanged"


Key = tuple[str, str]  # a customer id: master, sub
MOST_ALSO = 50  # as many rows can be asked for beside the changes


@dataclass(frozen=True, slots=True)
class Closing:
    """What the CRM says of a whole pull once its last row is out.

    `rows` and `fingerprint` are the CRM's own count of the rows that it sent and the fingerprint of the members
    among them; `fingerprint` is None where the CRM cannot compute one (the connector's caller then computes it
    from the rows). `list_members` and `list_fingerprint` are those of the whole list, as the CRM keeps them,
    whatever part of it travelled. `token` names this state of the list: with it the next pull asks for what
    changed since (B2); None where the CRM cannot tell.
    """

    rows: int
    fingerprint: str | None
    as_of: datetime | None
    version: str
    list_members: int | None = None
    list_fingerprint: str | None = None
    token: str | None = None


class Pull(Protocol):
    """One pull of a list's members: all of them, or what changed."""

    fields: tuple[Field, ...]
    mode: Mode

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows strictly ascending by (master, sub) in UTF-8 byte order.

        In `member_schema(fields)` where all members travel, in `delta_schema(fields)` where the changes do; none
        where nothing changed. Raises a `ConnectorError`; a stream that ends early is an error, never a short list.
        """
        ...

    def closing(self) -> Closing:
        """Only after `batches` is exhausted."""
        ...


@runtime_checkable
class MarksRejected(Protocol):
    """What a pull may promise beside the rest: its batches have one more column, the last, `@rejected` (text).

    Null: the row is good. Else the CRM cannot give the row (a value that does not convert, a record that it locks),
    and these are its words: the row is set aside with them, and but for the customer id it may be null (B7).
    """

    marks_rejected: bool


class Connector(Protocol):
    """A CRM, as the bridge sees it. Timeouts are inside; every method may raise a `ConnectorError`."""

    def __init__(self, url: str, account: str, secret: str) -> None: ...

    def test(self) -> str:
        """Try the connection and the credentials; one sentence about what was found."""
        ...

    def catalog(self) -> Catalog: ...

    def members(self, code: str) -> AbstractContextManager[Pull]: ...


@runtime_checkable
class TellsChanges(Protocol):
    """What a connector may promise beside the rest: to send only what changed (B2)."""

    def changes(self, code: str, token: str, also: Sequence[Key] = ()) -> AbstractContextManager[Pull]:
        """What changed in the list since the state that `token` names, with the present rows of `also` (at most
        `MOST_ALSO` customer ids) among it, changed or not; one that is not in the list comes as removed.

        The pull's mode says what came: `DELTA`, `UNCHANGED`, or `FULL` where the CRM does not know the token
        (any more). No change is missed, whatever transactions were open when the token was given out; one may
        come again.
        """
        ...


@dataclass(frozen=True, slots=True)
class RangeSum:
    """How many members have a customer id in a range, and the sum of their row hashes modulo 2^128."""

    members: int
    fingerprint: int


@dataclass(frozen=True, slots=True)
class RangeSums:
    """Sums over ranges of a list, computed from its rows, and the list's kept facts in the same snapshot."""

    ranges: tuple[RangeSum, ...]
    version: str
    list_members: int
    list_fingerprint: str


@runtime_checkable
class TellsRanges(Protocol):
    """What a connector may promise beside the rest: sums over ranges of customer ids, so that a difference is
    narrowed to its rows without sending the list (B1). Ranges are in UTF-8 byte order of (master, sub).
    """

    def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
        """For n ascending bounds the n + 1 ranges between them; each bound begins the range after it."""
        ...

    def members_between(self, code: str, first: Key | None, end: Key | None) -> AbstractContextManager[Pull]:
        """The members from `first` (None: from the beginning) until before `end` (None: to the end), as `FULL`."""
        ...


@dataclass(frozen=True, slots=True)
class SourceVerification:
    """What a CRM keeps of a list (None: nothing yet), and what it computes from its rows, at one instant.

    `repaired`: it has kept what it computed since.
    """

    kept: RangeSum | None
    computed: RangeSum
    repaired: bool

    @property
    def is_consistent(self) -> bool:
        return self.kept in (None, self.computed)


@runtime_checkable
class VerifiesItself(Protocol):
    """What a connector may promise beside the rest: that the CRM looks whether it contradicts itself (B1)."""

    def verify(self, code: str, *, repair: bool = False) -> SourceVerification:
        """Have the CRM compute from all rows of a list what it keeps of it; with `repair`, keep that."""
        ...


@dataclass(frozen=True, slots=True)
class PersonAtSource:
    """What the CRM says now of one person with regard to one list (B5).

    `as_of`: when the list was last regenerated. Where it does not know the person, all but `in_list` is None.
    """

    in_list: bool
    as_of: datetime | None
    record_status: str | None = None
    email: str | None = None
    allow_email: bool | None = None
    denied_by: str | None = None

    @property
    def is_known(self) -> bool:
        return self.record_status is not None


@runtime_checkable
class AnswersForOnePerson(Protocol):
    """What a connector may promise beside the rest: to say of one person what a pull says of all."""

    def person(self, code: str, master_customer_id: str, sub_customer_id: str) -> PersonAtSource: ...


def connector(key: str, url: str, account: str, secret: str) -> Connector:
    """The connector of that key, ready to use. Raises `SourceMisconfigured` for a key that is none."""
    if not key.isidentifier():
        raise SourceMisconfigured(f"{key!r} is not a connector.")
    try:
        module = import_module(f"rollkeeper.connectors.{key}")
    except ModuleNotFoundError as error:
        raise SourceMisconfigured(f"There is no connector {key!r}. See docs/reference/connectors.md.") from error
    if not hasattr(module, "Connector"):
        raise SourceMisconfigured(f"There is no connector {key!r}. See docs/reference/connectors.md.")
    return cast("Connector", module.Connector(url=url, account=account, secret=secret))
