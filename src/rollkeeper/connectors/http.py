"""HTTP for connectors: one place knows the client library, its errors and what a CRM may do to us.

Certificates are verified, redirects are not followed (a token goes nowhere but where it was meant to), error
bodies are read to a limit, and each failure becomes one of the connector's errors with a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from rollkeeper.sync.connector import ConnectorError, SourceMisconfigured, SourceNonsense, SourceUnavailable

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60  # between two bytes
ERROR_BYTES = 64 * 2**10
DOCUMENT_BYTES = 64 * 2**20
USER_AGENT = "Rollkeeper"


class Answered(Exception):
    """The CRM answered with an error that the connector may know: status, OData error code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def checked_url(url: str) -> str:
    """The address of a CRM, ending with a slash. Raises `SourceMisconfigured` with what is wrong in it."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise SourceMisconfigured(
            f"The CRM's address cannot be read: {error}. Correct it in the bridge."
        ) from error
    if parts.scheme not in {"http", "https"}:
        raise SourceMisconfigured(
            "The CRM's address must begin with https:// or http://. Correct it in the bridge."
        )
    if parts.username is not None or parts.password is not None:
        raise SourceMisconfigured(
            "The CRM's address must hold no user name or password: they belong in the bridge's own fields."
        )
    if not parts.hostname:
        raise SourceMisconfigured("The CRM's address names no host. Correct it in the bridge.")
    if parts.query or parts.fragment:
        raise SourceMisconfigured("The CRM's address must end before any ? or #. Correct it in the bridge.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}/"


@dataclass(frozen=True, slots=True)
class Http:
    """A CRM's HTTP interface: base address (ending with a slash), user name (or none: Bearer), secret.

    `silence_seconds` is how long it may send nothing before it counts as gone.
    """

    base: str
    account: str
    secret: str
    silence_seconds: float = SILENCE_SECONDS

    @contextmanager
    def open(
        self, path: str, accept: str, query: Mapping[str, str] | None = None, *, asked: Any = None
    ) -> Iterator[Body]:
        """A request whose answer is read as it comes: a GET, or a POST of the JSON document `asked`.

        Raises a `ConnectorError`, or `Answered`.
        """
        posted = asked is not None
        with urllib3.PoolManager() as pool:
            with self.failures():
                response = pool.request(
                    "POST" if posted else "GET",
                    self.base + path + (f"?{urlencode(query)}" if query else ""),
                    headers=self._headers(accept) | ({"Content-Type": "application/json"} if posted else {}),
                    body=json.dumps(asked).encode() if posted else None,
                    preload_content=False,
                    redirect=False,
                    retries=False,
                    timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self.silence_seconds),
                )
            try:
                with self.failures():
                    self._check(response, accept)
                yield Body(response, self)
            finally:
                response.close()

    def json(self, path: str, query: Mapping[str, str] | None = None, *, asked: Any = None) -> Any:
        """The JSON document at a path, or the answer to the JSON document `asked`."""
        with self.open(path, "application/json", query, asked=asked) as body:
            data = body.read_to(DOCUMENT_BYTES)
        try:
            return json.loads(data)
        except ValueError as error:
            raise SourceNonsense(f"{self.name} answered something that is not JSON.") from error

    @property
    def name(self) -> str:
        """How messages call the CRM."""
        return f"The CRM at {urlsplit(self.base).netloc}"

    def _headers(self, accept: str) -> dict[str, str]:
        if not self.secret or not (self.secret.isascii() and self.secret.isprintable()):
            raise SourceMisconfigured("The bridge's token is missing or holds characters that no token has.")
        if self.account:
            account = self.account
            if ":" in account or not account.isprintable():
                raise SourceMisconfigured("The bridge's account name must hold no colon and no line break.")
            authorization = urllib3.make_headers(basic_auth=f"{account}:{self.secret}")
        else:
            authorization = {"authorization": f"Bearer {self.secret}"}
        return {**authorization, "Accept": accept, "User-Agent": USER_AGENT, "OData-MaxVersion": "4.0"}

    def _check(self, response: urllib3.BaseHTTPResponse, accept: str) -> None:
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response.status == 200:
            if content_type != accept:
                raise SourceNonsense(
                    f"{self.name} answered {content_type or 'without a content type'} where {accept} was expected. "
                    "Is the address in the bridge that of the CRM's data service?"
                )
            return
        if 300 <= response.status < 400:
            target = response.headers.get("Location", "elsewhere")[:200]
            raise SourceMisconfigured(
                f"{self.name} redirects to {target}, and redirects are not followed. "
                "Put the CRM's final address into the bridge."
            )
        code, message = _error_in(response.read(ERROR_BYTES), content_type)
        if response.status == 429 or response.status >= 500:
            raise SourceUnavailable(f"{self.name} answered {response.status}{_quoted(message)}. Try again later.")
        if response.status in {401, 403}:
            raise SourceMisconfigured(
                f"{self.name} refused the token ({response.status}). "
                "Put a token that the CRM has given out, and not revoked, into the bridge."
            )
        raise Answered(response.status, code, message)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """The client library's errors as the connector's. To be put around calls of the library, nothing else."""
        try:
            yield
        except (ConnectorError, Answered):
            raise
        except SSLError as error:
            raise SourceMisconfigured(
                f"{self.name} could not prove who it is (TLS: {_reason(error)}). "
                "Correct the address, or the CRM's certificate."
            ) from error
        except LocationParseError as error:
            raise SourceMisconfigured("The CRM's address cannot be read. Correct it in the bridge.") from error
        except NameResolutionError as error:
            raise SourceUnavailable(f"{self.name} was not found: there is no such host name just now.") from error
        except NewConnectionError as error:  # which is also a ConnectTimeoutError
            raise SourceUnavailable(f"{self.name} does not answer: is it running?") from error
        except ConnectTimeoutError as error:
            raise SourceUnavailable(f"{self.name} did not answer within {CONNECT_SECONDS} seconds.") from error
        except ReadTimeoutError as error:
            raise SourceUnavailable(f"{self.name} fell silent for {self.silence_seconds:g} seconds.") from error
        except (HTTPError, OSError) as error:
            raise SourceUnavailable(f"{self.name} broke off the connection.") from error


class Body:
    """The body of an answer, as a file that Arrow can read from. `cut`: it ended before what was asked came."""

    def __init__(self, response: urllib3.BaseHTTPResponse, http: Http) -> None:
        self._response = response
        self._http = http
        self.cut = False
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """That many bytes; fewer only where the body ends."""
        if size > DOCUMENT_BYTES:
            raise SourceNonsense(
                f"{self._http.name} sends a batch of {size:,} bytes; {DOCUMENT_BYTES:,} is the most."
            )
        data = self._read(size if size >= 0 else DOCUMENT_BYTES)
        self.cut = self.cut or len(data) < size
        return data

    def read_to(self, limit: int) -> bytes:
        """The whole body, which must not be longer than this."""
        data = self._read(limit + 1)
        if len(data) > limit:
            raise SourceNonsense(f"{self._http.name} answered more than {limit:,} bytes.")
        return data

    def at_end(self) -> bool:
        """Whether nothing is left to read."""
        return not self._read(1)

    def _read(self, size: int) -> bytes:
        with self._http.failures():
            data: bytes = self._response.read(size)
        return data

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _error_in(data: bytes, content_type: str) -> tuple[str, str]:
    """Code and message of an OData error body; empty where it is none."""
    if content_type != "application/json":
        return "", ""
    try:
        error = json.loads(data)["error"]
        return str(error["code"])[:100], str(error["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return "", ""


def _quoted(message: str) -> str:
    return f" ({message.rstrip('.')})" if message else ""


def _reason(error: Exception) -> str:
    return str(error.args[0])[:200] if error.args else type(error).__name__
