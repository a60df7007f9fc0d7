"""Run a real worker that knows the tests' jobs, with a short lease: `python -m tests.crm.run_worker [--once]`."""

import sys
from datetime import timedelta

import django


def main():
    django.setup()
    from django.core.management import call_command

    from crm.jobs import worker
    from tests.crm import job_functions  # noqa: F401

    worker.LEASE = timedelta(seconds=2)
    worker.BACKOFF = timedelta(seconds=0.1)
    worker.POLL = 0.1
    call_command("worker", *sys.argv[1:])


if __name__ == "__main__":
    main()
