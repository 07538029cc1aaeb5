"""What was typed into *Create New Constituent* so far: in the session, nothing of it in the CRM before the Save.

A draft has a key in the page's address, so that several can be at work, each page can be loaded again, and Back
shows what was typed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import QueryDict

from rollkeeper.crm.constituents.details import NAME, PLACE, WORK
from rollkeeper.crm.constituents.duplicates import Person
from rollkeeper.crm.constituents.new_constituent import NewConstituent
from rollkeeper.crm.constituents.new_forms import ContactStep, NameStep, SpecialStep

SESSION_KEY = "new_constituents"
KEPT = 5  # drafts of one person; older ones are forgotten

StepForm = NameStep | ContactStep | SpecialStep
Typed = dict[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the wizard, by its word in addresses."""

    slug: str
    title: str
    form: type[StepForm]


STEPS = (
    Step("name", "Name", NameStep),
    Step("contact-information", "Contact information", ContactStep),
    Step("special-info", "Special Info", SpecialStep),
)
REVIEW = "review"


@dataclass(slots=True)
class Draft:
    """`typed`: by step, what was typed into it. `made`: the id of the constituent that its Save created."""

    key: str
    typed: dict[str, Typed] = field(default_factory=dict)
    made: int | None = None

    def bound(self, step: Step) -> StepForm:
        """The step's form over what was typed."""
        return step.form(self.typed.get(step.slug, {}))

    def first_open(self) -> Step | None:
        """The first step that cannot be as it is, or was not yet filled in; None: all are well."""
        for step in STEPS:
            if step.slug not in self.typed or not self.bound(step).is_valid():
                return step
        return None

    def new_constituent(self) -> NewConstituent:
        """What shall be created. For a draft whose steps are all well."""
        sent: dict[str, Any] = {}
        for step in STEPS:
            form = self.bound(step)
            form.is_valid()
            sent |= form.cleaned_data
        texts = {name: sent[name] for name in ("record_type", *NAME, *WORK, *PLACE) if name in sent}
        if not texts["label_name"]:
            written = f"{texts['first_name']} {texts['last_name']}".strip()
            texts["label_name"] = written or texts["organization"]
        return NewConstituent(
            texts=texts,
            allow_solicitation=sent["allow_solicitation"] == "yes",
            allow_email=sent["allow_email"] == "yes",
            email=sent["email"],
            location_code=sent["location_code"],
            master_customer_id=sent["master_customer_id"],
        )

    def person(self) -> Person:
        """What is known so far, for the search for duplicates."""
        flat = {name: value.strip() for typed in self.typed.values() for name, value in typed.items()}
        return Person(**{name: flat.get(name, "") for name in Person.__dataclass_fields__})


def new_key() -> str:
    """A key for a draft."""
    return secrets.token_urlsafe(9)


def read_draft(session: SessionBase, key: str) -> Draft:
    """The draft of that key; an empty one where the session has none."""
    found = session.get(SESSION_KEY, {}).get(key, {})
    return Draft(key, found.get("typed", {}), found.get("made"))


def keep_draft(session: SessionBase, draft: Draft) -> None:
    """Keep the draft, and of the others the latest."""
    others = {key: value for key, value in session.get(SESSION_KEY, {}).items() if key != draft.key}
    latest = dict(list(others.items())[-(KEPT - 1) :])
    session[SESSION_KEY] = {**latest, draft.key: {"typed": draft.typed, "made": draft.made}}


def typed_into(step: Step, sent: QueryDict) -> Typed:
    """What was sent for a step's fields."""
    return {name: sent.get(name, "")[:1000] for name in step.form.base_fields}
