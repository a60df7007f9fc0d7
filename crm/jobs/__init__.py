"""Background work (docs/decisions/0006-jobs.md). A job is a plain function that a worker calls:

    @job
    def recount(job, *, company_ids):
        for done, pk in enumerate(company_ids, 1):
            …
            job.progress(done, len(company_ids))
        return {"text": gettext_lazy("Counted anew."), "url": "/companies/"}

    enqueue(recount, owner=user, title=gettext_lazy("Counting"), company_ids=[1, 2])

What it returns (or nothing) its owner finds under the bell: `text`, `url`, `link` (the words of the link; *Open* unless
given), `undo` (the id of a change set), `shown` (true if the page of `url` tells it by itself). Title, text and link are lazy texts, or functions without arguments that say them: they
are kept in each language, for the owner may change theirs, and administrators read along. It runs in the owner's language and
time zone, outside a transaction, at least once: a worker that dies is replaced, after what it left half-done in running change sets was taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from datetime import datetime

    from crm.jobs.models import Job

__all__ = ["Cancelled", "Ended", "Failed", "enqueue", "find", "job"]


class Ended(Exception):
    """The job is to stop where it is; an action that runs takes back what it did (crm.history.changes.act)."""


class Cancelled(Ended):
    """Its owner gave it up."""


class Failed(Exception):
    """The job cannot be done, and trying again would not help; the text, lazy for each to read it in their language, says why."""


#: dotted path -> function, of all that may run. Nothing else in a row of the table is ever called.
_registered: dict[str, Callable] = {}


def job(function=None, *, attempts=3, label=""):
    """Register a function of a module as one a worker may run; an unexpected error is tried `attempts` times in all.

    `label` is what the admin site calls a job that has no title, as none of nobody's has.
    """

    def register(function):
        function.job_path = f"{function.__module__}.{function.__qualname__}"
        function.job_attempts = attempts
        function.job_label = label
        _registered[function.job_path] = function
        return function

    return register(function) if function else register


def find(path) -> Callable | None:
    """Return the registered function of this path, or None; only modules of our own apps are loaded to find it."""
    if path not in _registered and path.partition(".")[0] in settings.LOTSE_APPS:
        try:
            import_module(path.rpartition(".")[0])
        except ImportError:
            return None
    return _registered.get(path)


def titled(title):
    """Return the columns of a job that hold its title: a text, or a function or lazy text that says it in each language."""
    from crm.web import formats

    titles = {language: text.replace("\x00", "")[:200] for language, text in formats.in_languages(title).items()} if title else {}
    return {"title": formats.in_own(titles), "titles": titles}


def enqueue(
    function: Any, *, owner=None, title: Any = "", total=0, unique_key="", run_after: datetime | None = None, priority=0, **args
) -> Job:
    """Put a job into the queue and return it; inside a transaction it is there when that commits.

    With a `unique_key` there is one such job waiting or running at a time: the one that is there is returned instead.
    `args` are what JSON can say.
    """
    from django.db import IntegrityError, transaction
    from django.utils import timezone

    from crm.jobs.models import Job

    row = Job(
        path=function.job_path, args=args, owner=owner, **titled(title), total=total, unique_key=unique_key,
        priority=priority, run_after=run_after or timezone.now(), max_attempts=function.job_attempts,
    )  # fmt: skip
    if not unique_key:
        row.save(force_insert=True)
        return row
    for _attempt in range(3):
        if there := Job.objects.unfinished().filter(unique_key=unique_key).first():
            return there
        try:
            with transaction.atomic():
                row.save(force_insert=True)
            return row
        except IntegrityError:
            continue  # another was quicker; or that one has just ended
    raise RuntimeError(f"The job {unique_key} comes and goes too fast.")
