"""The addresses of the API tokens' pages (`urls.py` has the data service's own)."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.data_service import pages

urlpatterns = [
    path("", pages.tokens, name="api-tokens"),
    path("create/", pages.create, name="api-token-create"),
    path("<int:token_id>/revoke/", pages.revoke_token, name="api-token-revoke"),
]
