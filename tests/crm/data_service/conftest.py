"""The data service over real HTTP on loopback, with a token, over a database that commits."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3

from rollkeeper.crm.data_service.tokens import create_token


@dataclass
class Client:
    """A plain HTTP client of the data service, with a token."""

    url: str
    token: str
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    def get(self, path: str, method: str = "GET", **headers: str) -> urllib3.BaseHTTPResponse:
        given = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        address = path if path.startswith("http") else f"{self.url}/odata/{path}"
        return self.pool.request(method, address, headers=given, redirect=False)

    def json(self, path: str, **headers: str) -> Any:
        response = self.get(path, **headers)
        assert response.status == 200, response.data[:500]
        return json.loads(response.data)

    def values(self, path: str) -> list[dict[str, Any]]:
        """All rows of a collection, following `@odata.nextLink`."""
        rows: list[dict[str, Any]] = []
        next_link: str | None = path
        while next_link:
            page = self.json(next_link)
            rows += page["value"]
            next_link = page.get("@odata.nextLink")
        return rows

    def error(self, path: str, status: int, **headers: str) -> str:
        """The message of the answer, which must have this status and OData's error body."""
        response = self.get(path, **headers)
        assert response.status == status, response.data[:500]
        body = json.loads(response.data)
        assert body["error"]["code"]
        return body["error"]["message"]


def basic(token: str, user: str = "excel") -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


@pytest.fixture
def token(transactional_db: None) -> str:
    return create_token("test")


@pytest.fixture
def client(live_server: Any, token: str) -> Client:  # type: ignore[override]  # our own, not Django's
    with_pool = Client(live_server.url, token)
    yield with_pool
    with_pool.pool.clear()
