"""The audience as a past run left it: what the model meets too seldom, what is refused, and what it costs (B6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.marketing.bridges import fields
from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.subscribers.models import ForgottenValue, Subscriber
from rollkeeper.marketing.sync_runs import old_history
from rollkeeper.marketing.sync_runs.models import RunChange, SyncRun
from rollkeeper.marketing.sync_runs.request import create_run
from rollkeeper.marketing.target_groups import as_of
from rollkeeper.marketing.target_groups.as_of import PastRun, PastUnknown
from rollkeeper.marketing.target_groups.export import COLUMNS, export_group, export_group_as_of
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres import copy
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.events import Event, Kind
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import MemoryCrm, Person
from tests.marketing.syncing import bridge_to, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

CITY = Field("city", "City", "text")
ONE, TWO, THREE = ("0001", "0"), ("0002", "0"), ("0003", "0")


def a_crm() -> MemoryCrm:
    people = {
        key: Person(f"{key[0]}@example.org", "A", "B", True, (("city", "Köln"),)) for key in (ONE, TWO, THREE)
    }
    return MemoryCrm(people=people, lists={"ALPHA": {ONE, TWO}, "BETA": {ONE, THREE}}, fields=(CITY,))


def group_of(code: str) -> TargetGroup:
    return TargetGroup.objects.get(code=code)


def now_of(code: str, path: Path) -> str:
    export_group(group_of(code), "csv", path)
    return path.read_text()


def then_of(code: str, run: SyncRun, path: Path) -> str:
    export_group_as_of(group_of(code), run.pk, "csv", path)
    return path.read_text()


def asked_for(code: str, **more: SyncRun.Status) -> SyncRun:
    group = group_of(code)
    return create_run(
        group.bridge, Kind.AUDIENCE, Event.RESYNC_COUNT_DETAILS, group=group, requested_by="test", **more
    )


def test_old_values_are_taken_in_the_order_in_which_runs_were_applied(tmp_path: Path) -> None:
    """The run with the lowest number is applied last."""
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    early = asked_for("ALPHA")
    first = sync_group(bridge, crm, "ALPHA", run=asked_for("ALPHA", status=SyncRun.Status.RUNNING))
    exports = [(first, "ALPHA", now_of("ALPHA", file))]
    crm.change(ONE, first_name="Second")
    exports.append((sync_group(bridge, crm, "BETA"), "BETA", now_of("BETA", file)))
    crm.change(ONE, first_name="Third")
    exports.append((sync_group(bridge, crm, "ALPHA", run=early), "ALPHA", now_of("ALPHA", file)))
    assert [run.revision for run, _, _ in exports] == sorted(run.revision or 0 for run, _, _ in exports)
    for run, code, export in exports:
        assert then_of(code, run, file) == export


def test_moves_are_taken_in_the_order_in_which_runs_were_applied(tmp_path: Path) -> None:
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    exports = [(sync_group(bridge, crm, "ALPHA"), now_of("ALPHA", file))]
    early = asked_for("ALPHA")
    for members, run in (({TWO}, asked_for("ALPHA", status=SyncRun.Status.RUNNING)), ({ONE, TWO, THREE}, early)):
        crm.lists["ALPHA"] = members
        exports.append((sync_group(bridge, crm, "ALPHA", run=run), now_of("ALPHA", file)))
    for run, export in exports:
        assert then_of("ALPHA", run, file) == export


def test_members_from_before_the_group_was_emptied_and_filled_anew(tmp_path: Path) -> None:
    """The run that fills it writes no row for each member, but one for a known person whose data it changed."""
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "BETA")
    exports = []
    for members in ({ONE, TWO}, set(), {ONE, THREE}, {TWO}, set(), set(), {ONE, TWO}):
        crm.lists["ALPHA"] = members
        crm.change(THREE, last_name=str(len(exports)))
        run = sync_group(bridge, crm, "ALPHA", approve_held=True)
        exports.append((run, now_of("ALPHA", file)))
    assert [run.pk for run, _ in exports if run.added and run.all_added] == [exports[n][0].pk for n in (0, 2, 6)]
    for run, export in exports:
        assert then_of("ALPHA", run, file) == export


def test_values_of_a_field_whose_slot_another_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "SLOTS", 2)
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    exports = []
    for view in ((CITY,), (Field("tier", "Tier", "text"), Field("chapter", "Chapter", "text")), (), (CITY,)):
        crm.fields = view
        store_catalog(bridge, crm.catalog(), timezone.now())
        exports.append((sync_group(bridge, crm, "ALPHA"), now_of("ALPHA", file)))
    assert ForgottenValue.objects.filter(key="city", value="Köln").count() == 2
    for run, export in exports:
        assert then_of("ALPHA", run, file) == export


def test_a_field_named_as_a_column_and_an_address_that_was_mended(tmp_path: Path) -> None:
    crm, file = a_crm(), tmp_path / "a.csv"
    crm.fields = (Field("address_valid", "Valid?", "text"), Field("field:address_valid", "Valid!", "text"))
    bridge = bridge_to(crm)
    exports = []
    for email, first, second in (
        ("no address", "a", "b"),
        ("one@example.org", "a", "b"),
        ("no", "c", "d"),
        ("no", "e", "f"),
    ):
        crm.change(ONE, email=email, values=(("address_valid", first), ("field:address_valid", second)))
        exports.append((sync_group(bridge, crm, "ALPHA"), now_of("ALPHA", file)))
    assert ["Invalid address" in export for _, export in exports] == [True, False, True, True]
    for run, export in exports:
        assert then_of("ALPHA", run, file) == export


def test_parquet_is_told_byte_for_byte_too(tmp_path: Path) -> None:
    crm = a_crm()
    bridge = bridge_to(crm)
    run = sync_group(bridge, crm, "ALPHA")
    export_group(group_of("ALPHA"), "parquet", tmp_path / "then")
    crm.change(ONE, email="other@example.org")
    crm.lists["ALPHA"] = {ONE, THREE}
    sync_group(bridge, crm, "ALPHA")
    export_group_as_of(group_of("ALPHA"), run.pk, "parquet", tmp_path / "told")
    assert (tmp_path / "told").read_bytes() == (tmp_path / "then").read_bytes()


def test_an_opt_out_after_the_run_is_not_yet_in_it_and_one_before_is(tmp_path: Path) -> None:
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    first = sync_group(bridge, crm, "ALPHA")
    Subscriber.objects.filter(master_customer_id="0001").update(complained_at=timezone.now())
    second = sync_group(bridge, crm, "ALPHA")
    assert "Complained" not in then_of("ALPHA", first, file)
    assert then_of("ALPHA", second, file).count("Complained") == 1


def test_who_joins_with_the_data_that_is_known_had_a_status_before() -> None:
    crm = a_crm()
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALPHA")
    sync_group(bridge, crm, "BETA")
    crm.lists["ALPHA"] |= {THREE}
    run = sync_group(bridge, crm, "ALPHA")
    change = RunChange.objects.get(run=run, master_customer_id="0003")
    assert (change.change, change.status_before, change.status_after) == ("added", "Subscribed", "Subscribed")


def test_runs_of_older_versions_are_numbered_in_the_order_of_their_end() -> None:
    migration = import_module("rollkeeper.marketing.sync_runs.migrations.0004_applied_in_order")
    crm = a_crm()
    bridge = bridge_to(crm)
    runs = [sync_group(bridge, crm, code) for code in ("ALPHA", "BETA", "ALPHA")]
    failed = asked_for("ALPHA", status=SyncRun.Status.FAILED)
    SyncRun.objects.update(revision=None)
    SyncRun.objects.filter(pk=runs[0].pk).update(finished_at=timezone.now())  # applied last of all
    with connect() as connection:
        connection.execute(migration.NUMBER_OLD_RUNS)
    numbers = dict(SyncRun.objects.values_list("pk", "revision"))
    assert [numbers[run.pk] for run in runs] == [3, 1, 2]
    assert numbers[failed.pk] is None


def refused(code: str, run_id: int, path: Path) -> str:
    with pytest.raises(PastUnknown) as refusal:
        export_group_as_of(group_of(code), run_id, "csv", path)
    assert not path.exists()
    return str(refusal.value)


def test_what_cannot_be_known_is_refused_with_a_sentence(tmp_path: Path) -> None:
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    run = sync_group(bridge, crm, "ALPHA")
    other = sync_group(bridge, crm, "BETA")
    waiting = create_run(
        bridge, Kind.AUDIENCE, Event.RESYNC_COUNT_DETAILS, group=group_of("ALPHA"), requested_by="t"
    )
    catalog = create_run(bridge, Kind.CATALOG, Event.LOGIN, group=None, requested_by="t")
    assert "There is no run 999999" in refused("ALPHA", 999999, file)
    assert "is of the list BETA" in refused("ALPHA", other.pk, file)
    assert "is a catalog sync" in refused("ALPHA", catalog.pk, file)
    assert "is waiting: it left no audience" in refused("ALPHA", waiting.pk, file)
    SyncRun.objects.filter(pk=run.pk).update(field_names=None)  # as the migration leaves older runs
    assert "did not yet keep all that changes" in refused("ALPHA", run.pk, file)


def test_a_membership_that_a_hand_removed_and_a_sync_repaired_is_no_past(tmp_path: Path) -> None:  # B1
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    run = sync_group(bridge, crm, "ALPHA")
    with connect() as connection:
        connection.execute("DELETE FROM group_member WHERE master_customer_id = '0001'")
    repaired = sync_group(bridge, crm, "ALPHA", full=True)
    assert repaired.repaired == 1
    assert "left 2 members; the changes kept since tell of 1" in refused("ALPHA", run.pk, file)
    assert not file.exists()
    assert then_of("ALPHA", repaired, file).count("\n") == 3


def test_history_dropped_by_age_is_refused_and_the_rest_is_told(tmp_path: Path) -> None:
    crm, file = a_crm(), tmp_path / "a.csv"
    bridge = bridge_to(crm)
    runs, exports = [], []
    for name in ("First", "Second", "Third", "Fourth"):
        crm.change(ONE, first_name=name)
        runs.append(sync_group(bridge, crm, "ALPHA"))
        exports.append(now_of("ALPHA", file))
    file.unlink()
    now = timezone.now()
    for run, months in zip(runs, (30, 20, 2, 0), strict=True):
        SyncRun.objects.filter(pk=run.pk).update(finished_at=now - timedelta(days=31 * months))
    ForgottenValue.objects.create(bridge_id=bridge.pk, revision=1, subscriber_id=1, key="city", value="x")
    dropped = old_history.drop_older(12, now)
    assert (dropped.runs, dropped.changes) == (1, 1)  # the first run found the group empty: it has no rows
    assert not ForgottenValue.objects.exists()
    assert "is kept no longer" in refused("ALPHA", runs[0].pk, file)
    for run, export in zip(runs[1:], exports[1:], strict=True):
        assert then_of("ALPHA", run, file) == export
    assert old_history.drop_older(12, now) == old_history.Dropped(0, 0)


def test_the_page_of_a_run_says_that_its_changes_are_kept_no_longer(client: Client, django_user_model: Any) -> None:
    crm = a_crm()
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALPHA")
    crm.change(ONE, first_name="Second")
    run = sync_group(bridge, crm, "ALPHA")
    user = django_user_model.objects.create_user("reader")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/sync-runs/{run.pk}/"
    assert "Kept no longer" not in client.get(address).content.decode()
    SyncRun.objects.update(finished_at=timezone.now() - timedelta(days=400))
    old_history.drop_older(12, timezone.now())
    assert "Kept no longer" in client.get(address).content.decode()


def test_dropping_that_was_cut_short_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    crm = a_crm()
    bridge = bridge_to(crm)
    for name in ("First", "Second", "Third"):
        crm.change(ONE, first_name=name)
        crm.change(TWO, first_name=name)
        sync_group(bridge, crm, "ALPHA")
    SyncRun.objects.update(finished_at=timezone.now() - timedelta(days=400))
    Bridge.objects.update(history_revision=Bridge.objects.get().revision)  # said, and not one row of it done
    monkeypatch.setattr(old_history, "PIECE", 1)
    assert old_history.drop_older(12, timezone.now()) == old_history.Dropped(2, 4)
    assert not RunChange.objects.exists()


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [((2026, 3, 31), 1, (2026, 2, 28)), ((2026, 1, 15), 1, (2025, 12, 15)), ((2024, 3, 30), 13, (2023, 2, 28))],
)
def test_months_are_those_of_the_calendar(
    now: tuple[int, int, int], months: int, then: tuple[int, int, int]
) -> None:
    assert old_history.months_before(datetime(*now, tzinfo=UTC), months) == datetime(*then, tzinfo=UTC)


@pytest.mark.slow
def test_the_past_costs_what_changed_since_not_the_history() -> None:
    """100,000 members, 50,000 changes before the run and 100 since: beside the rows that come out, some hundreds."""
    people = {
        (f"{number:07d}", "0"): Person(f"{number}@example.org", "A", "B", True, (("city", "Köln"),))
        for number in range(100_000)
    }
    crm = MemoryCrm(people=people, lists={"ALPHA": set(people), "BETA": set(list(people)[:10])}, fields=(CITY,))
    crm.batch_size = 50_000
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALPHA")
    crm.people |= {key: replace(crm.people[key], first_name="C") for key in list(people)[:50_000]}
    run = sync_group(bridge, crm, "ALPHA")
    for key in list(people)[500:580]:
        crm.change(key, last_name="D")
    crm.lists["ALPHA"] -= set(list(people)[1000:1020])
    sync_group(bridge, crm, "ALPHA")
    past = PastRun.of(run.pk, group_of("ALPHA"))
    with connect() as connection:
        connection.execute("ANALYZE")
        connection.commit()
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        query = as_of.prepare(connection, past)
        schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, *past.field_names)])
        rows = sum(batch.num_rows for batch in copy.read(connection, query, schema))
        read = dict(
            connection.execute(
                "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
            ).fetchall()
        )
    assert rows == 100_000
    assert 100 <= read["run_change"] <= 300
    assert read["sync_run"] <= 20
    assert read["group_member"] <= rows + 100
    assert read["subscriber"] <= rows + 100
