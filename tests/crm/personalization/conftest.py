from __future__ import annotations

from collections.abc import Callable

import pytest

from rollkeeper.crm.personalization.fields import add_field
from rollkeeper.crm.personalization.models import PersonalizationField, WithdrawnField


@pytest.fixture
def view(db: None) -> Callable[..., None]:
    """Sets the whole view: names and sources."""

    def put(**sources: str) -> None:
        PersonalizationField.objects.all().delete()
        WithdrawnField.objects.all().delete()
        for name, source in sources.items():
            add_field(name, source)

    return put
