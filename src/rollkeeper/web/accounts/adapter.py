"""Sign-in rules: accounts are made by an administrator, never by a visitor (B22)."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignUp(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """No one signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
