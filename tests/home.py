"""Loaded by pytest before anything else: a home of this test run's own, with a PostgreSQL server in it.

`ROLLKEEPER_POSTGRES_URL` makes the tests run on an existing server instead (CI does so with Debian's 15).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HOME = tempfile.mkdtemp(prefix="rollkeeper-tests-")
os.environ["ROLLKEEPER_HOME"] = HOME
Path(HOME).chmod(0o755)  # the server's own user must be able to walk in
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

from rollkeeper.postgres.server import ensure_running  # noqa: E402  # after the home is set

ensure_running()
