"""Jobs for the tests of the queue; the worker's process loads them, too (run_worker.py)."""

import time
from pathlib import Path

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from crm.jobs import Failed, job
from crm.models import Team, User
from crm.web import formats
from leads import actions
from leads.models import Person


@job
def make_team(job, *, name):
    Team.objects.create(name=name)
    return {"text": f"Made {name}."}


@job
def slowly(job, *, steps, sign):
    """Tell the progress of many short steps; `sign` is a file that says it has begun."""
    for step in range(steps):
        job.progress(step, steps)
        Path(sign).touch()
        time.sleep(0.02)


@job
def give_all_to(job, *, to, sign):
    """Change all persons in chunks; the first time it stops for long after the first chunk."""

    def progress(done, total):
        job.progress(done, total)
        if job.attempt == 1:
            Path(sign).touch()
            time.sleep(60)

    actions.set_owner(Person.objects.all(), User.objects.get(pk=to), by=job.owner, via="bulk", progress=progress)


@job(attempts=2)
def stumble(job, *, sign):
    """Fail unexpectedly the first time."""
    if not Path(sign).exists():
        Path(sign).touch()
        raise RuntimeError("tripped")


@job
def refuse(job):
    raise Failed("This file is no list.")


@job
def count_to(job, *, number):
    return {"text": lambda: f"{formats.number(number)} {gettext('Companies')}"}


@job
def tell_time_limit(job):
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return {"text": cursor.fetchone()[0]}


@job
def answer_oddly(job):
    return {"text": gettext_lazy("finished"), "at": timezone.now(), "name": "a\x00b"}


def not_a_job(job):
    Team.objects.create(name="must never run")
