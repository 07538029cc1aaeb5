"""kill -9 in every exchange of a sync with PostgreSQL (all is sent, nothing has come back), and at two hundred random instants (B8, B9).

After each kill the site is what it was before, or what a sync that nobody killed leaves; the next sync ends exactly
there, in every table; who opted out is still out; and whoever looked saw one state or the other.
"""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.faults.reader import look, reading
from tests.faults.scenarios import OPTED_OUT, Known, Scenario, known, scenarios
from tests.faults.workplace import Workplace

pytestmark = pytest.mark.slow

IN_A_ROW = 3  # kills, each of a run that meets what the ones before left behind, before a run comes to its end
RANDOM_KILLS = 70  # of each of three kinds
NAMES = ("first", "delta", "repair", "held", "approved")


@pytest.fixture(scope="module")
def all_scenarios(workplace: Workplace) -> dict[str, Scenario]:
    return scenarios(workplace)


def looks(place: Workplace, case: Known) -> set[tuple[object, ...]]:
    """What a reader may see: the group before, and after. Leaves the site before."""
    after = look(place.connection, "ALL")
    case.begin(place)
    return {after, look(place.connection, "ALL")}


def sound(place: Workplace, case: Known, where: str) -> bool:
    """Whether the sync was applied: all of it, or nothing."""
    state = place.state()
    assert not (flaw := case.differs(state, case.before, case.after)), f"{where}: {flaw}"
    expected = OPTED_OUT[:3] if case.scenario.start == "half" else OPTED_OUT
    assert place.own_opt_outs() == set(expected), where  # S30
    return state == case.after


def ends_as_ever(place: Workplace, case: Known, where: str, run: int | None) -> None:
    """The next sync, be it a new run or the same one again, ends where one ends that nobody killed."""
    ended = place.cleanly("ALL", case.scenario.crm, run=run, **case.scenario.how)
    assert ended["identical"] == (case.scenario.status != "held" and not case.scenario.crm.repeat), where
    state = place.state()
    assert not (flaw := case.differs(state, case.after)), f"{where}: {flaw}"
    assert "running" not in place.run_states().values(), where


@pytest.mark.parametrize("name", NAMES)
def test_a_sync_killed_at_any_statement_is_all_or_nothing(
    workplace: Workplace, all_scenarios: dict[str, Scenario], name: str
) -> None:
    case = known(workplace, all_scenarios[name])
    allowed, applied = looks(workplace, case), []
    with reading(workplace, "ALL") as readers:
        for number in range(1, case.exchanges + 1):
            where = f"{name}, killed in exchange {number} of {case.exchanges}"
            ended = workplace.sync("ALL", case.scenario.crm, dies_at=number, **case.scenario.how)
            if sound(workplace, case, where):
                applied.append(number)
            assert ended.code == -signal.SIGKILL or applied, where
            if number % IN_A_ROW == 0 or number == case.exchanges:
                newest = max(workplace.run_states())
                ends_as_ever(workplace, case, where, newest if number % 2 else None)
                case.begin(workplace)
    assert readers["ALL"].seen <= allowed
    assert applied, "No kill fell after the commit"
    assert len(applied) < case.exchanges, "No kill fell before the commit"


@pytest.mark.parametrize("name", ["first", "delta", "full"])
def test_a_sync_killed_at_any_instant_is_all_or_nothing(
    workplace: Workplace, all_scenarios: dict[str, Scenario], name: str
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    choose = random.Random(seed)  # noqa: S311  # which instants, not a secret
    case = known(workplace, all_scenarios[name])
    allowed = looks(workplace, case)
    began = time.monotonic()
    assert workplace.sync("ALL", case.scenario.crm, **case.scenario.how).code == 0
    long = time.monotonic() - began
    case.begin(workplace)
    ends = set()
    with reading(workplace, "ALL") as readers:
        for number in range(RANDOM_KILLS):
            instant = choose.uniform(0, long * 1.2)
            where = f"{name}, seed {seed}, kill {number}, after {instant:.4f} s"
            workplace.killed_after(instant, "ALL", case.scenario.crm, **case.scenario.how)
            ends.add(sound(workplace, case, where))
            if number % 2:
                ends_as_ever(workplace, case, where, None)
                case.begin(workplace)
    assert readers["ALL"].seen <= allowed
    assert ends == {True, False}, "All kills fell on one side of the commit"
