"""The answer that streams a list's members as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from rollkeeper.crm.data_service.errors import Refusal, not_found
from rollkeeper.crm.data_service.members import ListNotBuilt, Members, NoSuchList, ProfilesBusy, open_members
from rollkeeper.sync.member_stream import CONTENT_TYPE, Compression, encode

COMPRESSIONS: dict[str, Compression] = {"lz4": "lz4", "zstd": "zstd", "none": None}


def arrow_response(code: str, compression: str, *, head_only: bool = False) -> HttpResponseBase:
    """One Arrow IPC stream of the list's members. Raises `Refusal` while nothing has been sent yet.

    An error after the first byte propagates out of the iteration: the server cuts the connection, and the
    closing batch is missing, so that what was sent never looks complete.
    """
    if compression not in COMPRESSIONS:
        raise Refusal(
            400, "BadRequest", f"compression is one of {', '.join(COMPRESSIONS)}, not {compression[:40]!r}."
        )
    stream = MemberBytes(code, COMPRESSIONS[compression])
    if head_only:
        stream.close()
        return HttpResponse(content_type=CONTENT_TYPE)
    return StreamingHttpResponse(stream, content_type=CONTENT_TYPE)


class MemberBytes:
    """The bytes of a list's member stream. `close` ends the database's snapshot, read or not.

    Django calls `close` when the response is done or the client is gone; a bare generator that was never
    started would not run its clean-up then.
    """

    def __init__(self, code: str, compression: Compression) -> None:
        self._stack = ExitStack()
        members = self._open(code)
        self._bytes = encode(members.opening, members.batches(), compression=compression)

    def _open(self, code: str) -> Members:
        try:
            return self._stack.enter_context(open_members(code))
        except NoSuchList as error:
            raise not_found(str(error)) from error
        except ListNotBuilt as error:
            raise Refusal(409, "ListNotBuilt", f"{error} Run it first.") from error
        except ProfilesBusy as error:
            raise Refusal(503, "Busy", str(error), {"Retry-After": "5"}) from error

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._bytes)

    def close(self) -> None:
        self._stack.close()
