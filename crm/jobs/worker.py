"""Claiming jobs and running them, each by one worker at a time, also when workers die (reliability: T46, T51).

A worker claims a job by a short transaction (`SKIP LOCKED` on PostgreSQL, `IMMEDIATE` on SQLite) and holds it by a lease.
While the job runs, a thread of its own prolongs the lease, writes the job's progress and reads whether it was cancelled: the
job itself may be inside a transaction, in which such a write would wait for, or vanish with, the transaction.
"""

import contextlib
import json
import logging
import os
import socket
import threading
import time
import traceback
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, close_old_connections, connection, connections, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from crm.history.changes import TakenBack
from crm.history.models import ChangeSet, running_job
from crm.history.undo import take_back
from crm.jobs import Cancelled, Ended, Failed, find, titled
from crm.jobs.models import Job
from crm.web import formats

logger = logging.getLogger("lotse.jobs")

LEASE = timedelta(seconds=30)
BACKOFF = timedelta(seconds=10)
BEAT = 0.5  # seconds between two looks at the running job: how fresh its progress is
POLL = 1.0  # seconds between two looks at an empty queue


class Stopping(Ended):
    """The worker is being ended; another will run the job from its start."""


class Lost(Ended):
    """The lease ended and somebody else has the job: nothing more may be written."""


class Run:
    """What a job's function gets: whose it is, and how to tell its progress."""

    def __init__(self, row):
        self._mine = _mine(row)
        self.pk, self.owner, self.title, self.attempt = row.pk, row.owner, row.title, row.attempts
        self.done, self.total = row.done, row.total
        self.end: type[Ended] | None = None

    def progress(self, done, total=None):
        """Say how far the job is; raise Ended if it is to stop. Cheap, and allowed inside a transaction."""
        self.done = done
        if total is not None:
            self.total = total
        self.check()

    def check(self):
        """Raise Ended if the job is to stop."""
        if self.end:
            raise self.end()

    def finish(self, result):
        """Say, in the transaction in which the work is done, that the job is done with this result: both are true, or neither.

        Whatever ends it afterwards changes nothing of that. Raise Ended if it was given up, or taken over, before.
        """
        if not self._mine.filter(cancel_asked=False).update(done=self.done, total=self.total, **_done(result)):
            raise Cancelled if self._mine.exists() else Lost


def claim(worker, jobs=Job.objects) -> Job | None:
    """Take the next of the jobs, or None. Nobody else gets it as long as this worker prolongs its lease."""
    now = timezone.now()
    due = jobs.due(now)
    # A plain look first: on SQLite the transaction below takes the only write lock.
    if not due.exists():
        return None
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        if (row := due.first()) is None:
            return None
        row.state, row.worker, row.lease_until, row.attempts = Job.State.RUNNING, worker, now + LEASE, row.attempts + 1
        row.started_at = row.started_at or now
        row.save(update_fields=["state", "worker", "lease_until", "attempts", "started_at"])
    return Job.objects.select_related("owner__role").get(pk=row.pk)


def work(row, *, stopping=None, beating=True):
    """Run a claimed job to its end and write down what came of it. `beating` off serves tests inside a transaction."""
    run, mine = Run(row), _mine(row)
    with _as_owner(row), _lease(mine, run, stopping, beating):
        outcome = _outcome(row, run)
    _write_down(mine, run, outcome)


def _done(result):
    """Return the columns that say that a job was done with this result."""
    result = _storable(_in_words(result))
    return {"state": Job.State.DONE, "result": result, "error": "", "finished_at": timezone.now()}


def _mine(row):
    """Return the row as its worker writes it; fenced: whoever lost the lease finds none."""
    return Job.objects.filter(pk=row.pk, worker=row.worker, state=Job.State.RUNNING, attempts=row.attempts)


@contextlib.contextmanager
def _lease(mine, run, stopping=None, beating=True):
    """Keep the lease of a running job."""
    finished = threading.Event()
    thread = threading.Thread(target=_beat, args=(mine, run, finished, stopping), daemon=True, name=f"lease of job {run.pk}")
    if beating:
        thread.start()
    try:
        yield
    finally:
        finished.set()
        if beating:
            thread.join()


@contextlib.contextmanager
def own_job(function, *, owner, title, total=0, **args):
    """Do what is in the block as a job of this very process, as a command does: with a lease and progress, to be cancelled like any.

    Yield what a job's function gets; with its `finish` the block says what the owner finds. When the process is killed before that, a
    worker takes back what it left half-done, and calls `function` to say what came of it: nobody goes on with what a command began.
    """
    now = timezone.now()
    row = Job.objects.create(
        path=function.job_path, args=args, owner=owner, **titled(title), total=total, state=Job.State.RUNNING, worker=_name(),
        lease_until=now + LEASE, attempts=1, max_attempts=function.job_attempts, started_at=now,
    )  # fmt: skip
    run, mine, token, outcome = Run(row), _mine(row), running_job.set(row.pk), None
    try:
        # Inside a transaction of the caller's the row is not there yet for anybody else, nor are its changes.
        with _lease(mine, run, beating=not connection.in_atomic_block):
            yield run
        outcome = _done({})  # unless it said so itself
    except BaseException as error:
        if ChangeSet.objects.filter(job_id=row.pk, state=ChangeSet.State.RUNNING).exists():
            # Ended once more while it took back what it had done: the next worker does, at once.
            mine.update(lease_until=timezone.now())
            raise
        outcome = _outcome_of(error if isinstance(error, Exception) else Cancelled(), row, again=False)
        raise
    finally:
        running_job.reset(token)
        _write_down(mine, run, outcome)


def take_back_the_dead(function):
    """Take back what a killed process left of its `own_job`; return once it is known of each that runs whether its process lives.

    Whoever began the same anew before that would find half of it here, and build on what is about to go.
    """
    theirs = Job.objects.filter(path=function.job_path)
    unknown = dict(theirs.unfinished().values_list("pk", "lease_until"))
    while unknown:
        while row := claim(_name(), theirs):
            work(row)
        there = theirs.unfinished().filter(pk__in=unknown)
        # One that lives prolongs its lease long before that ends; at the second attempt a worker is taking it back.
        unknown = {row.pk: unknown[row.pk] for row in there if row.attempts > 1 or row.lease_until == unknown[row.pk]}
        if unknown:
            time.sleep(BEAT)


@contextlib.contextmanager
def _as_owner(row):
    """Run in the owner's language and time zone; what it changes in chunks is marked as this job's."""
    language = row.owner.language if row.owner else settings.LANGUAGE_CODE
    zone = row.owner.zone if row.owner else settings.DEFAULT_USER_TIME_ZONE
    token = running_job.set(row.pk)
    try:
        with translation.override(language), timezone.override(zone):
            yield
    finally:
        running_job.reset(token)


def _outcome(row, run):
    """Call the function and return the columns that say what came of it, or None if the job is no longer ours."""
    try:
        if row.attempts > 1:
            _clean_up_after_the_dead(row)
        if row.cancel_asked:
            raise Cancelled
        if row.attempts > row.max_attempts:
            raise Failed(_("It was tried several times and never came to an end."))
        if row.owner and not row.owner.is_active:
            raise Failed(_("The user who started it was switched off."))
        if (function := find(row.path)) is None:
            raise Failed(_("This version of Lotse does not know this kind of work."))
        return _done(function(run, **row.args) or {})
    except Exception as error:
        return _outcome_of(error, row, again=row.attempts < row.max_attempts)


def _outcome_of(error, row, *, again):
    """Return the columns that say what came of a job which ended by this error; with `again` an unexpected one is tried again."""
    now, trace = timezone.now(), ""
    if isinstance(error, Lost) or (isinstance(error, TakenBack) and not _mine(row).exists()):
        logger.warning("Job %s was taken over by another worker.", row.pk)
        return None
    if isinstance(error, Stopping):
        return {"state": Job.State.READY, "run_after": now, "attempts": row.attempts - 1, "done": 0}
    if isinstance(error, Cancelled):
        result = _with_left(row, _("Cancelled."), _("Cancelled; nothing was changed."))
        return {"state": Job.State.CANCELLED, "finished_at": now, "result": result}
    if isinstance(error, Failed):
        text = error
    elif isinstance(error, (ValidationError, PermissionDenied)):
        text = partial(_reason, error)
    else:
        logger.error("Job %s failed", row.pk, exc_info=error)
        trace = "".join(traceback.format_exception(error))[-4000:].replace("\x00", "")
        if again:
            wait = BACKOFF * 2 ** (row.attempts - 1)
            return {"state": Job.State.READY, "run_after": now + wait, "error": trace, "done": 0}
        text = _("Something went wrong. The error was logged.")
    failed = {"state": Job.State.FAILED, "cancel_asked": False, "finished_at": now, "result": _with_left(row, text, text)}
    return failed | ({"error": trace} if trace else {})


def _with_left(row, text, whole):
    """Return the result of a job that was taken back as a `whole`; else its text, with what had to be left, and why (settled 8)."""
    taken_back = ChangeSet.objects.filter(job_id=row.pk, at__gte=row.started_at, state=ChangeSet.State.FAILED)
    left = next((one.left for one in taken_back.order_by("-pk") if one.left), None)
    if not left:
        return _in_words({"text": whole})

    kept = _("Records that others have changed or used since were kept.")

    def said():
        return f"{text() if callable(text) else text} {kept}"

    return _in_words({"text": said, "left": left, "url": reverse("crm:left") + f"?job={row.pk}", "link": _("Why?")})


def _reason(refusal) -> str:
    text = " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)
    return text or str(_("Your role does not allow this."))


def _in_words(result):
    """Return what a job answered with its texts in each language."""
    return {**result, **{name: formats.in_languages(result[name]) for name in ("text", "link") if result.get(name)}}


def _storable(result):
    """Return what a job answered as JSON can say it and both databases can store it."""
    return json.loads(json.dumps(result, default=str).replace("\\u0000", ""))


def _clean_up_after_the_dead(row):
    """Take back what an earlier attempt left half-done, so that the job is done once (settled 11)."""
    for change_set in ChangeSet.objects.filter(job_id=row.pk, state=ChangeSet.State.RUNNING):
        take_back(change_set)
        if change_set.undoes_id:
            # An undo that died had claimed what it was undoing.
            ChangeSet.objects.filter(pk=change_set.undoes_id).update(undone=False)


def _beat(mine, run, finished, stopping):
    """Prolong the lease, write the progress, and tell the job when it is to stop."""
    written, prolonged = None, time.monotonic()
    while not finished.wait(BEAT):
        progress = {"done": run.done, "total": run.total}
        try:
            if progress != written or time.monotonic() - prolonged > LEASE.total_seconds() / 3:
                if not mine.update(lease_until=timezone.now() + LEASE, **progress):
                    run.end = Lost
                written, prolonged = progress, time.monotonic()
            if run.end is None and mine.filter(cancel_asked=True).exists():
                run.end = Cancelled
        except DatabaseError:
            # Locked, or away for a moment: the lease lasts for several beats.
            logger.warning("The lease of a job could not be prolonged; trying again.", exc_info=True)
            connection.close()
        if run.end is None and stopping and stopping.is_set():
            run.end = Stopping
    connection.close()


def _write_down(mine, run, outcome):
    if outcome is None:
        return
    for wait in (0, 1, 5):
        time.sleep(wait)
        try:
            mine.update(**{"done": run.done, "total": run.total, **outcome})
            return
        except DatabaseError:
            logger.warning("What came of a job could not be written; trying again.", exc_info=True)
            if not connection.in_atomic_block:
                connection.close()


def run_pending(*, beating=True):
    """Run all that is due, one after the other, and return how many that were."""
    count = 0
    while row := claim(_name()):
        work(row, beating=beating)
        count += 1
    return count


def _name():
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{threading.get_ident() % 10_000}"


def without_time_limits():
    """Let this process's statements take as long as they need: jobs are not pages (PostgreSQL)."""
    for options in connections.settings.values():
        if options["ENGINE"].endswith("postgresql"):
            given = options["OPTIONS"].get("options", "")
            options["OPTIONS"]["options"] = f"{given} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0".strip()


class Worker:
    """Runs jobs in some threads until it is told to stop; what runs then may finish within `grace` seconds."""

    def __init__(self, threads=2, grace=8.0):
        self.count, self.grace = threads, grace
        self.stop = threading.Event()  # take no more jobs
        self.stopping = threading.Event()  # what still runs is to stop where it is

    def run(self, schedule=None, look=None):
        """Work until `stop` is set; `schedule` is called about once a minute, `look` about once a second."""
        threads = [threading.Thread(target=self._loop, daemon=True, name=f"worker {n}") for n in range(self.count)]
        for thread in threads:
            thread.start()
        ensured = -60.0
        while not self.stop.is_set():
            close_old_connections()
            if schedule and time.monotonic() - ensured >= 60:
                self._safely(schedule)
                ensured = time.monotonic()
            if look:
                self._safely(look)
            self.stop.wait(POLL)
        ends = time.monotonic() + self.grace
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        self.stopping.set()
        for thread in threads:
            # A job between two progress reports is left to the end of its lease.
            thread.join(self.grace)

    def _loop(self):
        while not self.stop.is_set():
            if not self._safely(self._one):
                self.stop.wait(POLL)
        connection.close()

    def _one(self):
        close_old_connections()
        row = claim(_name())
        if row:
            work(row, stopping=self.stopping)
        return row is not None

    def _safely(self, function):
        try:
            return function()
        except Exception:
            # Above all a database that is away: the worker waits for it, it does not end.
            logger.exception("The worker could not reach its queue; trying again.")
            connection.close()
            self.stop.wait(POLL)
            return None
