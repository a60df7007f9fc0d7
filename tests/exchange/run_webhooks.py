"""Run a real worker with a short lease: `python -m tests.exchange.run_webhooks`."""

from datetime import timedelta

import django


def main():
    django.setup()
    from django.core.management import call_command

    from crm.jobs import worker

    worker.LEASE = timedelta(seconds=2)
    worker.POLL = 0.1
    call_command("worker")


if __name__ == "__main__":
    main()
