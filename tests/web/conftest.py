from __future__ import annotations

from typing import Any

import pytest

from tests.web.browser import Window, browser, window

__all__ = ["browser", "window"]


@pytest.fixture
def somebody(django_user_model: Any, transactional_db: None) -> Any:
    return django_user_model.objects.create_user("ada", password="correct horse battery")


@pytest.fixture
def signed_in(window: Window, client: Any, somebody: Any, settings: Any) -> Window:
    client.force_login(somebody, backend="django.contrib.auth.backends.ModelBackend")
    window.sign_in(client.cookies, settings.SESSION_COOKIE_NAME)
    return window
