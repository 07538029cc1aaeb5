"""What List Maintenance sends: a definition (rule, SQL or a file of ids) and the Optional Information."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from rollkeeper.crm.lists.definition import LONGEST_NAME
from rollkeeper.crm.lists.imported_ids import IdFile
from rollkeeper.crm.lists.models import DefinitionKind, Frequency, MarketingList
from rollkeeper.crm.lists.parts import Merge
from rollkeeper.crm.lists.sql_allowed import LONGEST_QUERY

EXAMPLE_RULE = '{"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]}'
LARGEST_RULE = 1_000_000  # characters


class OptionalInformationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """The regeneration frequency (S9, S12), and whether the list may be empty (S11)."""

    class Meta:
        model = MarketingList
        fields = ["frequency", "may_be_empty"]
        labels = {"frequency": "Regeneration Frequency", "may_be_empty": "This list may be empty"}
        help_texts = {
            "frequency": (
                "MKT600 regenerates the list with the set-up code of this frequency. "
                "Always: in every run. None: in none."
            ),
            "may_be_empty": "Without this, a first build by MKT510 that finds no one does not count.",
        }


class DefinitionForm(forms.Form):
    """One definition: that of the chosen kind. The others' fields are not looked at."""

    name = forms.CharField(max_length=LONGEST_NAME)
    kind = forms.ChoiceField(choices=DefinitionKind.choices, label="Made from", initial=DefinitionKind.RULE)
    rule = forms.CharField(
        required=False,
        label="Rule (JSON)",
        max_length=LARGEST_RULE,
        widget=forms.Textarea(
            attrs={"rows": 10, "spellcheck": "false", "class": "mono", "placeholder": EXAMPLE_RULE}
        ),
        help_text='Groups of conditions, each joined by "and" or by "or", as react-querybuilder writes them.',
    )
    sql = forms.CharField(
        required=False,
        label="SQL",
        max_length=LONGEST_QUERY,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text=(
            "One query with the column master_customer_id (and sub_customer_id where it is not 0) over the views "
            "constituents, email_addresses, memberships, events, gifts, interests and lists."
        ),
    )
    ids = forms.FileField(
        required=False,
        label="Customer ids (CSV)",
        allow_empty_file=True,
        help_text="One master,sub a line, without a header. Lines that hold no id are set aside and named.",
    )

    combined = forms.CharField(
        required=False,
        label="Lists that go in",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        help_text="Codes, one a line. Everyone who is in one of them as last regenerated.",
    )
    excluded = forms.CharField(
        required=False,
        label="Lists that are kept out",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text="Codes, one a line. No one who is in one of these.",
    )

    def clean_combined(self) -> Merge | None:
        """Both boxes as one definition. None where the list is made from something else."""
        if self._kind != DefinitionKind.MERGE:
            return None
        codes = [tuple(self.data.get(name, "").replace("\x00", " ").split()) for name in ("combined", "excluded")]
        return Merge(*codes)

    def clean_rule(self) -> Any:
        """The JSON, read. None where the list is made from something else."""
        text = self.cleaned_data["rule"]
        if self._kind != DefinitionKind.RULE:
            return None
        if not text.strip():
            raise forms.ValidationError("Enter a rule.")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            where = (
                f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            )
            what = error.msg if isinstance(error, json.JSONDecodeError) else "too deep"
            raise forms.ValidationError(f"This is no JSON: {what}{where}.") from error

    def clean_sql(self) -> str | None:
        if self._kind != DefinitionKind.SQL:
            return None
        if not self.cleaned_data["sql"].strip():
            raise forms.ValidationError("Enter a query.")
        return str(self.cleaned_data["sql"])

    def clean_ids(self) -> UploadedFile[bytes] | None:
        if self._kind != DefinitionKind.IDS:
            return None
        upload = self.cleaned_data["ids"]
        if upload is None and not self.keeps_ids:
            raise forms.ValidationError("Choose a file of customer ids.")
        return upload if isinstance(upload, UploadedFile) else None

    @property
    def _kind(self) -> str:
        return str(self.cleaned_data.get("kind", ""))

    @property
    def keeps_ids(self) -> bool:
        """Whether no file means: the ids stay as they are."""
        return bool(self.initial.get("kind") == DefinitionKind.IDS)


class NewListForm(DefinitionForm):
    """A new list has a code too, and may be given its frequency at once."""

    code = forms.CharField(
        max_length=60, help_text="Letters, digits, _ - and . such as NEWSLETTER_TX. It stays for ever."
    )
    frequency = forms.ChoiceField(choices=Frequency.choices, initial=Frequency.NONE, label="Regeneration Frequency")
    may_be_empty = forms.BooleanField(required=False, label="This list may be empty")

    field_order = [
        "code",
        "name",
        "kind",
        "rule",
        "sql",
        "ids",
        "combined",
        "excluded",
        "frequency",
        "may_be_empty",
    ]


@contextmanager
def id_file(upload: UploadedFile[bytes]) -> Iterator[IdFile]:
    """An upload as a file of ids; the copy is gone afterwards."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        for chunk in upload.chunks():
            copy.write(chunk)
        copy.flush()
        yield IdFile(Path(copy.name))
