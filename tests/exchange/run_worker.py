"""Run a real worker that imports in small batches, with a short lease: `python -m tests.exchange.run_worker`."""

from datetime import timedelta

import django


def main():
    django.setup()
    from django.core.management import call_command

    from crm.jobs import worker
    from exchange import importer

    importer.BATCH = 100
    worker.LEASE = timedelta(seconds=6)
    worker.POLL = 0.1
    call_command("worker")


if __name__ == "__main__":
    main()
