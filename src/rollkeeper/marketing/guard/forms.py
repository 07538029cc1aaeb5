"""The guard's limits as a form (B3)."""

from __future__ import annotations

from django import forms

from rollkeeper.marketing.guard.limits import Limits

MOST_PEOPLE = 1_000_000_000


class LimitsForm(forms.Form):
    """The limits of a bridge, or of one target group (`bridge`: what an empty field stands for there)."""

    share = forms.IntegerField(min_value=0, max_value=100, label="Share of the members, in per cent")
    floor = forms.IntegerField(min_value=0, max_value=MOST_PEOPLE, label="Floor, in people")

    def __init__(self, *args: object, bridge: Limits | None = None, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # handed through
        share, floor = self.fields["share"], self.fields["floor"]
        share.help_text = "A sync that would remove more than this share of the members holds all removals."
        floor.help_text = "Fewer removals than this are made whatever the share."
        if bridge is not None:
            share.required = floor.required = False
            share.help_text += f" Empty: the bridge's, {bridge.share} %."
            floor.help_text += f" Empty: the bridge's, {bridge.floor:,}."

    def limits(self) -> Limits:
        """What was entered; of a group None for an empty field."""
        return Limits(self.cleaned_data["share"], self.cleaned_data["floor"])
