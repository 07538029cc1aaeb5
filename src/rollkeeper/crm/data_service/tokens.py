"""Tokens that open the data service: made, checked, revoked.

A token is random and shown once; only its SHA-256 is kept, so a copy of the database opens nothing.
It comes as the password of HTTP Basic (any user name: Excel and Power BI know only that) or as a Bearer token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from rollkeeper.crm.data_service.models import ApiToken

PREFIX = "rkt_"  # so that secret scanners and people recognise one
LONGEST_TOKEN = 200
USE_IS_NOTED_EVERY = timedelta(minutes=1)  # a write a minute, not one a page of rows


class TokenNameTaken(ValueError):
    """A token of that name exists. Revoke it first, or choose another name."""


def create_token(name: str) -> str:
    """Make a token and return it. It cannot be read again. Raises `TokenNameTaken`.

    The name of a revoked token may be used again: the new token takes its row.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    fresh = {"digest": _digest(token), "revoked_at": None, "last_used_at": None}
    if ApiToken.objects.filter(name=name, revoked_at__isnull=False).update(**fresh):
        return token
    try:
        with transaction.atomic():
            ApiToken.objects.create(name=name, digest=fresh["digest"])
    except IntegrityError as error:
        raise TokenNameTaken(
            f"There is a token named {name!r}. Revoke it first, or choose another name."
        ) from error
    return token


def revoke(name: str, now: datetime) -> bool:
    """Make the token of that name open nothing any more, at once. False where there is no such token."""
    return bool(ApiToken.objects.filter(name=name, revoked_at__isnull=True).update(revoked_at=now))


def check(authorization: str, now: datetime) -> ApiToken | None:
    """The token that an Authorization header carries, if it opens the service; its use is noted."""
    token = token_in(authorization)
    if token is None:
        return None
    digest = _digest(token)
    found = ApiToken.objects.filter(digest=digest, revoked_at__isnull=True).first()
    if found is None or not hmac.compare_digest(bytes(found.digest), digest):
        return None
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
    ApiToken.objects.filter(stale, pk=found.pk).update(last_used_at=now)
    return found


def token_in(authorization: str) -> str | None:
    """The token in an Authorization header: a Bearer token, or the password of Basic; None where there is none."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            user_and_password = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        value = user_and_password.partition(":")[2]
    elif scheme.lower() != "bearer":
        return None
    return value if 0 < len(value) <= LONGEST_TOKEN else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
