"""Reporting › Job Scheduling: the schedules, Create New, one schedule and what can be done with it (S12, S14)."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import available_timezones

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rollkeeper.crm.jobs.models import Job
from rollkeeper.crm.jobs.request import JobRefused
from rollkeeper.crm.schedules import schedule as domain
from rollkeeper.crm.schedules.forms import NewScheduleForm, PatternForm, first_values, unscheduled, values_of
from rollkeeper.crm.schedules.models import JobSchedule, ScheduledRun
from rollkeeper.crm.schedules.pattern import PatternRefused
from rollkeeper.crm.schedules.preview import preview_of
from rollkeeper.crm.schedules.rules import MAY_SCHEDULE
from rollkeeper.crm.schedules.schedule import RUNS_SHOWN, ScheduleRefused
from rollkeeper.crm.schedules.usual import usual_durations
from rollkeeper.web.paging import keyset_page

ORIGIN = "Job Scheduling page"
AD_HOC = (
    "MKT510 is ad hoc: run it once for each list, under Reporting › Jobs, before MKT600. "
    "Choose MKT600, which is scheduled."
)


@require_GET
def schedules(request: HttpRequest) -> HttpResponse:
    """Every schedule with its last and next run."""
    last_runs = (
        ScheduledRun.objects.select_related("run").order_by("schedule_id", "-run_id").distinct("schedule_id")
    )
    found = JobSchedule.objects.select_related("setup_code").prefetch_related(
        Prefetch("runs", queryset=last_runs, to_attr="last_runs")
    )
    context = {"schedules": found, "unscheduled": unscheduled(), "usual": usual_durations()}
    return render(request, "schedules/schedules.html", context)


@require_GET
@permission_required(MAY_SCHEDULE, raise_exception=True)
def create(request: HttpRequest) -> HttpResponse:
    """Create New: Search for the job, double-click it, Select."""
    job = request.GET.get("job", "")
    refusal = ""
    if "select" in request.GET:
        if job == Job.MKT600:
            return redirect("job-scheduling-new")
        refusal = AD_HOC if job == Job.MKT510 else "Choose a job first: double-click MKT600, then click Select."
    text = request.GET.get("q")
    context = {
        "found": None if text is None else [(each.value, each.label, each.value == job) for each in _jobs(text)],
        "chosen": job if job in Job.values else "",
        "refusal": refusal,
        "text": text or "",
    }
    return render(request, "schedules/choose_job.html", context, status=422 if refusal else 200)


def _jobs(text: str) -> list[Job]:
    words = text.casefold().split()
    return [job for job in Job if all(word in job.label.casefold() for word in words)]


@require_http_methods(["GET", "POST"])
@permission_required(MAY_SCHEDULE, raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    """Setup Code › pattern › Begin (End optional) › Save."""
    now = timezone.now()
    posted = request.POST if request.method == "POST" else None
    form = NewScheduleForm(posted, initial=first_values(timezone.localdate()))
    if form.is_valid():
        try:
            made = domain.create_schedule(
                form.cleaned_data["setup_code"].code,
                form.draft(),
                author=request.user.get_username(),
                origin=ORIGIN,
                now=now,
            )
        except (ScheduleRefused, PatternRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Saved: {made}. {made.sentence}")
            return redirect("job-schedule", made.pk)
    return _form_page(request, form)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_SCHEDULE, raise_exception=True)
def change(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Give a schedule another pattern, or another span."""
    found = get_object_or_404(JobSchedule, pk=schedule_id)
    form = PatternForm(request.POST if request.method == "POST" else None, initial=values_of(found))
    if form.is_valid():
        version = request.POST.get("version", "")
        try:
            domain.change_schedule(
                found.pk,
                form.draft(),
                version=int(version) if version.isascii() and version.isdigit() else 0,
                author=request.user.get_username(),
                origin=ORIGIN,
                now=timezone.now(),
            )
        except (ScheduleRefused, PatternRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Saved.")
            return redirect("job-schedule", found.pk)
    return _form_page(request, form, found)


def _form_page(request: HttpRequest, form: PatternForm, found: JobSchedule | None = None) -> HttpResponse:
    context = {
        "form": form,
        "schedule": found,
        "preview": preview_of(form, timezone.now()),
        "time_zones": sorted(available_timezones()),
    }
    return render(request, "schedules/form.html", context, status=422 if form.errors else 200)


@require_GET
@permission_required(MAY_SCHEDULE, raise_exception=True)
def preview(request: HttpRequest) -> HttpResponse:
    """The sentence and the next five runs of the form as it stands now."""
    made = preview_of(PatternForm(request.GET), timezone.now())
    return render(request, "schedules/preview.html", {"preview": made})


@require_GET
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """One schedule: its pattern in words, its next runs, and those that came of it."""
    found = get_object_or_404(JobSchedule.objects.select_related("setup_code"), pk=schedule_id)
    runs: QuerySet[ScheduledRun] = found.runs.select_related("run__setup_code")
    page = keyset_page(runs, request, ("run_id",), descending=True, size=25)
    context = {
        "schedule": found,
        "preview": preview_of(PatternForm(), timezone.now(), found),
        "usual": usual_durations().get(found.setup_code_id),
        "page": page,
        "late": next((each for each in page.rows[:1] if each.is_late), None),
        "runs_shown": RUNS_SHOWN,
    }
    return render(request, "schedules/schedule.html", context)


@require_POST
@permission_required(MAY_SCHEDULE, raise_exception=True)
def pause(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Let it not run until it is resumed."""
    return _act(request, schedule_id, domain.pause, "Paused. It does not run until it is resumed.")


@require_POST
@permission_required(MAY_SCHEDULE, raise_exception=True)
def resume(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Let it run again, from its next time on."""
    return _act(request, schedule_id, domain.resume, "Resumed. Times that passed meanwhile are not made up for.")


def _act(request: HttpRequest, schedule_id: int, action: Callable[..., JobSchedule], said: str) -> HttpResponse:
    get_object_or_404(JobSchedule, pk=schedule_id)
    try:
        action(schedule_id, author=request.user.get_username(), origin=ORIGIN, now=timezone.now())
    except ScheduleRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("job-schedule", schedule_id)


@require_POST
@permission_required(MAY_SCHEDULE, raise_exception=True)
def run_now(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Ask for a run at once; the next time stays as it is."""
    get_object_or_404(JobSchedule, pk=schedule_id)
    try:
        run = domain.run_now(schedule_id, author=request.user.get_username(), now=timezone.now())
    except (JobRefused, ScheduleRefused) as refusal:
        messages.error(request, str(refusal))
        return redirect("job-schedule", schedule_id)
    return redirect("job-run", run.pk)


@require_POST
@permission_required(MAY_SCHEDULE, raise_exception=True)
def delete(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """Delete it; the runs that came of it stay."""
    found = get_object_or_404(JobSchedule, pk=schedule_id)
    try:
        domain.delete(schedule_id, author=request.user.get_username(), origin=ORIGIN)
    except ScheduleRefused as refusal:  # somebody else deleted it this very moment
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Deleted: the schedule of {found}. Its runs stay under Jobs.")
    return redirect("job-scheduling")
