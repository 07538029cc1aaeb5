"""A worker as a process of its own, over the test's database: `python -m tests.work.worker_process`."""

from __future__ import annotations

import logging
import os

import django

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    os.environ["DJANGO_SETTINGS_MODULE"] = "rollkeeper.marketing.settings"
    django.setup()
    import tests.work.tasks  # noqa: F401  # declares the work
    from rollkeeper.work.worker import run_worker

    run_worker({"default": 2})
