"""What a CRM connector promises, and how it fails.

A connector is a class named `Connector` in `rollkeeper/connectors/<key>.py`; the file's name is its key.
One conformance suite (`tests/conformance/`) runs over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Closing:
    """What the CRM says of a whole pull once its last row is out.

    `rows` and `fingerprint` are the CRM's own count and fingerprint of what it sent; `fingerprint` is None
    where the CRM cannot compute one (the connector's caller then computes it from the rows).
    """

    rows: int
    fingerprint: str | None
    as_of: datetime | None
    version: str


class Pull(Protocol):
    """One pull of a list's members."""

    fields: tuple[Field, ...]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Members in `member_schema(fields)`, strictly ascending by (master, sub) in UTF-8 byte order.

        Raises a `ConnectorError`; a stream that ends early is an error, never a short list.
        """
        ...

    def closing(self) -> Closing:
        """Only after `batches` is exhausted."""
        ...


class Connector(Protocol):
    """A CRM, as the bridge sees it. Timeouts are inside; every method may raise a `ConnectorError`."""

    def __init__(self, url: str, account: str, secret: str) -> None: ...

    def test(self) -> str:
        """Try the connection and the credentials; one sentence about what was found."""
        ...

    def catalog(self) -> Catalog: ...

    def members(self, code: str) -> AbstractContextManager[Pull]: ...


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
