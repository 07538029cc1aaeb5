"""A CRM that lies: it speaks the bundled CRM's protocol over real HTTP on loopback, and errs on request.

    fields = (Field("city", "City", "text"),)
    with LyingCrm(fields, lists={"TX": members(fields, [{"master_customer_id": "1", "email": "a@b.example"}])}) as crm:
        connector = Connector(url=crm.url, account="", secret=crm.token)
        ...
        crm.lie = Cut(after=1000)          # from now on; `crm.lie = None` ends it
        crm.put("TX", members(...))        # MKT600: a new version, as of a minute later

Rows come from memory, their hashes from `sync.member.row_hashes`. `crm.requests` holds what was asked. It tells
changes by keeping every state that it gave a token for, whole; a lie `on="since="` is told of changes alone,
one `on="first="` of ranges.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

from rollkeeper.sync.connector import Closing, Mode
from rollkeeper.sync.member import (
    REMOVED_COLUMN,
    Field,
    delta_schema,
    fingerprint_text,
    hash_sum,
    member_schema,
    row_hashes,
)
from rollkeeper.sync.member_stream import CONTENT_TYPE, Opening, closing_metadata, stream_schema

from .lies import Cut, Document, HangUp, Html, Lie, Redirect, Stall, Status, Told, WrongSums

FIRST_BUILT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CHUNK = 16 * 2**10
_MEMBERS = re.compile(r"/odata/MarketingLists\('((?:[^']|'')*)'\)/Members")
_RANGE_SUMS = re.compile(r"/odata/MarketingLists\('((?:[^']|'')*)'\)/RangeSums")


def members(fields: Iterable[Field], rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Members as the CRM would send them: sorted by key, with hashes. Left out: sub id `0`, allowed, null."""
    fields = tuple(fields)
    plain = pa.schema(list(member_schema(fields))[:-2])
    defaults = {"sub_customer_id": "0", "allow_email": True}
    full = sorted(
        (dict.fromkeys(plain.names) | defaults | dict(row) for row in rows),
        key=lambda row: (row["master_customer_id"].encode(), row["sub_customer_id"].encode()),
    )
    batch = pa.RecordBatch.from_pylist(full, schema=plain)
    high, low = row_hashes(batch, fields)
    return pa.Table.from_arrays([*batch.columns, high, low], schema=member_schema(fields))


@dataclass(frozen=True)
class FakeList:
    """A list of the fake. `rows` None: MKT510 has not built it."""

    rows: pa.Table | None
    name: str = "A list"
    frequency: str = "DAILY"
    version: int = 1
    as_of: datetime = FIRST_BUILT


class LyingCrm:
    """The fake. Everything on it may be changed while it runs; the next request sees it."""

    def __init__(
        self, fields: Iterable[Field] = (), lists: Mapping[str, pa.Table | FakeList | None] | None = None
    ) -> None:
        self.fields = tuple(fields)
        self.lists = {
            code: found if isinstance(found, FakeList) else FakeList(found) for code, found in (lists or {}).items()
        }
        self.token = "rkt_a-token-of-the-fake"
        self.lie: Lie | None = None
        self.batch_rows = 50_000
        self.page_rows = 1_000
        self.requests: list[str] = []
        self.states: dict[str, tuple[str, pa.Table]] = {}  # by token: of which list, and its rows
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.crm = self  # type: ignore[attr-defined]  # how the handler finds it
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> LyingCrm:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """From here on connections are refused."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def put(self, code: str, rows: pa.Table) -> None:
        """The list's next version, as of a minute after the one before."""
        before = self.lists.get(code, FakeList(None, version=0))
        self.lists[code] = replace(
            before, rows=rows, version=before.version + 1, as_of=before.as_of + timedelta(minutes=1)
        )

    def stream(self, code: str, query: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """The bytes of a list's stream, with the present lie in what it says."""
        query = query or {}
        found = self.lists[code]
        assert found.rows is not None
        lie = self.lie if self.lie is not None and _is_about(self.lie.on, query) else Lie()
        mode, rows = self._asked_for(code, found.rows, query)
        opening = Opening(code, str(found.version), found.as_of, self.fields, mode)
        told = Told(opening, rows, None, self.batch_rows)
        whole = found.rows if mode is not Mode.FULL or "first" in query or "end" in query else None
        token = f"token-{len(self.states)}"
        self.states[token] = (code, found.rows)
        rows = lie.tell(replace(told, closing=_true_closing(told, whole, token))).rows
        closing = _true_closing(replace(told, rows=rows), whole, token)
        yield from _encode(lie.tell(replace(told, closing=closing)))

    def _asked_for(self, code: str, rows: pa.Table, query: Mapping[str, str]) -> tuple[Mode, pa.Table]:
        """What is sent, naively: rows as Python objects, compared one by one."""
        if "first" in query or "end" in query:
            low, high = (_bytes(json.loads(query[name])) if name in query else None for name in ("first", "end"))
            keys = [_bytes(key) for key in _keys(rows)]
            inside = [(low is None or low <= key) and (high is None or key < high) for key in keys]
            return Mode.FULL, rows.filter(pa.array(inside, pa.bool_()))
        known, before = self.states.get(query.get("since", ""), ("", None))
        if known != code or before is None or before.schema != rows.schema:
            return Mode.FULL, rows
        then = dict(zip(_keys(before), before.to_pylist(), strict=True))
        now = dict(zip(_keys(rows), rows.to_pylist(), strict=True))
        also = [(master, sub) for master, sub in json.loads(query.get("also", "[]"))]
        changed = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)} | set(also)
        if not changed:
            return Mode.UNCHANGED, rows.slice(0, 0)
        sent = [
            now.get(key) or {"master_customer_id": key[0], "sub_customer_id": key[1], REMOVED_COLUMN: "left"}
            for key in sorted(changed, key=_bytes)
        ]
        return Mode.DELTA, pa.Table.from_pylist(sent, schema=delta_schema(self.fields))

    def range_sums(self, code: str, bounds: list[list[str]]) -> dict[str, Any]:
        """The answer to RangeSums, computed naively."""
        rows = self.lists[code].rows
        assert rows is not None
        borders = [(b"", b""), *map(_bytes, bounds)]
        ranges = []
        for number, low in enumerate(borders):
            high = borders[number + 1] if number + 1 < len(borders) else None
            inside = [low <= key and (high is None or key < high) for key in map(_bytes, _keys(rows))]
            part = rows.filter(pa.array(inside, pa.bool_()))
            ranges.append({"members": part.num_rows, "fingerprint": _fingerprint(part)})
        kept = {"list_members": rows.num_rows, "list_fingerprint": _fingerprint(rows)}
        return {"ranges": ranges, "version": str(self.lists[code].version), **kept}


def _is_about(on: str, query: Mapping[str, str]) -> bool:
    """Whether a lie that is told `on` something is told of this: `since=` of changes, `first=` of a range."""
    return on == "" or (on.removesuffix("=") in query if on.endswith("=") else on == "Members")


def _keys(rows: pa.Table) -> list[tuple[str, str]]:
    columns = (rows[name].to_pylist() for name in ("master_customer_id", "sub_customer_id"))
    return list(zip(*columns, strict=True))


def _bytes(key: Sequence[str]) -> tuple[bytes, bytes]:
    return key[0].encode(), key[1].encode()


def _fingerprint(rows: pa.Table) -> str:
    """The sum of the members' hashes; nothing where a lie took them away."""
    if not {"hash_hi", "hash_lo"} <= set(rows.column_names):
        return fingerprint_text(0)
    halves = (rows[name].combine_chunks().cast(pa.int64()).drop_null() for name in ("hash_hi", "hash_lo"))
    return fingerprint_text(hash_sum(*(half.to_numpy() for half in halves)))


def _true_closing(told: Told, whole: pa.Table | None, token: str) -> Closing:
    """`whole`: the list, where what is told is not all of it."""
    facts = told.rows if whole is None else whole
    return Closing(
        rows=told.rows.num_rows,
        fingerprint=_fingerprint(told.rows),
        as_of=told.opening.as_of,
        version=told.opening.version,
        list_members=facts.num_rows,
        list_fingerprint=_fingerprint(facts),
        token=token,
    )


def _encode(told: Told) -> Iterator[bytes]:
    """As `sync.member_stream.encode`, but it also writes what that one never would."""
    schema = told.rows.schema.with_metadata(stream_schema(told.opening).metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=None)) as writer:
        for batch in told.rows.combine_chunks().to_batches(max_chunksize=max(told.batch_rows, 1)):
            writer.write_batch(batch.cast(schema) if batch.schema != schema else batch)
        if told.closing is not None:
            empty = pa.RecordBatch.from_pylist([], schema=schema)
            writer.write_batch(empty, custom_metadata=closing_metadata(told.closing))
    data = sink.getvalue()
    for start in range(0, data.size, CHUNK):
        yield data.slice(start, min(CHUNK, data.size - start)).to_pybytes()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def crm(self) -> LyingCrm:
        return self.server.crm  # type: ignore[attr-defined]

    def log_message(self, *args: object) -> None:
        """Nothing: the fake keeps `requests`."""

    def do_GET(self) -> None:
        self.crm.requests.append(self.path)
        lie = self.crm.lie if self.crm.lie is not None and self.crm.lie.on in self.path else Lie()
        match lie:
            case HangUp():
                self.close_connection = True
            case Status(status=status, code=code, message=message):
                self._error(status, code, message)
            case Html():
                self._whole(200, b"<!doctype html><title>Please sign in</title>", "text/html; charset=utf-8")
            case Redirect(to=to):
                self._whole(302, b"", "text/plain", {"Location": to})
            case Document(body=body, content_type=content_type):
                self._whole(200, body, content_type)
            case _:
                self._honest(lie)

    def do_POST(self) -> None:
        self.crm.requests.append(self.path)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match = _RANGE_SUMS.fullmatch(unquote(urlsplit(self.path).path))
        if match is None or not self._allowed():
            self._error(404, "NotFound", "There is no such question.")
            return
        answer = self.crm.range_sums(match[1].replace("''", "'"), asked["bounds"])
        match self.crm.lie if self.crm.lie is not None and self.crm.lie.on in self.path else Lie():
            case HangUp(on="RangeSums"):
                self.close_connection = True
            case Status(status=status, code=code, message=message, on="RangeSums"):
                self._error(status, code, message)
            case WrongSums() as lie:
                self._whole(200, json.dumps(lie.told(answer)).encode(), "application/json")
            case _:
                self._whole(200, json.dumps(answer).encode(), "application/json")

    def _honest(self, lie: Lie) -> None:
        if not self._allowed():
            self._error(401, "Unauthorized", "A token is needed.")
            return
        path, query = unquote(urlsplit(self.path).path), parse_qs(urlsplit(self.path).query)
        if match := _MEMBERS.fullmatch(path):
            self._members(match[1].replace("''", "'"), lie)
        elif path == "/odata/MarketingLists":
            self._page([_list_row(code, found) for code, found in sorted(self.crm.lists.items())], query, lie)
        elif path == "/odata/PersonalizationFields":
            rows = [
                {"Name": field.name, "Label": field.label, "Type": field.type, "Position": place}
                for place, field in enumerate(self.crm.fields, start=1)
            ]
            self._page(rows, query, lie)
        else:
            self._whole(404, b"<h1>Not Found</h1>", "text/html")

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        scheme, _, value = given.partition(" ")
        if scheme == "Basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        return value == self.crm.token

    def _members(self, code: str, lie: Lie) -> None:
        found = self.crm.lists.get(code)
        if found is None:
            self._error(404, "NotFound", f"There is no list {code}.")
        elif found.rows is None:
            self._error(409, "ListNotBuilt", f"MKT510 has not built list {code}.")
        else:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            self._chunked(self.crm.stream(code, query), CONTENT_TYPE, lie)

    def _page(self, rows: list[dict[str, Any]], query: dict[str, list[str]], lie: Lie) -> None:
        start = int(query.get("$skiptoken", ["0"])[0])
        size = min(int(query.get("$top", ["1000000"])[0]), self.crm.page_rows)
        page: dict[str, Any] = {"value": rows[start : start + size]}
        if "$count" in query:
            page["@odata.count"] = len(rows)
        if "$top" not in query and start + size < len(rows):
            page["@odata.nextLink"] = f"http://not-followed.invalid/x?$skiptoken={start + size}"
        self._chunked(iter([json.dumps(page).encode()]), "application/json", lie)

    def _chunked(self, pieces: Iterator[bytes], content_type: str, lie: Lie) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = lie.after if isinstance(lie, Cut | Stall) else None
        for piece in pieces:
            if left is not None and len(piece) > left:
                self._chunk(piece[:left])
                if isinstance(lie, Stall):
                    self.crm.closing.wait(lie.seconds)
                self.close_connection = True
                if isinstance(lie, Cut) and lie.cleanly:
                    self._write(b"0\r\n\r\n")
                return
            self._chunk(piece)
            left = None if left is None else left - len(piece)
        self._write(b"0\r\n\r\n")

    def _chunk(self, piece: bytes) -> None:
        if piece:
            self._write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _write(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client had enough

    def _error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        self._whole(status, body, "application/json")

    def _whole(self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (
            {"Content-Type": content_type, "Content-Length": str(len(body))} | dict(headers or {})
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self._write(body)


def _list_row(code: str, found: FakeList) -> dict[str, Any]:
    built = found.rows is not None
    return {
        "Code": code,
        "Name": found.name,
        "Frequency": found.frequency,
        "MemberCount": found.rows.num_rows if found.rows is not None else 0,
        "LastRegenerated": found.as_of.isoformat() if built else None,
    }
