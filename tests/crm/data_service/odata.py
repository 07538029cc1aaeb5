"""Asking the data service in the test's own process (what needs no stream)."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client


def get(client: Client, path: str, options: dict[str, str] | None = None, **headers: str) -> Any:
    """The JSON document at an address of the service; a full URL is followed as it is."""
    address = path if path.startswith("http") else f"/odata/{path}"
    response = client.get(address, options or {}, headers={**client.token, **headers})  # type: ignore[attr-defined]
    assert response.status_code == 200, response.content[:500]
    return json.loads(response.content)


def refused(client: Client, path: str, options: dict[str, str] | None, status: int, **headers: str) -> str:
    """The message of a refusal, which must have this status and OData's error body."""
    response = client.get(f"/odata/{path}", options or {}, headers={**client.token, **headers})  # type: ignore[attr-defined]
    assert response.status_code == status, response.content[:500]
    assert response["OData-Version"] == "4.0"
    error = json.loads(response.content)["error"]
    assert error["code"]
    return str(error["message"])


def everything(client: Client, path: str, options: dict[str, str] | None = None, **headers: str) -> list[Any]:
    """All rows of a collection, following `@odata.nextLink`."""
    page = get(client, path, options, **headers)
    rows = list(page["value"])
    while "@odata.nextLink" in page:
        page = get(client, page["@odata.nextLink"], **headers)
        rows += page["value"]
    return rows
