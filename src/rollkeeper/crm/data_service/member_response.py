"""The answer that streams a list's members, or what changed of them, as Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from rollkeeper.crm.data_service.errors import Refusal, bad_request, not_found
from rollkeeper.crm.data_service.members import (
    ListNotBuilt,
    Members,
    MembersInconsistent,
    NoSuchList,
    ProfilesBusy,
    open_members,
)
from rollkeeper.crm.data_service.members_query import Span
from rollkeeper.sync.connector import MOST_ALSO, Key
from rollkeeper.sync.member_stream import CONTENT_TYPE, Compression, encode

COMPRESSIONS: dict[str, Compression] = {"lz4": "lz4", "zstd": "zstd", "none": None}
OPTIONS = frozenset({"compression", "since", "also", "first", "end", "$format"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for the stream asks: all, a span of customer ids, or the changes since a token."""

    compression: Compression
    since: str | None = None
    also: tuple[Key, ...] = ()
    span: Span | None = None


def asked(options: Mapping[str, str]) -> Asked:
    """Read the options of a request for the stream. Raises a 400 `Refusal`.

    Any text can be a token: one that is none of ours leads to all members.
    """
    compression = options.get("compression", "lz4")
    if compression not in COMPRESSIONS:
        raise bad_request(f"compression is one of {', '.join(COMPRESSIONS)}, not {compression[:40]!r}.")
    span = None
    if "first" in options or "end" in options:
        if "since" in options or "also" in options:
            raise bad_request("Ask for changes (since, also) or for a span of customer ids (first, end), not both.")
        span = Span(*(_one_key(options, name) for name in ("first", "end")))
    return Asked(COMPRESSIONS[compression], options.get("since"), _also(options.get("also", "[]")), span)


def arrow_response(code: str, wanted: Asked, *, head_only: bool = False) -> HttpResponseBase:
    """One Arrow IPC stream of the list's members. Raises `Refusal` while nothing has been sent yet.

    An error after the first byte propagates out of the iteration: the server cuts the connection, and the
    closing batch is missing, so that what was sent never looks complete.
    """
    stream = MemberBytes(code, wanted)
    if head_only:
        stream.close()
        return HttpResponse(content_type=CONTENT_TYPE)
    return StreamingHttpResponse(stream, content_type=CONTENT_TYPE)


class MemberBytes:
    """The bytes of a list's member stream. `close` ends the database's snapshot, read or not.

    Django calls `close` when the response is done or the client is gone; a bare generator that was never
    started would not run its clean-up then.
    """

    def __init__(self, code: str, wanted: Asked) -> None:
        self._stack = ExitStack()
        members = self._open(code, wanted)
        self._bytes = encode(members.opening, members.batches(), members.facts, compression=wanted.compression)

    def _open(self, code: str, wanted: Asked) -> Members:
        opened = open_members(code, since=wanted.since, also=wanted.also, span=wanted.span)
        with refusals():
            return self._stack.enter_context(opened)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._bytes)

    def close(self) -> None:
        self._stack.close()


@contextmanager
def refusals() -> Iterator[None]:
    """Why a list cannot be read, as the service's answers."""
    try:
        yield
    except NoSuchList as error:
        raise not_found(str(error)) from error
    except ListNotBuilt as error:
        raise Refusal(409, "ListNotBuilt", f"{error} Run it first.") from error
    except ProfilesBusy as error:
        raise Refusal(503, "Busy", str(error), {"Retry-After": "5"}) from error
    except MembersInconsistent as error:
        raise Refusal(500, "Inconsistent", f"{error} Run rollkeeper crm verify --repair.") from error


def read_key(value: object) -> Key:
    """A customer id from JSON: `["master", "sub"]`. Raises a 400 `Refusal`."""
    match value:
        case [str(master), str(sub)] if "\0" not in master + sub and _is_text(master + sub):
            return master, sub
    raise bad_request('A customer id is written as JSON: ["master", "sub"].')


def _one_key(options: Mapping[str, str], name: str) -> Key | None:
    return read_key(_json(options[name], name)) if name in options else None


def _also(text: str) -> tuple[Key, ...]:
    found = _json(text, "also")
    if not isinstance(found, list) or len(found) > MOST_ALSO:
        raise bad_request(f'also is a list of at most {MOST_ALSO} customer ids, as JSON: [["master", "sub"], …].')
    return tuple(dict.fromkeys(read_key(entry) for entry in found))


def _json(text: str, name: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"{name} is not JSON.") from error
    return found


def _is_text(value: str) -> bool:
    """Half a surrogate pair can be written in JSON, and is no text."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
