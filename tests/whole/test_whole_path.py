"""Random days of an association over the real system, against a naive model (S1 S2 S4 S7 S11 S12 S15 S25 S28 S29 S30 B1 B3 B4 B7 B14).

Real CRM site, real HTTP, real PostgreSQL, real sync. After every sync the target group's file is the model's, row
by row; both fingerprints are equal, and equal to one computed by hand; the counts add up and are the model's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.whole import imports
from tests.whole.imports import FURTHER, KEYS, Line, lines
from tests.whole.installation import Driver, Installation, Refused
from tests.whole.naive_crm import SQL, START_VIEW, TYPES, List, NaiveCrm
from tests.whole.naive_marketing import OWN, NaiveMarketing, fingerprint

CODES = ["ALPHA", "BETA", "GAMMA"]
FREQUENCIES = ["DAILY", "WEEKLY", "ALWAYS", "NONE"]
SOURCES = [*TYPES, "constituent.city", "constituent.label_name", "attribute:tier", "attribute:points", "membership.level_name"]  # fmt: skip
FIELD_NAMES = ["city", "tier", "given", 'Grüße, "x"', "points"]
COUNTS = (
    "received",
    "added",
    "updated",
    "unchanged",
    "set_aside",
    "removed",
    "held",
    "unsubscribed",
    "resubscribed",
)

codes = st.sampled_from(CODES)
keys = st.sampled_from(KEYS)
good_lines = st.lists(lines(keys, [""]), min_size=1, max_size=6)
mixed_lines = st.lists(
    lines(keys, ["", "", "no id", "wrong flag", "too many cells", "not UTF-8", "NUL"]), min_size=1, max_size=6
)
columns = st.lists(st.sampled_from(FURTHER), unique=True).map(lambda names: [n for n in FURTHER if n in names])

conditions = st.sampled_from(
    [
        {"field": "city", "operator": "=", "value": "Köln"},
        {"field": "city", "operator": "null"},
        {"field": "tier", "operator": "=", "value": "gold"},
        {"field": "tier", "operator": "!=", "value": "gold"},
        {"field": "points", "operator": "in", "value": ["07", "08"]},
        {"field": "allow_email", "operator": "=", "value": True},
        {"field": "email", "operator": "contains", "value": "EXAMPLE"},
        {"field": "email", "operator": "notNull"},
        {"field": "total_given", "operator": ">=", "value": "5"},
        {"field": "master_customer_id", "operator": "beginsWith", "value": "p"},
        {"field": "first_name", "operator": "doesNotContain", "value": "åsa"},
    ]
)
combinators = st.sampled_from(["and", "or"])
rules = st.fixed_dictionaries(
    {"combinator": combinators, "rules": st.lists(conditions, min_size=1, max_size=3), "not": st.booleans()}
)
definitions = st.one_of(
    st.tuples(st.just("rule"), rules),
    st.tuples(st.just("ids"), st.lists(keys, min_size=1, max_size=24, unique=True)),
    st.tuples(st.just("sql"), st.sampled_from(sorted(SQL))),
)
many = st.just(("rule", {"combinator": "or", "rules": [{"field": "email", "operator": "notNull"}, {"field": "email", "operator": "null"}], "not": False}))  # fmt: skip


class Association(RuleBasedStateMachine):
    """The CRM's people change things; the marketing people sync when they like."""

    crm_site: Driver
    marketing_site: Driver
    folder: Path

    @initialize(rows=st.lists(lines(keys, [""]), min_size=12, max_size=30), what=st.lists(definitions | many, min_size=2, max_size=3))  # fmt: skip
    def begin(self, rows: list[Line], what: list[tuple[str, Any]]) -> None:
        self.crm_site("emptied", view=START_VIEW)
        self.marketing_site("emptied")
        self.crm, self.marketing = NaiveCrm(), NaiveMarketing()
        self.an_import(list(FURTHER), rows)
        for code, definition in zip(CODES, what, strict=False):
            self.a_list_is_defined(code, definition, "DAILY", None)
            self.mkt510(code)
        self.a_catalog_sync()

    # The CRM's side

    @rule(columns=columns, rows=good_lines | mixed_lines)
    def an_import(self, columns: list[str], rows: list[Line]) -> None:
        path = self.folder / "constituents.csv"
        imports.write(path, columns, rows)
        expected = imports.expect(self.crm, columns, rows)
        assert self.crm_site("imported", path=str(path)) == expected

    @rule(data=st.data(), flag=st.sampled_from(["allow_email", "allow_solicitation"]), value=st.booleans())
    def a_flag_is_set(self, data: st.DataObject, flag: str, value: bool) -> None:
        person = self.crm.people[data.draw(st.sampled_from(sorted(self.crm.people)))]
        refused = flag == "allow_email" and value and not person.allow_solicitation  # S4
        try:
            changed = self.crm_site("set_flag", key=person.key, flag=flag, value=value)
        except Refused:
            assert refused
            return
        assert not refused
        assert changed == (getattr(person, flag) != value)
        setattr(person, flag, value)

    @rule(data=st.data(), value=st.booleans())
    def the_wrench_is_used(self, data: st.DataObject, value: bool) -> None:
        """*Do Not Solicit by Email* and *Allow Solicitation by Email*, on any of the addresses (S5, S6)."""
        addresses = [(key, address) for key, person in sorted(self.crm.people.items()) for address in sorted(person.addresses)]  # fmt: skip
        assume(addresses)
        key, address = data.draw(st.sampled_from(addresses))
        changed = self.crm_site("set_do_not_solicit", key=key, address=address, value=value)
        assert changed == (self.crm.people[key].addresses[address] != value)
        self.crm.people[key].addresses[address] = value

    @rule(data=st.data(), amount=st.decimals(min_value=1, max_value=20, places=2))
    def a_gift_is_made(self, data: st.DataObject, amount: Decimal) -> None:
        key = data.draw(st.sampled_from(sorted(self.crm.people)))
        self.crm_site("give", key=key, amount=str(amount))
        self.crm.people[key].gifts.append(amount)

    @rule(data=st.data(), years=st.integers(1, 9), level=st.sampled_from(["GOLD", "BLUE"]))
    def a_membership_is_bought(self, data: st.DataObject, years: int, level: str) -> None:
        person = self.crm.people[data.draw(st.sampled_from(sorted(self.crm.people)))]
        assume(years not in {term[1] for term in person.terms})
        self.crm_site("join", key=person.key, level=level, years=years)
        self.crm_site("attend", key=person.key, event="E1")
        person.terms.append((level, years))
        person.events.append("E1")

    @rule(name=st.sampled_from(FIELD_NAMES), source=st.sampled_from(SOURCES))
    def a_field_is_added_or_taken_out(self, name: str, source: str) -> None:
        if name in self.crm.view:
            self.crm_site("remove_field", name=name)
            del self.crm.view[name]
            self.crm.withdrawn.add(name)
        else:
            self.crm_site("add_field", name=name, source=source)
            self.crm.view[name] = source
            self.crm.withdrawn.discard(name)

    @precondition(lambda self: self.crm.view)
    @rule(data=st.data())
    def a_field_is_moved(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.crm.view)))
        place = data.draw(st.integers(1, len(self.crm.view)))
        self.crm_site("move_field", name=name, place=place)
        others = [item for item in self.crm.view.items() if item[0] != name]
        others.insert(place - 1, (name, self.crm.view[name]))
        self.crm.view = dict(others)

    @rule(code=codes, what=definitions, frequency=st.sampled_from([*FREQUENCIES, None]), empty=st.sampled_from([True, False, None]))  # fmt: skip
    def a_list_is_defined(
        self, code: str, what: tuple[str, Any], frequency: str | None, empty: bool | None
    ) -> None:
        kind, definition = what
        unknown = kind == "rule" and any(
            condition["field"] in {"tier", "points"} and not self.crm.is_attribute(condition["field"])
            for condition in definition["rules"]
        )
        options = {name: value for name, value in (("frequency", frequency), ("may_be_empty", empty)) if value is not None}  # fmt: skip
        try:
            self.crm_site("save_list", code=code, name=f"List {code}", **{kind: definition}, **options)
        except Refused:
            assert unknown, "A good definition was refused"
            return
        assert not unknown, "A rule over an attribute that there is not was taken"
        found = self.crm.lists.setdefault(code, List(kind, definition))
        found.kind, found.what = kind, definition
        found.frequency = frequency or found.frequency
        found.may_be_empty = found.may_be_empty if empty is None else empty

    @precondition(lambda self: self.crm.lists)
    @rule(data=st.data())
    def a_list_is_deleted(self, data: st.DataObject) -> None:
        code = data.draw(st.sampled_from(sorted(self.crm.lists)))
        self.crm_site("delete_list", code=code)
        del self.crm.lists[code]

    @rule(code=codes)
    def mkt510(self, code: str) -> None:
        if code not in self.crm.lists:
            with pytest.raises(Refused):
                self.crm_site("run_job", job="MKT510", list_code=code)
            return
        expected = {each: list(result) for each, result in self.crm.mkt510(code).items()}
        assert self.crm_site("run_job", job="MKT510", list_code=code) == expected

    @rule(setup_code=st.sampled_from(["DAILY", "WEEKLY"]), code=codes | st.none())
    def mkt600(self, setup_code: str, code: str | None) -> None:
        narrowed = {} if code is None else {"list_code": code}
        matches = code is None or (
            code in self.crm.lists and self.crm.lists[code].frequency in {setup_code, "ALWAYS"}
        )
        if not matches:  # S12
            with pytest.raises(Refused):
                self.crm_site("run_job", job="MKT600", setup_code=setup_code, **narrowed)
            return
        expected = {each: list(result) for each, result in self.crm.mkt600(setup_code, code).items()}
        assert self.crm_site("run_job", job="MKT600", setup_code=setup_code, **narrowed) == expected

    # The marketing side

    @rule()
    def a_catalog_sync(self) -> None:
        run = self.marketing_site("refresh")
        assert run["status"] == "completed", run["message"]
        self.marketing.refresh(self.crm)
        assert self.marketing_site("codes") == sorted(self.marketing.groups)
        self._every_group_is_the_models()  # members and counts stay (S19)

    @rule(data=st.data(), what=st.sampled_from(sorted(OWN)))
    def a_person_opts_out_here(self, data: st.DataObject, what: str) -> None:
        assume(self.marketing.people)
        key = data.draw(st.sampled_from(sorted(self.marketing.people)))
        assert self.marketing_site("opt_out", key=key, what=what)
        self.marketing.own.setdefault(key, set()).add(what)
        self._every_group_is_the_models()

    @rule(data=st.data(), approve=st.booleans(), previewed=st.booleans(), again=st.booleans())
    def a_sync(self, data: st.DataObject, approve: bool, previewed: bool, again: bool) -> None:
        assume(self.marketing.groups)
        code = data.draw(st.sampled_from(sorted(self.marketing.groups)))
        self._sync(code, approve, previewed)
        if again:
            self._sync(code, approve, previewed)

    @rule(order=st.permutations(CODES))
    def regenerated_and_synced_all(self, order: list[str]) -> None:
        """A night: lists that share people, one after the other."""
        for code in order:
            if code in self.crm.lists:
                self.mkt510(code)
            if code in self.marketing.groups:
                self._sync(code, False, False)

    def _sync(self, code: str, approve: bool, previewed: bool) -> None:
        found = self.crm.lists.get(code)
        preview = self._previewed(code, approve) if previewed and found and found.version else None
        expected = self.marketing.sync(self.crm, code, approve)
        run = self.marketing_site("sync", code=code, approve=approve)
        assert run["status"] == expected.status, run["message"]
        if expected.status == "failed":
            assert run["exit_code"] == 1  # the CRM answered: it has no such list, or has not built it
            assert run["message"].endswith(".")
            self._every_group_is_the_models()
            return
        # Where only what changed travelled, `received` and `unchanged` are about that (B2).
        counted = [name for name in COUNTS if run["mode"] == "full" or name not in {"received", "unchanged"}]
        assert {name: run[name] for name in counted} == {name: getattr(expected, name) for name in counted}
        if run["mode"] == "full":
            assert run["received"] == run["added"] + run["updated"] + run["unchanged"] + run["set_aside"]
        assert run["members"] == expected.members
        assert run["crm_fingerprint"] == expected.crm_fingerprint
        assert run["identical"] == expected.identical == (run["stored_fingerprint"] == run["crm_fingerprint"])
        assert run["exit_code"] == (3 if expected.held else 0)
        if preview is not None:
            same = (*COUNTS, "status", "members", "crm_fingerprint", "stored_fingerprint")
            assert {name: preview[name] for name in same} == {name: run[name] for name in same}  # B4
        self._every_group_is_the_models(code)

    def _previewed(self, code: str, approve: bool) -> Any:
        """A preview writes nothing (B4)."""
        before = self.marketing_site("exported", code=code)
        run = self.marketing_site("preview", code=code, approve=approve)
        assert self.marketing_site("exported", code=code) == before
        return run

    def _every_group_is_the_models(self, synced: str | None = None) -> None:
        names = [name for name, _ in self.marketing.fields]
        assert [[name, type_] for name, _, type_ in self.marketing_site("fields")] == [list(each) for each in self.marketing.fields]  # fmt: skip
        for code, group in self.marketing.groups.items():
            file = self.marketing_site("exported", code=code, also_csv=code == synced)
            assert file["columns"][6:] == names
            assert file["rows"] == self.marketing.exported(code)
            facts = self.marketing_site("facts", code=code)
            assert facts["kept"] == facts["counted"] == facts["listed"] == self.marketing.funnel(code)
            assert facts["fingerprint"] == facts["recomputed"]
            assert facts["fingerprint"] == fingerprint(self.marketing.people[key].row for key in group.members)
            assert facts["missing"] == group.missing
            assert facts["stale"] == 0


@pytest.fixture(scope="module")
def machine(installation: Installation) -> Iterator[type[Association]]:
    with tempfile.TemporaryDirectory() as folder:

        class Here(Association):
            pass

        Here.crm_site, Here.marketing_site = installation.drivers
        Here.folder = Path(folder)
        yield Here


def _run(machine: type[Association], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # Phase.shrink would take its full five minutes over a real system
        ),
    )


def test_target_groups_agree_with_the_model(machine: type[Association]) -> None:
    _run(machine, 6, 8)


@pytest.mark.slow
def test_target_groups_agree_with_the_model_for_long(machine: type[Association]) -> None:
    _run(machine, 40, 20)
