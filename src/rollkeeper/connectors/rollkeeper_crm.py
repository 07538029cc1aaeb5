"""The connector of the bundled CRM: its OData service for the catalog, its Arrow stream for members.

Protocol: `docs/reference/data-service.md`. Nothing that this CRM says is taken on trust: a pull that does not
add up (order, types, row count, fingerprint, end) raises, and nothing of it is used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from rollkeeper.connectors import list_questions
from rollkeeper.connectors.http import SILENCE_SECONDS, Answered, Http, checked_url
from rollkeeper.connectors.member_pull import MemberPull
from rollkeeper.sync.connector import (
    Catalog,
    CatalogList,
    ConnectorError,
    Key,
    ListMissing,
    ListNotBuilt,
    PersonAtSource,
    RangeSums,
    SourceMisconfigured,
    SourceNonsense,
    SourceUnavailable,
    SourceVerification,
)
from rollkeeper.sync.member import RESERVED_NAMES, Field
from rollkeeper.sync.member_stream import CONTENT_TYPE, FIELD_TYPES

SERVICE = "odata/"
MOST_PAGES = 10_000
PATIENCE = 10  # times the usual silence, for an answer that is computed from all rows of a list

T = TypeVar("T")


class Connector:
    """The bundled CRM. `url` is the CRM site's address, or that of its data service; `secret` is a token."""

    silence_seconds: float = SILENCE_SECONDS  # the longest pause between two bytes
    retry_pauses: tuple[float, ...] = (0.5, 2.0)  # seconds before the second and third try of a small request

    def __init__(self, url: str, account: str, secret: str) -> None:
        base = checked_url(url)
        service = base + SERVICE if urlsplit(base).path == "/" else base
        self._http = Http(service, account, secret, self.silence_seconds)
        # Before it says anything the CRM reads all rows of the list.
        self._patient = Http(service, account, secret, self.silence_seconds * PATIENCE)

    def test(self) -> str:
        """Read a little of the catalog with this address and token."""
        lists = self._try_again(lambda: self._count("MarketingLists"))
        fields = self._try_again(lambda: self._count("PersonalizationFields"))
        return f"{self._http.name} answers: {lists} marketing lists, {fields} personalization fields."

    def catalog(self) -> Catalog:
        """All lists, built or not, and the personalization fields in the view's order (S16)."""
        lists = self._rows("MarketingLists", "Code,Name,Frequency,MemberCount,LastRegenerated", "Code")
        fields = self._rows("PersonalizationFields", "Name,Label,Type,Position", "Position,Name")
        return Catalog(
            lists=_without_doubles([_catalog_list(row) for row in lists], lambda found: found.code, "list"),
            fields=_without_doubles([_field(row) for row in fields], lambda found: found.name, "field"),
        )

    @contextmanager
    def members(self, code: str) -> Iterator[MemberPull]:
        """One pull of a list. Not retried here: the caller spools it, and starts anew or not at all."""
        with self._pull(code, {}) as pull:
            yield pull

    @contextmanager
    def changes(self, code: str, token: str, also: Sequence[Key] = ()) -> Iterator[MemberPull]:
        """What changed in a list since a token, with the present rows of `also` (B2, B7). One request."""
        with self._pull(code, {"since": token} | ({"also": json.dumps(also)} if also else {})) as pull:
            yield pull

    @contextmanager
    def members_between(self, code: str, first: Key | None, end: Key | None) -> Iterator[MemberPull]:
        """One pull of the members with customer ids from `first` until before `end` (B1)."""
        bounds = {"first": first, "end": end}
        with self._pull(code, {name: json.dumps(key) for name, key in bounds.items() if key is not None}) as pull:
            yield pull

    @contextmanager
    def _pull(self, code: str, options: dict[str, str]) -> Iterator[MemberPull]:
        try:
            with self._http.open(f"{_list_path(code)}/Members", CONTENT_TYPE, options) as body:
                yield MemberPull(body, code, self._http.name)
        except Answered as answer:
            raise self._members_error(answer, code) from answer

    def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
        """Sums over ranges of the list's customer ids, computed from its rows (B1)."""
        try:
            return self._try_again(lambda: list_questions.range_sums(self._patient, _list_path(code), bounds))
        except Answered as answer:
            raise self._members_error(answer, code) from answer

    def verify(self, code: str, *, repair: bool = False) -> SourceVerification:
        """Have the CRM compare what it keeps of a list with what the list's rows add up to (B1)."""
        try:
            return self._try_again(lambda: list_questions.verify(self._patient, _list_path(code), repair=repair))
        except Answered as answer:
            raise self._members_error(answer, code) from answer

    def person(self, code: str, master_customer_id: str, sub_customer_id: str) -> PersonAtSource:
        """Of one person: in the list as last regenerated, and the record as it is now (B5)."""
        marketing_list = _list_path(code)
        key = f"MasterCustomerId eq {_quoted(master_customer_id)} and SubCustomerId eq {_quoted(sub_customer_id)}"
        try:
            as_of = self._http.json(marketing_list, {"$select": "LastRegenerated"})
            member = self._http.json(f"{marketing_list}/Members", {"$select": "MasterCustomerId", "$filter": key})
            found = self._http.json(
                "Constituents", {"$select": "Status,PrimaryEmail,EffectiveAllowEmail,DeniedBy", "$filter": key}
            )
        except Answered as answer:
            raise self._members_error(answer, code) from answer
        try:
            return _person(code, as_of, member["value"], found["value"])
        except (KeyError, TypeError) as error:
            raise SourceNonsense(f"{self._http.name} answered about one person with something else.") from error

    def _members_error(self, answer: Answered, code: str) -> ConnectorError:
        if answer.status == 404 and answer.code == "NotFound":
            return ListMissing(f"The CRM has no list {code} any more.")
        if answer.status == 409 and answer.code == "ListNotBuilt":
            return ListNotBuilt(f"MKT510 has not built list {code}; run it in the CRM first.")
        return self._error(answer)

    def _error(self, answer: Answered) -> ConnectorError:
        if answer.status == 404:
            return SourceMisconfigured(
                f"{self._http.name} has no data service at {self._http.base}. Correct the address in the bridge."
            )
        return SourceNonsense(
            f"{self._http.name} answered {answer.status} to a plain question. {answer.message}".strip()
        )

    def _count(self, entity_set: str) -> int:
        page = self._json(entity_set, {"$top": "0", "$count": "true"})
        count = page.get("@odata.count")
        if not isinstance(count, int) or isinstance(count, bool):
            raise SourceNonsense(f"{self._http.name} does not say how many {entity_set} there are.")
        return count

    def _rows(self, entity_set: str, select: str, order: str) -> list[dict[str, Any]]:
        """All rows of an entity set, page by page. Of a next link only its query is followed: never its host."""
        rows: list[dict[str, Any]] = []
        query = {"$select": select, "$orderby": order}
        for _ in range(MOST_PAGES):
            asked = dict(query)
            page = self._try_again(partial(self._json, entity_set, asked))
            value, following = page.get("value"), page.get("@odata.nextLink")
            if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
                raise SourceNonsense(f"{self._http.name} answered {entity_set} without rows.")
            rows += value
            if following is None:
                return rows
            query = dict(parse_qsl(urlsplit(str(following)).query))
            if not query or query == asked:
                break
        raise SourceNonsense(f"{self._http.name} answers {entity_set} in pages that have no end.")

    def _json(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        try:
            found = self._http.json(path, query)
        except Answered as answer:
            raise self._error(answer) from answer
        if not isinstance(found, dict):
            raise SourceNonsense(f"{self._http.name} answered {path} with something that is not OData.")
        return found

    def _try_again(self, ask: Callable[[], T]) -> T:
        """Ask; while the CRM is unavailable, pause and ask again, twice."""
        for pause in self.retry_pauses:
            try:
                return ask()
            except SourceUnavailable:
                time.sleep(pause)
        return ask()


def _list_path(code: str) -> str:
    return f"MarketingLists({quote(_quoted(code), safe='')})"


def _quoted(text: str) -> str:
    """A string as it stands in the path and in a filter: in quotes, those inside doubled."""
    return "'" + text.replace("'", "''") + "'"


def _person(code: str, listed: Any, members: list[Any], constituents: list[Any]) -> PersonAtSource:
    as_of = _instant(code, listed["LastRegenerated"])
    if not constituents:
        return PersonAtSource(in_list=bool(members), as_of=as_of)
    record = constituents[0]
    return PersonAtSource(
        in_list=bool(members),
        as_of=as_of,
        record_status=record["Status"],
        email=record["PrimaryEmail"],
        allow_email=record["EffectiveAllowEmail"],
        denied_by=record["DeniedBy"],
    )


def _catalog_list(row: dict[str, Any]) -> CatalogList:
    code, name, frequency, members = (row.get(key) for key in ("Code", "Name", "Frequency", "MemberCount"))
    if not (isinstance(code, str) and code and isinstance(name, str) and isinstance(frequency, str)):
        raise SourceNonsense("The CRM's catalog has a list without code, name or frequency.")
    if not isinstance(members, int) or isinstance(members, bool) or members < 0:
        raise SourceNonsense(f"The CRM's catalog gives list {code} {members!r} members.")
    return CatalogList(code, name, frequency, members, _instant(code, row.get("LastRegenerated")))


def _instant(code: str, text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise SourceNonsense(f"The CRM's catalog says that list {code} was regenerated at {text!r}.") from error
    if instant.tzinfo is None:
        raise SourceNonsense(f"The CRM's catalog gives no time zone for when list {code} was regenerated.")
    return instant


def _field(row: dict[str, Any]) -> Field:
    name, label, type_ = (row.get(key) for key in ("Name", "Label", "Type"))
    if not (isinstance(name, str) and name and isinstance(label, str) and isinstance(type_, str)):
        raise SourceNonsense("The CRM's catalog has a personalization field without name, label or type.")
    if type_ not in FIELD_TYPES:
        raise SourceNonsense(f"The CRM's field {name!r} has the unknown type {type_!r}.")
    if name in RESERVED_NAMES:
        raise SourceNonsense(f"The CRM's field {name!r} has the name of a column that every member has.")
    return Field(name, label, type_)


def _without_doubles(found: list[T], key: Callable[[T], str], what: str) -> tuple[T, ...]:
    names = [key(entry) for entry in found]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise SourceNonsense(f"The CRM's catalog has the {what} {double!r} twice.")
    return tuple(found)
