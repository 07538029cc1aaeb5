"""What a failure is to the person at the terminal: a sentence, and the exit code of the contract."""

from __future__ import annotations

import errno
import traceback
from datetime import UTC, datetime
from pathlib import Path

from rollkeeper.cli.frame import Exit, Failure

DISK = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EFBIG: "A file may not grow that large here (see `ulimit -f`); for us that is a full disk",
    errno.EROFS: "The disk is read-only",
    errno.EACCES: "This is not allowed",
    errno.EPERM: "This is not allowed",
}


def explain(error: Exception) -> tuple[str, Exit]:
    """The message and exit code for any error that ended a command. Unexpected ones are logged first."""
    if isinstance(error, Failure):
        return str(error), error.code
    if isinstance(error, OSError) and (error.errno in DISK or _is_in_home(error.filename)):
        return _disk(error), Exit.FAILED
    return _of_a_library(error) or (_unexpected(error), Exit.FAILED)


def _disk(error: OSError) -> str:
    what = DISK.get(error.errno or 0) or f"The home cannot be used ({error.strerror})"
    where = f": {error.filename}" if error.filename else ""
    return (
        f"{what}{where}. What to do: make room or mend the permissions, or set ROLLKEEPER_HOME to a folder that "
        "can be written."
    )


def _is_in_home(path: object) -> bool:
    from rollkeeper.configuration import configuration

    if not isinstance(path, str | Path):
        return False
    home = configuration().home_path
    return Path(path) == home or home in Path(path).parents


def _of_a_library(error: Exception) -> tuple[str, Exit] | None:
    """The errors whose classes are costly to import: we get here only when something failed anyway."""
    import psycopg
    from django.db import DatabaseError
    from pydantic import ValidationError

    from rollkeeper.postgres.embedded import PostgresNotStarted
    from rollkeeper.postgres.server import PostgresUnusable
    from rollkeeper.sync.connector import ConnectorError

    if isinstance(error, ConnectorError):
        return str(error), Exit.SOURCE
    if isinstance(error, PostgresNotStarted | PostgresUnusable):
        return str(error), Exit.FAILED
    if isinstance(error, ValidationError) and error.title == "Configuration":
        return _configuration(error), Exit.FAILED
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    if isinstance(cause, psycopg.errors.DiskFull):
        return f"The database's disk is full: {_first_line(cause)}. What to do: make room on it.", Exit.FAILED
    if isinstance(cause, psycopg.OperationalError):
        message = f"The database does not answer: {_first_line(cause)}. What to do: run `rollkeeper check`."
        return message, Exit.FAILED
    return None


def _configuration(error: Exception) -> str:
    from pydantic import ValidationError

    assert isinstance(error, ValidationError)  # noqa: S101  # for the type checker; `explain` looked
    wrong = "; ".join(
        f"ROLLKEEPER_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
        for item in error.errors()
    )
    return f"The configuration is wrong: {wrong}. What to do: correct the environment variable."


def _unexpected(error: Exception) -> str:
    kept = _log(error)
    where = f"The details are in {kept}." if kept else "The details could not be written down."
    return (
        f"Something went wrong that should not: {type(error).__name__}: {_first_line(error)}. {where} "
        "`rollkeeper --debug …` shows them here."
    )


def _log(error: Exception) -> Path | None:
    """Append the traceback to the home's log; None where even that fails."""
    from rollkeeper.configuration import configuration

    try:
        path = configuration().home_path / "log" / "command.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')}\n")
            file.writelines(traceback.format_exception(error))
    except (OSError, ValueError):
        return None
    return path


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
