"""The data service over real HTTP on loopback, with a token, over a database that commits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3
from django.test import Client

from rollkeeper.crm.data_service.tokens import create_token


@dataclass
class HttpClient:
    """A plain HTTP client of the data service, with a token."""

    url: str
    token: str
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    def get(self, path: str, method: str = "GET", **headers: str) -> urllib3.BaseHTTPResponse:
        given = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        address = path if path.startswith("http") else f"{self.url}/odata/{path}"
        return self.pool.request(method, address, headers=given, redirect=False)

    def error(self, path: str, status: int, **headers: str) -> str:
        """The message of the answer, which must have this status and OData's error body."""
        response = self.get(path, **headers)
        assert response.status == status, response.data[:500]
        body = json.loads(response.data)
        assert body["error"]["code"]
        return body["error"]["message"]


@pytest.fixture
def service(live_server: Any) -> Iterator[HttpClient]:
    """The service on a real server, over a database that commits."""
    found = HttpClient(live_server.url, create_token("test"))
    yield found
    found.pool.clear()


@pytest.fixture
def client(db: None) -> Client:
    """Django's client, with the headers of a token as `token`."""
    made = Client()
    made.token = {"Authorization": f"Bearer {create_token('test')}"}  # type: ignore[attr-defined]
    return made
