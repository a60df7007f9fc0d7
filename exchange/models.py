"""Files brought in (I1)."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.models import ChangeSet, Job


def upload_path(instance, filename):
    """Return where an uploaded file lies: a generated name, never the user's."""
    return f"imports/{instance.token}.{'xlsx' if instance.file_type == 'xlsx' else 'csv'}"


class ImportQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Return the imports this user may look up: their own; administrators see that of others, too."""
        return self if user.role.administers else self.filter(by=user)


class Import(models.Model):
    """One file on its way in: uploaded, read, mapped, tried, run, perhaps undone.

    `facts` is what reading found: the columns' names (`head`), how many rows (`total`), the first of them (`sample`), and the
    values of columns that have few (`values`, by the column's place). `report` is what a dry run or the run counted.
    """

    class State(models.TextChoices):
        READING = "reading", _("being read")
        MAPPING = "mapping", _("columns to be matched")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        RUNNING = "running", _("running")
        DONE = "done", _("finished")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    BUSY = (State.READING, State.CHECKING, State.RUNNING)

    token = models.CharField(max_length=40, unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="imports")
    file = models.FileField(upload_to=upload_path, max_length=200)
    file_name = models.CharField(_("file"), max_length=255)
    file_type = models.CharField(max_length=4)
    digest = models.CharField(max_length=64)
    record_type = models.CharField(_("record type"), max_length=20)
    facts = models.JSONField(default=dict)
    mapping = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.READING)
    report = models.JSONField(default=dict)
    change_set = models.ForeignKey(ChangeSet, models.SET_NULL, null=True, related_name="imports")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [models.Index(fields=["by", "-id"], name="import_by")]

    def __str__(self):
        return self.file_name

    @property
    def stage(self):
        """The state as it is now: a job that was given up before it began, or that broke down, could not write it."""
        if self.state in self.BUSY and (self.job is None or self.job.finished):
            return self.State.FAILED if self.job and self.job.state == Job.State.FAILED else self.State.CANCELLED
        return self.State(self.state)

    @property
    def busy(self):
        return self.stage in self.BUSY

    @property
    def undone(self):
        return self.change_set is not None and self.change_set.undone


class FailedRow(models.Model):
    """A row of a file that was not brought in, and why; given back as a file with a reason column."""

    source = models.ForeignKey(Import, models.CASCADE, related_name="failed_rows")
    number = models.PositiveIntegerField()
    values = models.JSONField()
    reason = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "number"], name="failedrow_number")]

    def __str__(self):
        return f"{self.source_id}:{self.number}"
