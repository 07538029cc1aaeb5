"""Answers to questions about a list that cannot be right: nothing of them is used (B1)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rollkeeper.connectors.rollkeeper_crm import Connector
from rollkeeper.sync.connector import RangeSum, SourceMisconfigured, SourceNonsense, SourceUnavailable

EMPTY = "0" * 32
GOOD_SUMS = {
    "ranges": [{"members": 1, "fingerprint": "f" * 32}, {"members": 0, "fingerprint": EMPTY}],
    "version": "3",
    "list_members": 1,
    "list_fingerprint": "f" * 32,
}  # fmt: skip
GOOD_VERIFICATION = {
    "list": "TX", "version": "3", "identical": True, "repaired": False,
    "kept": {"members": 2, "fingerprint": EMPTY}, "computed": {"members": 2, "fingerprint": EMPTY},
}  # fmt: skip
NOT_FACTS = [None, [], {}, "x", {"members": 1}, {"members": -1, "fingerprint": EMPTY}, {"members": True, "fingerprint": EMPTY},
             {"members": 1.0, "fingerprint": EMPTY}, {"members": 1, "fingerprint": "F" * 32}, {"members": 1, "fingerprint": "0x" + "0" * 30},
             {"members": 1, "fingerprint": "0"}]  # fmt: skip


class Answering:
    """A CRM that answers one thing to every POST, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, b""
        self.asked: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.path, json.loads(body)))
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(outer.answer)))
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def says(self, document: Any) -> None:
        self.answer = json.dumps(document).encode()


@pytest.fixture
def crm() -> Iterator[Answering]:
    made = Answering()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


class Hasty(Connector):
    retry_pauses = (0.0, 0.0)


def test_a_right_answer_is_used_and_the_question_is_the_protocols(crm: Answering) -> None:
    connector = Hasty(crm.url, "", "token")
    crm.says(GOOD_SUMS)
    sums = connector.range_sums("O'Neil / A", [("é", "0")])
    assert sums.ranges == (RangeSum(1, 2**128 - 1), RangeSum(0, 0))
    assert (sums.version, sums.list_members, sums.list_fingerprint) == ("3", 1, "f" * 32)
    crm.says(GOOD_VERIFICATION)
    found = connector.verify("TX", repair=True)
    assert (found.kept, found.computed, found.repaired) == (RangeSum(2, 0), RangeSum(2, 0), False)
    crm.says({**GOOD_VERIFICATION, "kept": None})
    assert connector.verify("TX").is_consistent
    assert crm.asked[:2] == [
        ("/odata/MarketingLists(%27O%27%27Neil%20%2F%20A%27)/RangeSums", {"bounds": [["é", "0"]]}),
        ("/odata/MarketingLists(%27TX%27)/Verify", {"repair": True}),
    ]


@pytest.mark.parametrize("name", ["ranges", "version", "list_members", "list_fingerprint"])
def test_sums_that_lack_something_are_nonsense(crm: Answering, name: str) -> None:
    crm.says({key: value for key, value in GOOD_SUMS.items() if key != name})
    with pytest.raises(SourceNonsense, match="gave something else"):
        Hasty(crm.url, "", "token").range_sums("TX", [("a", "0")])


@pytest.mark.parametrize("facts", NOT_FACTS)
def test_sums_and_facts_that_are_none_are_nonsense(crm: Answering, facts: Any) -> None:
    connector = Hasty(crm.url, "", "token")
    crm.says({**GOOD_SUMS, "ranges": [GOOD_SUMS["ranges"][0], facts]})  # type: ignore[index]  # a list
    with pytest.raises(SourceNonsense, match="gave something else"):
        connector.range_sums("TX", [("a", "0")])
    for name in ("kept", "computed") if facts is not None else ("computed",):
        crm.says({**GOOD_VERIFICATION, name: facts})
        with pytest.raises(SourceNonsense, match="answered something else"):
            connector.verify("TX")


@pytest.mark.parametrize("document", [None, [], "x", 3, {}])
def test_something_else_is_nonsense(crm: Answering, document: Any) -> None:
    crm.says(document)
    with pytest.raises(SourceNonsense):
        Hasty(crm.url, "", "token").range_sums("TX", [])
    with pytest.raises(SourceNonsense):
        Hasty(crm.url, "", "token").verify("TX")


def test_too_many_or_too_few_sums_are_nonsense(crm: Answering) -> None:
    crm.says(GOOD_SUMS)
    for bounds in ([], [("a", "0"), ("b", "0")]):
        with pytest.raises(SourceNonsense, match="gave 2"):
            Hasty(crm.url, "", "token").range_sums("TX", bounds)


@pytest.mark.parametrize(
    ("status", "error"), [(503, SourceUnavailable), (401, SourceMisconfigured), (405, SourceNonsense)]
)
def test_an_error_is_the_one_that_it_is_for_every_question(
    crm: Answering, status: int, error: type[Exception]
) -> None:
    crm.status = status
    crm.says({"error": {"code": "X", "message": "Because."}})
    with pytest.raises(error):
        Hasty(crm.url, "", "token").range_sums("TX", [])
    with pytest.raises(error):
        Hasty(crm.url, "", "token").verify("TX")
