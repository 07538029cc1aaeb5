"""What the pages of Job Scheduling send. Whether a schedule can be so is the domain's to say (`schedule.py`)."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet

from rollkeeper.crm.jobs.models import Job, SetupCode
from rollkeeper.crm.schedules.models import JobSchedule
from rollkeeper.crm.schedules.pattern import (
    DAYS_IN_MONTH,
    LAST,
    MOST_EVERY,
    DayOfMonth,
    NthWeekday,
    Pattern,
    PatternRefused,
    Unit,
)
from rollkeeper.crm.schedules.schedule import Draft
from rollkeeper.crm.schedules.sentence import MONTHS, ORDINAL_WORDS, WEEKDAYS

UNITS = [(unit.value, unit.value.capitalize()) for unit in Unit]
ON = [("day", "Day of the month"), ("last", "Last day of the month"), ("weekday", "Day of the week")]
TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def unscheduled() -> QuerySet[SetupCode]:
    """The set-up codes of MKT600 that have no schedule yet."""
    return SetupCode.objects.filter(job=Job.MKT600, schedule__isnull=True).order_by("code")


class PatternForm(forms.Form):
    """The schedule pattern (recurrence rate), Begin and End. What the chosen unit does not use is passed over."""

    unit = forms.ChoiceField(label="Schedule pattern", choices=UNITS, widget=forms.RadioSelect, initial=Unit.DAY)
    every = forms.IntegerField(
        label="Every", initial=1, min_value=1, max_value=max(MOST_EVERY.values()), required=False
    )
    minute = forms.IntegerField(
        label="Minute of the hour",
        initial=0,
        min_value=0,
        max_value=59,
        required=False,
        help_text="0: on the hour.",
    )
    weekdays = forms.TypedMultipleChoiceField(
        label="Days of the week",
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    month = forms.TypedChoiceField(
        label="Month", choices=list(enumerate(MONTHS, 1)), coerce=int, required=False, initial=1
    )
    on = forms.ChoiceField(label="On", choices=ON, required=False, initial="day")
    day = forms.IntegerField(label="Day", initial=1, min_value=1, max_value=max(DAYS_IN_MONTH), required=False)
    ordinal = forms.TypedChoiceField(
        label="Which",
        choices=[(number, word.capitalize()) for number, word in ORDINAL_WORDS.items()],
        coerce=int,
        required=False,
        initial=1,
    )
    weekday = forms.TypedChoiceField(
        label="Day of the week", choices=list(enumerate(WEEKDAYS)), coerce=int, required=False, initial=0
    )
    times = forms.CharField(
        label="Times of day",
        initial="02:00",
        max_length=300,
        required=False,
        help_text="One or more, such as 02:00, 14:30.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    begin = forms.DateField(label="Begin date", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    end = forms.DateField(
        label="End date (optional)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day on which it runs.",
    )
    time_zone = forms.CharField(
        label="Time zone",
        max_length=64,
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Times are those of the clock there, in summer and winter.",
    )

    def clean_times(self) -> tuple[time, ...]:
        found = []
        for word in re.split(r"[,;\s]+", self.cleaned_data["times"].strip()):
            if word and not (match := TIME.fullmatch(word)):
                raise forms.ValidationError(f"“{word}” is no time of day. Write times like 02:00, 14:30.")
            if word and match:
                found.append(time(int(match[1]), int(match[2])))
        return tuple(found)

    def draft(self) -> Draft:
        """What a valid form says. Raises `PatternRefused` where something that the unit needs is missing."""
        made = self.cleaned_data
        unit = Unit(made["unit"])
        if made["every"] is None:
            raise PatternRefused("Say every how many: “Every” is a whole number.")
        if unit is Unit.HOUR and made["minute"] is None:
            raise PatternRefused("Give the minute of the hour; 0 is on the hour.")
        pattern = Pattern(
            unit,
            every=made["every"],
            minute=made["minute"] or 0,
            times=made["times"],
            weekdays=tuple(made["weekdays"]),
            day=self._day() if unit in {Unit.MONTH, Unit.YEAR} else None,
            month=made["month"] or None,
        )
        return Draft(pattern, made["time_zone"], made["begin"], made["end"])

    def _day(self) -> DayOfMonth | NthWeekday | None:
        made = self.cleaned_data
        if made["on"] == "last":
            return DayOfMonth(LAST)
        if made["on"] == "weekday":
            return (
                NthWeekday(made["ordinal"], made["weekday"]) if made["ordinal"] and made["weekday"] != "" else None
            )
        return DayOfMonth(made["day"]) if made["day"] else None


class SetupCodeField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """The set-up codes that have no schedule yet, each with what it is for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(unscheduled(), **options)

    def label_from_instance(self, obj: SetupCode) -> str:
        narrowed = f", list {obj.list_code}" if obj.list_code else ""
        return f"{obj.code} ({obj.get_frequency_display()}{narrowed})"


class NewScheduleForm(PatternForm):
    """A schedule that is not there yet: the set-up code that it is for, and the pattern."""

    setup_code = SetupCodeField(
        label="Setup Code",
        empty_label="Select the Setup Code",
        help_text="Each set-up code has one schedule; those that have theirs are not offered.",
    )


def first_values(today: date) -> dict[str, object]:
    """What a new form begins with: every day at two, from today on, in the organisation's time zone."""
    return {"begin": today, "time_zone": settings.TIME_ZONE}


def values_of(schedule: JobSchedule) -> dict[str, object]:
    """What the form of a schedule begins with."""
    pattern = schedule.pattern
    values: dict[str, object] = {
        "unit": pattern.unit,
        "every": pattern.every,
        "minute": pattern.minute,
        "weekdays": pattern.weekdays,
        "begin": schedule.begin,
        "end": schedule.end,
        "time_zone": schedule.time_zone,
    }
    if pattern.times:
        values["times"] = ", ".join(f"{each:%H:%M}" for each in pattern.times)
    if pattern.month is not None:
        values["month"] = pattern.month
    match pattern.day:
        case DayOfMonth(number) if number == LAST:
            values["on"] = "last"
        case DayOfMonth(number):
            values |= {"on": "day", "day": number}
        case NthWeekday(ordinal, weekday):
            values |= {"on": "weekday", "ordinal": ordinal, "weekday": weekday}
        case None:
            pass
    return values
