"""Run a real worker, or another command, that imports in small batches, with a short lease: `python -m tests.exchange.run_worker [COMMAND …]`."""

import sys
from datetime import timedelta

import django


def main():
    django.setup()
    from django.core.management import execute_from_command_line

    from crm.jobs import worker
    from exchange import importer

    importer.BATCH = 100
    worker.LEASE = timedelta(seconds=6)
    worker.POLL = 0.1
    execute_from_command_line(["manage.py", *(sys.argv[1:] or ["worker"])])


if __name__ == "__main__":
    main()
