"""A CRM that lies to the bundled CRM's connector: each lie becomes the right error, and nothing passes for a list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pyarrow as pa
import pytest

from rollkeeper.connectors.rollkeeper_crm import Connector
from rollkeeper.sync.connector import (
    ConnectorError,
    SourceMisconfigured,
    SourceNonsense,
    SourceUnavailable,
    connector,
)
from rollkeeper.sync.member import Field

from ..fakes.lies import (
    AnotherVersionAtTheEnd,
    ColumnMissing,
    ColumnNew,
    Cut,
    Document,
    Doubled,
    HangUp,
    Html,
    HugeBatch,
    Lie,
    NoClosing,
    NothingThere,
    OutOfOrder,
    Redirect,
    Stall,
    Status,
    TypeChanged,
    WrongCount,
    WrongFingerprint,
)
from ..fakes.lying_crm import LyingCrm, members
from .suite import pull

FIELDS = (Field("city", "City", "text"),)
NUMBER = 100


class Impatient(Connector):
    """Waits a moment where the real one waits a minute."""

    silence_seconds = 0.3
    retry_pauses = (0.0, 0.0)


@pytest.fixture
def crm() -> Iterator[LyingCrm]:
    rows = members(FIELDS, [{"master_customer_id": f"{number:04}", "city": "Łódź"} for number in range(NUMBER)])
    with LyingCrm(FIELDS, {"TX": rows}) as running:
        running.batch_rows = 10
        yield running


@pytest.fixture
def reader(crm: LyingCrm) -> Connector:
    return Impatient(crm.url, "bridge", crm.token)


def lied_to(reader: Connector, crm: LyingCrm, lie: Lie) -> ConnectorError:
    """The error that a pull of TX ends with under a lie."""
    crm.lie = lie
    with pytest.raises(ConnectorError) as caught:
        pull(reader, "TX")
    return caught.value


def whole_length(crm: LyingCrm) -> int:
    return sum(len(piece) for piece in crm.stream("TX"))


@pytest.mark.parametrize(
    ("lie", "kind", "sentence"),
    [
        (HangUp(), SourceUnavailable, "broke off"),
        (Stall(), SourceUnavailable, "fell silent for 0.3 seconds"),
        (Stall(after=5_000), SourceUnavailable, "fell silent"),
        (Status(500), SourceUnavailable, "answered 500 .Something went wrong.. Try again later"),
        (Status(503), SourceUnavailable, "503"),
        (Status(429), SourceUnavailable, "429"),
        (Status(401), SourceMisconfigured, "refused the token"),
        (Status(403), SourceMisconfigured, "refused the token"),
        (Status(404), SourceMisconfigured, "no data service at"),
        (Status(418, message="Short and stout."), SourceNonsense, "answered 418.*Short and stout"),
        (Html(), SourceNonsense, "answered text/html where"),
        (Redirect(), SourceMisconfigured, "redirects to http://elsewhere.invalid/odata/"),
        (Document(b"{}"), SourceNonsense, "application/json where"),
        (Document(b"", "application/vnd.apache.arrow.stream"), SourceUnavailable, "broke off"),
        (Document(b"nonsense" * 99, "application/vnd.apache.arrow.stream"), ConnectorError, "CRM"),
        (Cut(after=6_000), SourceUnavailable, "broke off"),
        (Cut(after=6_000, cleanly=True), SourceUnavailable, "broke off in the middle"),
        (NoClosing(), SourceNonsense, "without saying how many rows"),
        (WrongCount(), SourceNonsense, "says that it sent 101 rows, but 100 came"),
        (WrongCount(by=-1), SourceNonsense, "99 rows"),
        (WrongFingerprint(), SourceNonsense, "fingerprint 0123456789abcdef0123456789abcdef"),
        (AnotherVersionAtTheEnd(), SourceNonsense, "another"),
        (OutOfOrder(row=4), SourceNonsense, r"not ordered by customer id: \('0004', '0'\) came after \('0005', '0'\)"),
        (OutOfOrder(row=9), SourceNonsense, "not ordered"),  # across the border of two batches
        (ColumnMissing("city"), SourceNonsense, "lack the column 'city'"),
        (ColumnMissing("hash_lo"), SourceNonsense, "lack the column 'hash_lo'"),
        (ColumnNew(), SourceNonsense, "'surprise' that the CRM does not declare"),
        (TypeChanged("city"), SourceNonsense, "'city' is large_string and should be string"),
        (TypeChanged("hash_lo", pa.uint64()), SourceNonsense, "'hash_lo' is uint64"),
    ],
    ids=str,
)  # fmt: skip
def test_a_lie_becomes_the_right_error(
    reader: Connector, crm: LyingCrm, lie: Lie, kind: type[ConnectorError], sentence: str
) -> None:
    # B9
    if isinstance(lie, TypeChanged) and lie.type == pa.uint64():
        rows = crm.lists["TX"].rows
        assert rows is not None
        crm.put("TX", rows.set_column(rows.num_columns - 1, "hash_lo", pa.array([1] * NUMBER, pa.int64())))
    error = lied_to(reader, crm, lie)
    assert isinstance(error, kind)
    assert re.search(sentence, str(error)), str(error)


@pytest.mark.parametrize("cleanly", [False, True])
def test_a_stream_cut_anywhere_never_passes_for_a_list(reader: Connector, crm: LyingCrm, cleanly: bool) -> None:
    # B9: at many places, and at each of the last bytes
    length = whole_length(crm)
    for after in [*range(0, length, 997), *range(length - 40, length)]:
        assert isinstance(
            lied_to(reader, crm, Cut(after=after, cleanly=cleanly)), SourceUnavailable | SourceNonsense
        )
    crm.lie = None
    assert pull(reader, "TX")[2].rows == NUMBER


def test_a_batch_that_would_fill_the_memory_is_refused_before_it_is_read(crm: LyingCrm) -> None:
    # B24
    error = lied_to(Connector(crm.url, "", crm.token), crm, HugeBatch())
    assert isinstance(error, SourceNonsense)
    assert re.search(r"sends a batch of 83,\d{3},\d{3} bytes; 67,108,864 is the most", str(error)), str(error)


def test_doubled_rows_pass_for_the_engine_to_set_aside(reader: Connector, crm: LyingCrm) -> None:
    # B7
    crm.lie = Doubled(row=9)
    rows, _, closing = pull(reader, "TX")
    assert rows["master_customer_id"].to_pylist().count("0009") == 2
    assert closing.rows == NUMBER + 1


def test_an_empty_list_passes_for_the_guard_to_judge(reader: Connector, crm: LyingCrm) -> None:
    # B3
    crm.lie = NothingThere()
    assert pull(reader, "TX")[2].rows == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "not JSON"),
        (b"[]", "not OData"),
        (b"{}", "without rows"),
        (b'{"value":[1]}', "without rows"),
        (b'{"value":[{"Code":"A","Name":"B"}]}', "without code, name or frequency"),
        (b'{"value":[{"Code":"A","Name":"B","Frequency":"NONE","MemberCount":-1}]}', "-1 members"),
        (b'{"value":[{"Code":"A","Name":"B","Frequency":"X","MemberCount":1,"LastRegenerated":"soon"}]}', "'soon'"),
        (
            b'{"value":[{"Code":"A","Name":"B","Frequency":"X","MemberCount":1,"LastRegenerated":"2026-01-01"}]}',
            "no time zone",
        ),
        (b'{"value":[],"@odata.nextLink":"http://x/?$skiptoken=same"}', "no end"),
    ],
)
def test_a_catalog_that_cannot_be_right_is_refused(
    reader: Connector, crm: LyingCrm, body: bytes, sentence: str
) -> None:
    # S16
    crm.lie = Document(body)
    with pytest.raises(SourceNonsense, match=sentence):
        reader.catalog()


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"Name": "", "Label": "L", "Type": "text"}, "without name"),
        ({"Name": "n", "Label": "L", "Type": "blob"}, "unknown type 'blob'"),
        ({"Name": "email", "Label": "L", "Type": "text"}, "column that every member has"),
    ],
)
def test_a_field_that_cannot_be_right_is_refused(
    reader: Connector, crm: LyingCrm, field: dict[str, str], sentence: str
) -> None:
    # S25
    crm.lie = Document(json.dumps({"value": [field]}).encode(), on="PersonalizationFields")
    with pytest.raises(SourceNonsense, match=sentence):
        reader.catalog()


def test_a_list_named_twice_is_refused(reader: Connector, crm: LyingCrm) -> None:
    row = {"Code": "A", "Name": "B", "Frequency": "NONE", "MemberCount": 1, "LastRegenerated": None}
    crm.lie = Document(json.dumps({"value": [row, row]}).encode(), on="MarketingLists")
    with pytest.raises(SourceNonsense, match="the list 'A' twice"):
        reader.catalog()


def test_a_catalog_is_asked_three_times_and_a_list_once(reader: Connector, crm: LyingCrm) -> None:
    crm.lie = Status(503)
    with pytest.raises(SourceUnavailable):
        reader.catalog()
    assert len(crm.requests) == 3
    crm.requests.clear()
    lied_to(reader, crm, Status(503))
    assert len(crm.requests) == 1


def test_the_token_goes_nowhere_but_to_the_crm(reader: Connector, crm: LyingCrm) -> None:
    with LyingCrm() as elsewhere:
        lied_to(reader, crm, Redirect(to=f"{elsewhere.url}odata/"))
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://crm.example.org/", "begin with https"),
        ("file:///etc/passwd", "begin with https"),
        ("crm.example.org", "begin with https"),
        ("", "begin with https"),
        ("https://user:secret@crm.example.org/", "no user name or password"),
        ("https:///odata/", "names no host"),
        ("https://crm.example.org:port/", "cannot be read"),
        ("https://crm.example.org/?a=b", "before any"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_at_once(url: str, sentence: str) -> None:
    with pytest.raises(SourceMisconfigured, match=sentence) as caught:
        Connector(url, "", "token")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "line\nbreak", "schlüssel"])
def test_a_token_that_cannot_be_one_is_refused_at_once(crm: LyingCrm, token: str) -> None:
    with pytest.raises(SourceMisconfigured, match="token is missing or holds"):
        Impatient(crm.url, "", token).test()


def test_a_host_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match="does not answer: is it running"):
        Impatient("http://127.0.0.1:9/", "", "token").test()


def test_plain_http_where_tls_is_expected_is_a_matter_of_configuration(crm: LyingCrm) -> None:
    with pytest.raises(SourceMisconfigured, match="could not prove who it is"):
        Impatient(crm.url.replace("http://", "https://"), "", crm.token).test()


@pytest.mark.parametrize("key", ["http", "member_checks", "no_such_crm", "../sync"])
def test_a_key_that_is_no_connector_is_named(key: str) -> None:
    with pytest.raises(SourceMisconfigured, match="connector"):
        connector(key, "http://127.0.0.1:9/", "", "token")
