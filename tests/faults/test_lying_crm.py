"""A CRM that lies, behind the real command: exit code 4, one plain sentence, the group exactly as it was (B9)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollkeeper.sync.member import Field
from tests.fakes import lies
from tests.fakes.lies import Lie
from tests.fakes.lying_crm import FakeList, LyingCrm, members
from tests.faults.association import Association

pytestmark = pytest.mark.slow

FIELDS = (Field("city", "City", "text"),)
CODE = "TX"
ROWS = [
    {"master_customer_id": f"{number:06}", "email": f"p{number}@example.org", "city": "Austin"}
    for number in range(500)
]


@pytest.fixture(scope="module")
def liar(association: Association) -> Iterator[LyingCrm]:
    """The bridge leads to the fake, and its list is synced."""
    with LyingCrm(FIELDS, {CODE: FakeList(members(FIELDS, ROWS))}) as crm:
        association.marketing("emptied")
        association.marketing("join_to_crm", url=crm.url, token=crm.token)
        assert association.marketing("refresh")["status"] == "completed"
        assert association.sync(CODE).json["identical"]
        yield crm
    site = association.installation
    association.marketing("join_to_crm", url=site.crm_url, token=association.crm("new_token"))


@pytest.fixture(autouse=True)
def _behind(liar: LyingCrm) -> None:
    """Whatever was synced before, every member has changed since, and five are not in the list."""
    version = liar.lists[CODE].version
    liar.put(CODE, members(FIELDS, [{**row, "city": f"City {version}"} for row in ROWS[5:]]))


@pytest.mark.parametrize(
    "lie",
    [
        lies.HangUp(),
        lies.Html(),
        lies.Redirect(),
        lies.Status(500),
        lies.Status(503),
        lies.Status(401, "Unauthorized", "No."),
        lies.Document(b"{", "application/vnd.apache.arrow.stream"),
        lies.Cut(after=6_000),
        lies.Cut(after=6_000, cleanly=True),
        lies.Cut(after=0),
        lies.WrongCount(),
        lies.WrongFingerprint(),
        lies.NoClosing(),
        lies.OutOfOrder(row=7),
        lies.ColumnMissing("city"),
        lies.ColumnNew(),
        lies.TypeChanged("city"),
        lies.HugeBatch(),
        lies.AnotherVersionAtTheEnd(),
    ],
    ids=repr,
)
def test_a_lie_changes_nothing(association: Association, liar: LyingCrm, lie: Lie) -> None:
    before, exported = association.look(CODE), association.marketing("exported", code=CODE)
    liar.lie = lie
    ran = association.sync(CODE)
    liar.lie = None
    assert ran.code == 4, ran
    run = ran.json
    assert run["status"] == "failed"
    assert run["message"].endswith((".", "?"))
    assert "\n" not in run["message"]
    assert "Error(" not in run["message"]
    assert "Traceback" not in ran.err
    assert association.look(CODE) == before
    assert association.marketing("exported", code=CODE) == exported


def test_an_emptied_list_is_held_not_made_true(association: Association, liar: LyingCrm) -> None:
    """It may even be true; a person decides (B3)."""
    before = association.look(CODE)
    liar.lie = lies.NothingThere()
    ran = association.sync(CODE)
    liar.lie = None
    assert ran.code == 3
    assert ran.json["held"] == before[0]
    assert association.look(CODE)[:4] == before[:4]
    assert association.sync(
        CODE,
    ).json["removed"] in {0, 5}
    liar.put(CODE, members(FIELDS, ROWS))
    assert association.sync(CODE).json["identical"]


def test_a_row_sent_twice_is_set_aside_and_the_rest_come(association: Association, liar: LyingCrm) -> None:
    """Which of the two is right is not clear; the person keeps the data that is there (B7)."""
    liar.lie = lies.Doubled(row=9)
    ran = association.sync(CODE)
    liar.lie = None
    assert ran.code == 0
    assert ran.json["set_aside"] == 2
    assert not ran.json["identical"]
    assert ran.json["members"] == association.look(CODE)[0]
