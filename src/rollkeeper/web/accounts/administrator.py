"""The administrator of a site: made at first start, with a random password that is shown once (B22)."""

from __future__ import annotations

import secrets

from axes.utils import reset
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

ADMINISTRATOR = "administrator"
PASSWORD_BYTES = 15  # 20 characters


def ensure_administrator() -> str | None:
    """Make the administrator where the site has none yet. Returns the password, or None where there is one."""
    users = get_user_model()
    if users.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    users.objects.create_superuser(username=ADMINISTRATOR, password=password)
    return password


def reset_password(username: str) -> str:
    """Give a user a new random password, end its lock-out after wrong ones, and return the password.

    Raises `User.DoesNotExist`.
    """
    user = User.objects.get(username=username)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(password)
    user.save(update_fields=["password"])
    reset(username=username)
    return password
