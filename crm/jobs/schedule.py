"""What is done each night: old rows out, statistics fresh."""

import logging
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy

from crm.jobs import enqueue, job
from crm.jobs.models import Job
from crm.models import IdempotencyKey, Throttle

logger = logging.getLogger("lotse.jobs")

AT = time(3, 0)
#: How long finished jobs are kept under the bell and in the table.
JOB_DAYS = 14


#: What the apps above have done each night.
_steps: list[Callable[[], object]] = []


def each_night(function):
    """Register a function of an upper floor that is called once a night, by one worker."""
    _steps.append(function)
    return function


#: What the apps above look after all the time.
_looks: list[Callable[[], object]] = []


def each_second(function):
    """Register a function of an upper floor that every worker calls about once a second; it only looks, and enqueues what is due."""
    _looks.append(function)
    return function


def look():
    for function in _looks:
        function()


def next_night(now):
    """Return the next 3 o'clock in the installation's zone."""
    zone = ZoneInfo(settings.DEFAULT_USER_TIME_ZONE)
    local = now.astimezone(zone)
    night = datetime.combine(local.date(), AT, zone)
    return night if night > local else datetime.combine(local.date() + timedelta(days=1), AT, zone)


def ensure():
    """See to it that the next night's work waits in the queue; any number of workers may call this."""
    enqueue(nightly, unique_key="nightly", run_after=next_night(timezone.now()))


@job(label=gettext_lazy("Nightly housekeeping"))
def nightly(job):
    """Do each piece of the housekeeping; one that fails does not keep the others from being done."""
    steps = [purge_bin, forget_throttles, forget_sessions, forget_jobs, forget_idempotency_keys, *_steps, refresh_statistics]
    for done, step in enumerate(steps, 1):
        try:
            step()
        except Exception:
            logger.exception("Nightly work: %s failed", step.__name__)
        job.progress(done, len(steps))


def purge_bin():
    """Remove for good what was in the bin long enough (R18)."""
    if "purge" in get_commands():
        call_command("purge")


def forget_throttles():
    Throttle.objects.filter(ends_at__lt=timezone.now()).delete()


def forget_sessions():
    call_command("clearsessions")


def forget_jobs():
    Job.objects.filter(finished_at__lt=timezone.now() - timedelta(days=JOB_DAYS)).delete()


def forget_idempotency_keys():
    """A repeat comes soon or never; the answers hold what is personal."""
    IdempotencyKey.objects.filter(created_at__lt=timezone.now() - timedelta(days=1)).delete()


def refresh_statistics():
    """Let the database choose good plans after a day of changes."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "postgresql" else "PRAGMA optimize")
