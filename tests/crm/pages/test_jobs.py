"""Reporting › Jobs: asking for MKT510 and MKT600, and watching them (S10–S13)."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import record_run
from rollkeeper.crm.lists.models import MarketingList
from tests.crm.pages.association import Association
from tests.crm.schedules.making import scheduled

JOBS = "/reporting/jobs/"


def text(answer: Any) -> str:
    return unescape(" ".join(answer.content.decode().split()))


def test_mkt510_is_requested_as_work_and_its_page_opens(association: Association, marketer: Client) -> None:  # S10
    answer = marketer.post(f"{JOBS}run-mkt510/", {"list_code": "UNBUILT"})
    run = JobRun.objects.latest("id")
    assert answer.url == f"{JOBS}runs/{run.pk}/"
    assert (run.job, run.list_code, run.requested_by, run.state) == ("MKT510", "UNBUILT", "marketing", "waiting")
    assert requested_work() == [run.pk]


def test_mkt600_is_requested_with_a_set_up_code_and_a_list(
    association: Association, marketer: Client
) -> None:  # S12
    marketer.post(f"{JOBS}run-mkt600/", {"setup_code": "DAILY"})
    marketer.post(f"{JOBS}run-mkt600/", {"setup_code": "DAILY", "list_code": "TEXANS"})
    runs = JobRun.objects.filter(job="MKT600").order_by("id")
    assert [(run.setup_code_id, run.list_code) for run in runs] == [("DAILY", ""), ("DAILY", "TEXANS")]


def requested_work() -> list[int]:
    from procrastinate.contrib.django.models import ProcrastinateJob

    return [job.args["run_id"] for job in ProcrastinateJob.objects.filter(task_name="jobs.perform").order_by("id")]


@pytest.mark.parametrize(
    ("job", "sent", "words"),
    [
        ("mkt510", {"list_code": "GONE"}, "There is no list 'GONE'."),
        ("mkt510", {}, "This field is required."),
        ("mkt600", {}, "This field is required."),
        ("mkt600", {"setup_code": "NEVER"}, "Select a valid choice."),
        ("mkt600", {"setup_code": "WEEKLY", "list_code": "TEXANS"}, "has the regeneration frequency DAILY"),  # S12
    ],
)
def test_a_refused_run_says_why_and_is_not_recorded(
    association: Association, marketer: Client, job: str, sent: dict[str, str], words: str
) -> None:
    answer = marketer.post(f"{JOBS}run-{job}/", sent)
    assert answer.status_code == 422
    assert words in text(answer)
    assert JobRun.objects.count() == 1, "only the association's own"
    assert requested_work() == []


def test_a_running_run_is_polled_and_the_last_answer_stops_it(association: Association, marketer: Client) -> None:
    run = JobRun.objects.create(job="MKT600", setup_code_id="DAILY", requested_by="ada")
    path = f"{JOBS}runs/{run.pk}/"
    assert 'hx-trigger="every 2s"' in text(marketer.get(path))
    assert "waiting for a worker" in text(marketer.get(f"{path}progress/", headers={"hx-request": "true"}))
    JobRun.objects.filter(pk=run.pk).update(state="running")
    answer = marketer.get(f"{path}progress/", headers={"hx-request": "true"})
    assert answer.status_code == 200
    assert "0 of 2 lists done" in text(answer)
    perform(run.pk)
    answer = marketer.get(f"{path}progress/", headers={"hx-request": "true"})
    assert answer.status_code == 286
    assert "hx-trigger" not in text(answer)
    assert f"Run {run.pk}: Completed. 1 list regenerated. 1 skipped: UNBUILT." in text(answer), "said aloud"


def test_a_run_shows_each_list_with_outcome_reason_and_members(
    association: Association, reader: Client
) -> None:  # S11
    Constituent.objects.filter(pk=association.ada.pk).update(state="CA")
    run = perform(JobRun.objects.create(job="MKT600", setup_code_id="DAILY", requested_by="ada").pk)
    page = text(reader.get(f"{JOBS}runs/{run.pk}/"))
    assert "1 list skipped." in page
    assert "MKT510 has not built this list yet. Run MKT510 for it first." in page
    results = {result.list.code: result for result in reader.get(f"{JOBS}runs/{run.pk}/").context["page"].rows}
    assert (results["TEXANS"].members, results["TEXANS"].removed) == (1, 1)
    skipped = reader.get(f"{JOBS}runs/{run.pk}/?outcome=skipped").context["page"].rows
    assert [result.list.code for result in skipped] == ["UNBUILT"]


def test_a_waiting_run_says_when_no_worker_is_there(association: Association, reader: Client) -> None:
    from datetime import timedelta

    run = JobRun.objects.create(job="MKT510", list_code="TEXANS", requested_by="ada")
    JobRun.objects.filter(pk=run.pk).update(requested_at=timezone.now() - timedelta(minutes=1))
    assert "No worker has taken it yet" in text(reader.get(f"{JOBS}runs/{run.pk}/"))


def test_the_jobs_page_shows_set_up_codes_with_the_lists_of_a_run(association: Association, reader: Client) -> None:
    context = reader.get(JOBS).context
    assert {setup.code: lists for setup, lists in context["setup_codes"]} == {
        "DAILY": 2, "HOURLY": 0, "MONTHLY": 0, "WEEKLY": 0,
    }  # fmt: skip
    assert "Run MKT510</button>" not in text(reader.get(JOBS)), "readers get no button"


def test_runs_are_listed_newest_first_and_by_state(association: Association, reader: Client) -> None:
    waiting = JobRun.objects.create(job="MKT510", list_code="TEXANS", requested_by="ada")
    assert [run.pk for run in reader.get(JOBS).context["page"].rows] == [waiting.pk, association.first_run.pk]
    assert [run.pk for run in reader.get(f"{JOBS}?state=waiting").context["page"].rows] == [waiting.pk]
    assert reader.get(f"{JOBS}?state=bad").status_code == 200


def test_a_run_is_cancelled_and_says_by_whom(association: Association, marketer: Client) -> None:
    run = JobRun.objects.create(job="MKT600", setup_code_id="DAILY", requested_by="ada")
    path = f"{JOBS}runs/{run.pk}/"
    assert "Cancel run" in text(marketer.get(path))
    assert marketer.post(f"{path}cancel/").url == path
    page = text(marketer.get(path))
    assert "Cancelled by marketing before it began." in page
    assert "Cancel run" not in page
    assert "marketing asked to cancel the run." in page, "in the log"


def test_what_failed_is_run_again_from_the_runs_page(association: Association, marketer: Client) -> None:
    MarketingList.objects.filter(code="TEXANS").update(rule={"combinator": "xor", "rules": []})
    failed = perform(record_run("MKT600", setup_code="DAILY", requested_by="ada").pk)
    assert "Run failed again" in text(marketer.get(f"{JOBS}runs/{failed.pk}/"))
    answer = marketer.post(f"{JOBS}runs/{failed.pk}/run-failed-again/")
    again = JobRun.objects.latest("id")
    assert (answer.url, again.again_of_id) == (f"{JOBS}runs/{again.pk}/", failed.pk)
    assert f'The lists that failed in <a href="{JOBS}runs/{failed.pk}/">run {failed.pk}</a>' in text(
        marketer.get(answer.url)
    )
    assert "Run failed again" not in text(marketer.get(f"{JOBS}runs/{association.first_run.pk}/"))


def test_the_whole_log_is_plain_text(association: Association, reader: Client) -> None:
    answer = reader.get(f"{JOBS}runs/{association.first_run.pk}/log/")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert answer["Content-Type"].startswith("text/plain")
    assert [line.split(" ", 1)[1] for line in lines][:2] == ["info Requested by ada.", "info Began: 1 list to do."]


def test_a_set_up_code_is_made_changed_run_and_deleted(association: Association, marketer: Client) -> None:  # S12
    made = marketer.post(f"{JOBS}set-up-codes/create/", {"code": "BUILD", "job": "MKT510", "list_code": "TEXANS"})
    assert made.url == JOBS
    path = f"{JOBS}set-up-codes/codes/BUILD/"
    answer = marketer.post(f"{path}run/")
    run = JobRun.objects.latest("id")
    assert (answer.url, run.setup_code_id, run.list_code) == (f"{JOBS}runs/{run.pk}/", "BUILD", "TEXANS")
    perform(run.pk)
    assert marketer.post(path, {"list_code": "UNBUILT", "description": "First build"}).url == JOBS
    assert "First build" in text(marketer.get(JOBS))
    assert marketer.post(f"{path}delete/").url == JOBS
    assert "BUILD" not in {setup.code for setup, _ in marketer.get(JOBS).context["setup_codes"]}
    assert "MKT510 BUILD, list TEXANS" in text(marketer.get(JOBS)), "its run keeps its name"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"code": "NIGHTLY", "job": "MKT600", "frequency": "DAILY"}, "One set-up code a regeneration frequency"),
        ({"code": "X", "job": "MKT510"}, "give its List Code"),
        ({"code": "", "job": "MKT510"}, "This field is required."),
    ],
)
def test_a_refused_set_up_code_says_why(
    association: Association, marketer: Client, sent: dict[str, str], says: str
) -> None:
    assert says in text(marketer.post(f"{JOBS}set-up-codes/create/", sent))


def test_a_set_up_code_that_is_scheduled_is_not_deleted(association: Association, marketer: Client) -> None:
    scheduled("DAILY", now=timezone.now())
    answer = marketer.post(f"{JOBS}set-up-codes/codes/DAILY/delete/", follow=True)
    assert "DAILY is scheduled. Delete its schedule under Job Scheduling first." in text(answer)
