"""What a verification found, in sentences for a person: what it is, and what to do (B1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rollkeeper.marketing.sync_runs.verification import Verification
from rollkeeper.sync.connector import Key
from rollkeeper.sync.member import fingerprint_text

REPAIR = "`rollkeeper verify CODE --repair` repairs them from the CRM"


def findings(found: Verification) -> list[str]:
    """A sentence for each thing that is wrong; none where the group is identical to the CRM's list."""
    return [*_ours(found), *_theirs(found), *_between(found)]


def _ours(found: Verification) -> Iterator[str]:
    ours = found.ours
    if ours.unchecked:
        yield (
            f"The personalization fields changed since the last sync, so the contents of {ours.unchecked:,} rows "
            "could not be checked: sync first."
        )
    if ours.data:
        yield f"{_subscribers(ours.data)} other data than was synced{_named(ours.data_examples)}. {REPAIR}."
    if ours.memberships:
        yield (
            f"{_memberships(ours.memberships)} another hash than the subscriber"
            f"{_named(ours.membership_examples)}. {REPAIR}."
        )
    if ours.orphans:
        yield f"{_memberships(ours.orphans)} no subscriber{_named(ours.orphan_examples)}. {REPAIR}."
    if ours.kept.fingerprint != ours.stored.fingerprint:
        yield (
            f"The fingerprint kept of the group is {fingerprint_text(ours.kept.fingerprint)}; its rows add up to "
            f"{fingerprint_text(ours.stored.fingerprint)}. Something other than a sync wrote to this database."
        )
    for name, kept, counted in ours.counts:
        yield f"Count Details keeps {kept:,} as {name}; its rows give {counted:,}."


def _theirs(found: Verification) -> Iterator[str]:
    theirs = found.theirs
    if theirs.kept is not None and not theirs.is_consistent:
        yield (
            f"The CRM contradicts itself: it keeps {theirs.kept.members:,} members and the fingerprint "
            f"{fingerprint_text(theirs.kept.fingerprint)} of its list, whose rows are {theirs.rows.members:,} and "
            f"add up to {fingerprint_text(theirs.rows.fingerprint)}. Have whoever runs the CRM compute it anew."
        )


def _between(found: Verification) -> Iterator[str]:
    between = found.between
    if between.fields_moved:
        yield "The CRM's personalization fields are not those of the last sync, so every row differs: sync first."
    if between.count:
        since = (
            " The list changed in the CRM since the last sync: sync first." if found.theirs.changed_since else ""
        )
        one = between.count == 1
        what = "1 row is not as the CRM has it" if one else f"{between.count:,} rows are not as the CRM has them"
        yield (
            f"{what}: "
            f"{between.missing:,} missing here, {between.surplus:,} not in the CRM's list, {between.other:,} with "
            f"other data.{since}"
        )
    if found.is_explained or (between.held or between.set_aside):
        yield (
            f"{between.set_aside:,} rows are set aside and {between.held:,} removals held"
            f"{': that explains the difference' if found.is_explained else ''}."
        )


def _named(keys: Sequence[Key]) -> str:
    return f" ({', '.join('-'.join(key) for key in keys[:5])}{', …' if len(keys) > 5 else ''})" if keys else ""


def _subscribers(count: int) -> str:
    return "1 subscriber has" if count == 1 else f"{count:,} subscribers have"


def _memberships(count: int) -> str:
    return "1 membership has" if count == 1 else f"{count:,} memberships have"
