"""Whatever text a file holds, what is stored is that text, and a second import changes nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.personalization.models import PersonalizationField
from tests.crm.constituents.files import HEADER, import_text, row

pytestmark = pytest.mark.django_db
# NUL is set aside (test_import_bad_rows).
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30) | st.sampled_from(
    ["\\N", "\\.", '"', '""', "a,b", "a\r\nb", "\r", "\t", "NULL", " ", "\ufeff", "\u2028", "🎉", "שלום"]
)
FLAGS = st.sampled_from(["Y", "N", ""])
REMOVED = str.maketrans({chr(code): "" for code in range(32) if chr(code) not in "\t\n\r"})
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100).filter(
    lambda text: text.strip()
)
PEOPLE = st.dictionaries(
    st.tuples(IDS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10)),
    st.tuples(TEXTS, TEXTS, TEXTS, FLAGS, FLAGS, FLAGS, TEXTS, TEXTS),
    max_size=8,
).map(lambda found: {(master, sub or "0"): values for (master, sub), values in found.items()})


def line(master: str, sub: str, values: tuple[str, ...]) -> str:
    first, last, email, allow_email, allow_solicitation, do_not_solicit, city, colour = values
    return row(
        master, city, colour, sub_customer_id=sub, first_name=first, last_name=last, email=email,
        allow_email=allow_email, allow_solicitation=allow_solicitation, do_not_solicit=do_not_solicit,
    )  # fmt: skip


@given(people=PEOPLE, changed=PEOPLE)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_file_says_is_what_is_stored(
    db: None, people: dict[tuple[str, str], tuple[str, ...]], changed: dict[tuple[str, str], tuple[str, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        PersonalizationField.objects.all().delete()
        for batch in (people, people | changed):
            lines = [line(*ids, values) for ids, values in batch.items()]
            report = import_text(Path(folder), lines, HEADER + ",city,colour")
            assert (report.read, report.set_aside) == (len(batch), 0)
            check_stored(batch)
            again = import_text(Path(folder), lines, HEADER + ",city,colour")
            assert again.unchanged == len(batch)
        transaction.set_rollback(True)


def check_stored(people: dict[tuple[str, str], tuple[str, ...]]) -> None:
    stored = {(one.master_customer_id, one.sub_customer_id): one for one in Constituent.objects.all()}
    assert stored.keys() == people.keys()
    for ids, values in people.items():
        one = stored[ids]
        first, last, email, allow_email, allow_solicitation, do_not_solicit, city, colour = (
            value.translate(REMOVED) for value in values
        )
        assert (one.first_name, one.last_name, one.city) == (first, last, city)
        assert one.attributes == ({"colour": colour} if colour else {})
        assert one.allow_email is (allow_email != "N")
        assert one.allow_solicitation is (allow_solicitation != "N")
        primary = one.email_addresses.filter(is_primary=True).first()
        assert (primary.address if primary else "") == email
        if primary:
            assert primary.do_not_solicit is (do_not_solicit == "Y")
