"""What the data service answers when it cannot answer: OData's error body, and how a refusal is raised."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse, JsonResponse


class Refusal(Exception):
    """The answer to a request that cannot be served: HTTP status, OData error code, one sentence."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def response(self) -> HttpResponse:
        body = {"error": {"code": self.code, "message": self.message}}
        return JsonResponse(body, status=self.status, headers=dict(self.headers))


def bad_request(message: str) -> Refusal:
    """400: the request says something that this service does not understand; the message names it."""
    return Refusal(400, "BadRequest", message)


def not_found(message: str) -> Refusal:
    """404: there is no such thing."""
    return Refusal(404, "NotFound", message)
