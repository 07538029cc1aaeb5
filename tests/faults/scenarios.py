"""Syncs that differ in what they write and how they come to it, each from a kept state of the site."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.memory_crm import Key
from tests.faults.workplace import Crm, State, Workplace, key, person

OPTED_OUT: tuple[tuple[Key, str], ...] = (
    (key(12), "unsubscribed_at"),
    (key(16), "complained_at"),
    (key(20), "bounced_at"),
    (("a1 ", "0"), "unsubscribed_at"),
)  # by the person, or learnt from its mail: no sync lifts these (S30)


@dataclass(frozen=True)
class Scenario:
    """`start` names the kept state of the site, `crm` is what its sync of ALL meets, `how` what it is asked for."""

    start: str
    crm: Crm
    mode: str
    status: str = "completed"
    repaired: int = 0
    how: dict[str, Any] = field(default_factory=dict)


def changed(crm: Crm, wave: int = 1, **more: Any) -> Crm:
    """About twenty have other data, some come, some leave, of one the row comes twice (it is set aside)."""
    people = {
        each: person(int(each[0]), wave) if each[0].isdigit() and int(each[0]) % 4 == 0 else found
        for each, found in crm.people.items()
    }
    everyone = sorted(people)
    lists = {**crm.lists, "ALL": (crm.lists["ALL"] | set(everyone[:3])) - {key(51), key(52), key(70), ("A1", "0")}}
    return crm.at(**{"people": people, "lists": lists, "repeat": {key(30)}, **more})


def scenarios(place: Workplace) -> dict[str, Scenario]:
    """The site is brought to each start once. HALF shares people with ALL, and is synced before it."""
    crm = place.crm
    place.put_back("catalog")
    place.cleanly("HALF", crm)
    assert place.opt_out(OPTED_OUT[:3]) == 3
    place.keep("half")
    place.cleanly("ALL", crm)
    assert place.opt_out(OPTED_OUT[3:]) == 1
    place.keep("both")
    later = changed(crm)
    shrunken = later.at(lists={**later.lists, "ALL": set(sorted(later.lists["ALL"])[:45])})
    assert place.cleanly("ALL", shrunken)["status"] == "held"
    place.keep("held")
    return {
        "first": Scenario("half", crm, "full"),
        "full": Scenario("both", later, "full", how={"full": True}),
        "delta": Scenario("both", later, "delta"),
        "repair": Scenario("both", later.at(forgotten={key(40), key(64), key(70)}), "delta", repaired=3),
        "held": Scenario("both", shrunken, "delta", status="held"),
        "approved": Scenario("held", shrunken, "delta", how={"approve": True}),
    }


@dataclass(frozen=True)
class Known:
    """A scenario, the site before it and after it, and how many exchanges with the server it takes."""

    scenario: Scenario
    before: State
    after: State
    exchanges: int

    def begin(self, place: Workplace) -> None:
        place.put_back(self.scenario.start)

    def differs(self, state: State, *from_which: State) -> str:
        """Which table is as in none of these; empty: the state is one of them."""
        if state in from_which:
            return ""
        expected = from_which[-1]
        return "\n".join(
            f"{name}: {sorted(set(lines) ^ set(expected[name]))[:6]}"
            for name, lines in state.items()
            if lines != expected[name]
        )


def known(place: Workplace, scenario: Scenario) -> Known:
    """Do it once without any fault."""
    place.put_back(scenario.start)
    before = place.state()
    run = place.cleanly("ALL", scenario.crm, **scenario.how)
    assert (run["mode"], run["status"], run["repaired"]) == (scenario.mode, scenario.status, scenario.repaired), run
    after = place.state()
    assert after != before
    return Known(scenario, before, after, run["exchanges"])
