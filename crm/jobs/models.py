"""The queue of background work, in the same database: a job commits with the data it is about."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from crm.history.models import ChangeSet
from crm.web import formats


class JobQuerySet(models.QuerySet):
    def of(self, user):
        """Return the jobs this user started: nobody else sees them."""
        return self.filter(owner=user)

    def unfinished(self):
        return self.filter(state__in=[Job.State.READY, Job.State.RUNNING])

    def due(self, now):
        """Return what a worker may take: jobs whose time has come, and those whose worker's lease has ended."""
        ready = Q(state=Job.State.READY, run_after__lte=now)
        abandoned = Q(state=Job.State.RUNNING, lease_until__lt=now)
        return self.filter(ready | abandoned).order_by("-priority", "run_after", "id")


def know_undo(jobs):
    """Find out at once for all these jobs which can be taken back."""
    asked = {job.pk: job.result["undo"] for job in jobs if job.result.get("undo")}
    undoable = {one.pk for one in ChangeSet.objects.filter(pk__in=asked.values()) if one.undoable} if asked else set()
    for job in jobs:
        change_set = asked.get(job.pk)
        job.undo_url = reverse("crm:undo", args=[change_set]) if change_set in undoable else None


class Job(models.Model):
    """One piece of background work; `crm.jobs.worker` claims and runs it.

    A worker holds a running job by a lease it keeps prolonging; when the worker dies the lease ends and another takes the
    job over. `attempts` fences off a worker that lost its lease.
    """

    class State(models.TextChoices):
        READY = "ready", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("finished")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    path = models.CharField(max_length=200)
    args = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.READY)
    run_after = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    unique_key = models.CharField(max_length=120, blank=True)
    error = models.TextField(blank=True)

    # What its owner sees under the bell.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="jobs")
    #: As it was first said, and in each language.
    title = models.CharField(max_length=200, blank=True)
    titles = models.JSONField(default=dict)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    cancel_asked = models.BooleanField(default=False)
    seen = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-priority", "run_after", "id"], condition=Q(state__in=["ready", "running"]), name="job_queue"),
            models.Index(fields=["owner", "-id"], name="job_owner"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["unique_key"], condition=Q(state__in=["ready", "running"]) & ~Q(unique_key=""), name="job_unique"
            )
        ]

    def __str__(self):
        return f"{self.path} #{self.pk}"

    @property
    def finished(self):
        return self.state not in {self.State.READY, self.State.RUNNING}

    @property
    def label(self):
        """What it is called in the reader's language."""
        return formats.in_own(self.titles) or self.title

    @property
    def text(self):
        """What came of it, in one sentence."""
        return formats.in_own(self.result.get("text", ""))

    @property
    def url(self):
        """Where its result is, or an empty text."""
        return self.result.get("url", "")

    @property
    def link(self):
        return formats.in_own(self.result.get("link", "")) or pgettext("button", "Open")

    @cached_property
    def undo_url(self):
        """Where to take back what it did, or None if it cannot be (any more)."""
        know_undo([self])
        return self.undo_url

    def cancel(self):
        """Give the job up: at once if nobody has begun, else as soon as it next tells its progress."""
        mine = Job.objects.filter(pk=self.pk)
        now = timezone.now()
        if not mine.filter(state=self.State.READY).update(state=self.State.CANCELLED, finished_at=now, seen=True):
            mine.filter(state=self.State.RUNNING).update(cancel_asked=True)
        self.refresh_from_db()
