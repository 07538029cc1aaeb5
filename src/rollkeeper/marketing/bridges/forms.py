"""What an administrator may change about a bridge (S34)."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms

from rollkeeper.marketing.bridges.models import Bridge, PersonalizationField
from rollkeeper.marketing.bridges.secret import conceal
from rollkeeper.marketing.target_groups.tokens import forget_tokens


class BridgeForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    """The connection. The token is never shown: what is typed replaces it, left empty it stays."""

    token = forms.CharField(
        required=False,
        label="Token",
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Never shown. Leave it empty to keep the one there is.",
    )

    class Meta:
        model = Bridge
        fields = ["name", "url", "account", "is_enabled"]
        widgets = {"name": forms.TextInput, "url": forms.URLInput, "account": forms.TextInput}
        labels = {"url": "Address (URL)", "is_enabled": "Switched on"}
        help_texts = {"url": "Where the CRM's data service answers, for example https://crm.example.org/odata/"}

    def clean_url(self) -> str:
        """An http or https address with a host, and no password in it (it would show on this page)."""
        url = str(self.cleaned_data["url"]).strip()
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise forms.ValidationError("Enter an address that begins with http:// or https:// and names a host.")
        if parts.password:
            raise forms.ValidationError("Leave the password out of the address: enter it as the token below.")
        return url

    def save(self, commit: bool = True) -> Bridge:
        if self.cleaned_data["token"]:
            self.instance.secret = conceal(self.cleaned_data["token"])
        saved: Bridge = super().save(commit)
        if {"url", "account", "token"} & set(self.changed_data):
            forget_tokens(saved)  # another address or account may show another CRM, or other people of the same one
        return saved


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]  # as above
    """What the marketing side says of a field; its name, label and type are the CRM's."""

    class Meta:
        model = PersonalizationField
        fields = ["default", "comment"]
        widgets = {
            "default": forms.TextInput(attrs={"maxlength": 500}),
            "comment": forms.Textarea(attrs={"rows": 3}),
        }
        labels = {"default": "Personalization default"}
        help_texts = {"default": "What a mailing says where the person has no value."}
