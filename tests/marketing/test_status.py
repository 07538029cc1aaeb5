"""One rule of consent, held twice: by the pure function and by the generated column (S7, S30)."""

from __future__ import annotations

from itertools import product

import pytest
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.sync.permission import OwnOptOuts, Status, effective_permission, status


@pytest.mark.django_db
def test_the_database_computes_the_status_that_the_rule_gives_for_every_combination() -> None:
    bridge = Bridge.objects.create(name="B", connector="memory", url="http://127.0.0.1/")
    now = timezone.now()
    seen = set()
    combinations = product(
        [True, False], [None, "", "a@example.org"], [True, False], product([True, False], repeat=4)
    )
    for number, (allow, email, valid, own) in enumerate(combinations):
        subscriber = Subscriber.objects.create(
            bridge=bridge, master_customer_id=str(number), sub_customer_id="0", email=email, allow_email=allow,
            address_valid=valid, hash_hi=0, hash_lo=0, revision=1, first_run=1, last_run=1,
            unsubscribed_at=now if own[0] else None, bounced_at=now if own[1] else None,
            complained_at=now if own[2] else None, suppressed_at=now if own[3] else None,
        )  # fmt: skip
        subscriber.refresh_from_db()
        expected = status(allow, email, valid, OwnOptOuts(*own))
        assert subscriber.status == expected.value
        seen.add(expected)
    assert seen == set(Status)


def test_statuses_are_word_for_word_those_of_the_contract() -> None:
    assert [each.value for each in Status] == [
        "Subscribed", "Unsubscribed from remote system", "Unsubscribed", "Bounced", "Complained",
        "Invalid address", "No address", "Suppressed",
    ]  # fmt: skip


@pytest.mark.parametrize("solicitation", [True, False])
@pytest.mark.parametrize("email", [True, False])
@pytest.mark.parametrize("do_not_solicit", [True, False])
def test_effective_permission_needs_all_three(solicitation: bool, email: bool, do_not_solicit: bool) -> None:  # S4
    expected = solicitation and email and not do_not_solicit
    assert effective_permission(solicitation, email, do_not_solicit) is expected
