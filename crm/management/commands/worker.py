"""Run background jobs: imports, exports, changes of many records, and each night's housekeeping."""

import signal

from django.core.management.base import BaseCommand
from django.db import connections

from crm.jobs import schedule
from crm.jobs.worker import Worker, run_pending, without_time_limits


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="run what is due now, then end")
        parser.add_argument("--threads", type=int, default=2, help="how many jobs may run at a time (2)")

    def handle(self, *args, once, threads, **options):
        connections.close_all()
        without_time_limits()
        if once:
            schedule.look()
            self.stdout.write(f"{run_pending()} jobs")
            return
        worker = Worker(threads=threads)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop.set())
        worker.run(schedule.ensure, schedule.look)
