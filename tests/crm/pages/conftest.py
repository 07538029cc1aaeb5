from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from tests.crm.pages.association import Association, associate
from tests.web.browser import Window, browser, window

__all__ = ["browser", "window"]

BACKEND = "django.contrib.auth.backends.ModelBackend"


def signed_in_as(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def of_group(name: str, users: Any) -> Client:
    user = users.objects.create_user(name)
    user.groups.add(Group.objects.get_or_create(name=name)[0])
    return signed_in_as(user)


@pytest.fixture
def association(db: None) -> Association:
    return associate()


@pytest.fixture
def reader(db: None, django_user_model: Any) -> Client:
    """Someone who may look, and nothing else."""
    return signed_in_as(django_user_model.objects.create_user("reader"))


@pytest.fixture
def clerk(db: None, django_user_model: Any) -> Client:
    return of_group("clerk", django_user_model)


@pytest.fixture
def marketer(db: None, django_user_model: Any) -> Client:
    return of_group("marketing", django_user_model)


@pytest.fixture
def administrator(db: None, django_user_model: Any) -> Client:
    return signed_in_as(django_user_model.objects.create_superuser("administrator"))


@pytest.fixture
def desk(window: Window, transactional_db: None, django_user_model: Any, settings: Any) -> Window:
    """An administrator's browser, signed in."""
    client = signed_in_as(django_user_model.objects.create_superuser("administrator"))
    window.sign_in(client.cookies, settings.SESSION_COOKIE_NAME)
    return window
