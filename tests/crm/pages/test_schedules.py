"""Reporting › Job Scheduling, page by page: Create New, preview, what can be done with a schedule (S12, S14)."""

from __future__ import annotations

from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.schedules.models import JobSchedule
from tests.crm.pages.scheduling import past_run, schedule_all
from tests.crm.schedules.making import draft, make_setup_codes, scheduled

pytestmark = pytest.mark.django_db

SCHEDULING = "/reporting/job-scheduling/"
NEW = f"{SCHEDULING}create/MKT600/"
FORM = {
    "setup_code": "DAILY", "unit": "DAILY", "every": "1", "times": "02:00", "begin": "2030-01-01", "time_zone": "UTC",
}  # fmt: skip


@pytest.fixture(autouse=True)
def setup_codes() -> None:
    make_setup_codes()


def text(answer: Any) -> str:
    return unescape(" ".join(answer.content.decode().split()))


def test_the_job_is_searched_for_chosen_and_selected(marketer: Client) -> None:
    first = text(marketer.get(f"{SCHEDULING}create/"))
    assert "MKT510 –" not in first, "the list comes with Search"
    found = marketer.get(f"{SCHEDULING}create/?q=").context["found"]
    assert [(code, chosen) for code, _, chosen in found] == [("MKT510", False), ("MKT600", False)]
    assert [code for code, _, _ in marketer.get(f"{SCHEDULING}create/?q=regenerate").context["found"]] == ["MKT600"]
    assert marketer.get(f"{SCHEDULING}create/?q=nothing").context["found"] == []
    assert marketer.get(f"{SCHEDULING}create/?q=&job=MKT600").context["chosen"] == "MKT600"
    assert marketer.get(f"{SCHEDULING}create/?q=&job=MKT600&select=yes").url == NEW


@pytest.mark.parametrize(
    ("job", "says"), [("MKT510", "MKT510 is ad hoc"), ("", "Choose a job first"), ("X", "Choose a job first")]
)
def test_what_is_not_scheduled_is_not_selected(marketer: Client, job: str, says: str) -> None:  # S10
    answer = marketer.get(f"{SCHEDULING}create/?q=&job={job}&select=yes")
    assert answer.status_code == 422
    assert says in text(answer)


def test_save_makes_the_schedule_and_says_it_in_words(marketer: Client) -> None:
    answer = marketer.post(
        NEW,
        FORM
        | {"unit": "WEEKLY", "every": "2", "weekdays": ["0", "3"], "times": "6:00, 18:30", "end": "2030-12-31"},
    )
    made = JobSchedule.objects.get()
    assert answer.url == f"{SCHEDULING}schedules/{made.pk}/"
    assert made.rule.splitlines() == [
        "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;BYHOUR=6;BYMINUTE=0",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;BYHOUR=18;BYMINUTE=30",
    ]
    assert (made.setup_code_id, made.begin, made.end, made.changed_by) == (
        "DAILY",
        date(2030, 1, 1),
        date(2030, 12, 31),
        "marketing",
    )
    page = text(marketer.get(answer.url))
    assert "Every 2 weeks on Monday and Thursday at 06:00 and 18:30." in page
    assert "From 1 Jan 2030 to 31 Dec 2030, that day included." in page


def test_a_new_schedule_begins_today_in_the_organisations_zone(marketer: Client, settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    form = marketer.get(NEW).context["form"]
    assert form["time_zone"].value() == "America/New_York"
    assert form["begin"].value() == timezone.localdate()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"end": "2029-12-31"}, "The End date is before the Begin date."),
        ({"setup_code": ""}, "This field is required."),
        ({"setup_code": "WEEKLY"}, "Select a valid choice."),  # scheduled already (S12)
        ({"times": "25:00"}, "“25:00” is no time of day."),
        ({"times": ""}, "Give at least one time of day"),
        ({"unit": "SECONDLY"}, "Select a valid choice."),
        ({"every": ""}, "Say every how many"),
        ({"every": "0"}, "greater than or equal to 1"),
        ({"unit": "HOURLY", "minute": ""}, "Give the minute of the hour"),
        ({"unit": "WEEKLY"}, "Choose at least one day of the week."),
        ({"unit": "MONTHLY", "on": "day"}, "Choose the day of the month."),
        ({"unit": "MONTHLY", "on": "weekday"}, "Choose the day of the month."),
        ({"unit": "YEARLY", "on": "last"}, "Choose the month."),
        ({"begin": ""}, "This field is required."),
        ({"begin": "yesterday"}, "Enter a valid date."),
        ({"time_zone": "Mars"}, "There is no time zone 'Mars'."),
        ({"begin": "2020-01-01", "end": "2020-01-02"}, "This would never run"),
    ],
)
def test_a_refused_schedule_says_why_and_is_not_kept(marketer: Client, changed: dict[str, str], says: str) -> None:
    scheduled("WEEKLY")
    answer = marketer.post(NEW, FORM | changed)
    assert answer.status_code == 422
    assert says in text(answer)
    assert JobSchedule.objects.count() == 1


def test_the_preview_is_what_save_would_keep(marketer: Client) -> None:
    answer = marketer.get(f"{SCHEDULING}preview/", FORM | {"begin": "2030-03-01", "end": "2030-03-03"})
    assert text(answer).startswith('<p class="preview-sentence">Every day at 02:00.</p>')
    assert [run.words for run in answer.context["preview"].runs] == [
        "Friday, 1 Mar 2030, 02:00 UTC", "Saturday, 2 Mar 2030, 02:00 UTC", "Sunday, 3 Mar 2030, 02:00 UTC",
    ]  # fmt: skip


def test_the_preview_tells_a_time_that_the_clock_skips(marketer: Client) -> None:
    sent = FORM | {"times": "02:30", "begin": "2030-03-10", "end": "2030-03-11", "time_zone": "America/New_York"}
    preview = marketer.get(f"{SCHEDULING}preview/", sent).context["preview"]
    assert [(run.words, run.note) for run in preview.runs] == [
        ("Sunday, 10 Mar 2030, 03:00 EDT", "the clock is put on and has no 02:30 that day"),
        ("Monday, 11 Mar 2030, 02:30 EDT", ""),
    ]


def test_the_preview_tells_the_first_thing_that_is_wrong(marketer: Client) -> None:
    answer = marketer.get(f"{SCHEDULING}preview/", FORM | {"every": "many"})
    assert answer.status_code == 200
    assert "Enter a whole number." in text(answer)


def test_a_schedule_is_edited_from_what_it_is(marketer: Client) -> None:
    made = scheduled("DAILY", draft(end=date(2199, 1, 1)), now=timezone.now())
    path = f"{SCHEDULING}schedules/{made.pk}/change/"
    form = marketer.get(path).context["form"]
    shown = {name: form[name].value() for name in ("unit", "every", "times", "time_zone")}
    assert shown == {"unit": "DAILY", "every": 1, "times": "02:00", "time_zone": "UTC"}
    assert (
        marketer.post(path, FORM | {"version": "1", "unit": "MONTHLY", "on": "last", "times": "03:00"}).status_code
        == 302
    )
    made.refresh_from_db()
    assert made.sentence == "Every month on the last day at 03:00."
    conflict = marketer.post(path, FORM | {"version": "1"})
    assert conflict.status_code == 422
    assert "marketing changed this schedule meanwhile" in text(conflict)


def test_pause_resume_run_now_and_delete(marketer: Client) -> None:
    made = scheduled("DAILY", now=timezone.now())
    path = f"{SCHEDULING}schedules/{made.pk}/"
    marketer.post(f"{path}pause/")
    assert "It does not run until it is resumed" in text(marketer.get(path))
    marketer.post(f"{path}resume/")
    made.refresh_from_db()
    assert made.next_at is not None
    answer = marketer.post(f"{path}run-now/")
    run = JobRun.objects.get()
    assert answer.url == f"/reporting/jobs/runs/{run.pk}/"
    assert "Run now, marketing" in text(marketer.get(path))
    marketer.post(f"{path}delete/")
    assert not JobSchedule.objects.exists()
    assert marketer.get(path).status_code == 404
    assert marketer.get(answer.url).status_code == 200


def test_the_schedules_show_last_and_next_run_and_what_is_late(reader: Client) -> None:
    made = schedule_all()
    page = text(reader.get(SCHEDULING))
    assert "Create New" not in page, "readers get no button"
    assert "66.7 min" in page
    assert page.count("Late") == 1
    shown = {
        schedule.setup_code_id: [each.run.pk for each in schedule.last_runs]
        for schedule in reader.get(SCHEDULING).context["schedules"]
    }
    newest = JobRun.objects.filter(setup_code="DAILY").latest("id").pk
    assert shown["DAILY"] == [newest]
    assert shown["MONTHLY"] == []
    late = text(reader.get(f"{SCHEDULING}schedules/{made['WEEKLY'].pk}/"))
    assert "The last run was late." in late
    assert "2 more times of the schedule went by meanwhile" in late
    assert "Run now</button>" not in late


def test_a_run_that_was_late_says_so_on_its_page(reader: Client) -> None:
    made = scheduled("DAILY", now=timezone.now())
    late, fine = past_run("DAILY", 60, made, late=True), past_run("DAILY", 60, made)
    assert "no worker was there then, and it was taken up 3 h later" in text(
        reader.get(f"/reporting/jobs/runs/{late.pk}/")
    )
    assert "Late:" not in text(reader.get(f"/reporting/jobs/runs/{fine.pk}/"))


def test_set_up_codes_without_a_schedule_are_named(reader: Client) -> None:
    scheduled("DAILY", now=timezone.now())
    assert [setup.code for setup in reader.get(SCHEDULING).context["unscheduled"]] == [
        "HOURLY",
        "MONTHLY",
        "WEEKLY",
    ]


def test_the_week_shows_every_active_schedule_and_pages_by_week(reader: Client) -> None:
    schedule_all()
    context = reader.get(f"{SCHEDULING}week/").context
    names = {each.schedule.name for day in context["week"].days for each in day.schedules}
    assert names == {"HOURLY", "DAILY", "WEEKLY"}
    assert context["paused"] == 1
    assert context["week"].overlapping == ("DAILY", "HOURLY", "WEEKLY")
    other = reader.get(f"{SCHEDULING}week/?from=2030-05-01").context["week"]
    assert other.begin == date(2030, 4, 29)
    assert reader.get(f"{SCHEDULING}week/?from=nonsense").context["week"].begin == context["week"].begin
    assert reader.get(f"{SCHEDULING}week/?from=9999-12-31").context["week"].begin == context["week"].begin
    assert text(reader.get(f"{SCHEDULING}week/?from=2001-01-01")).count("Nothing runs in this week") == 1


def test_a_schedule_whose_end_is_past_says_that_it_is_over(reader: Client) -> None:
    made = scheduled("DAILY", now=timezone.now())
    yesterday = timezone.localdate() - timedelta(days=1)
    JobSchedule.objects.filter(pk=made.pk).update(next_at=None, begin=yesterday, end=yesterday)
    page = text(reader.get(f"{SCHEDULING}schedules/{made.pk}/"))
    assert "Over" in page
    assert "No run is left: its End date is past." in page
