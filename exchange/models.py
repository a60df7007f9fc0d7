"""Files brought in (I1)."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.models import ChangeSet, Job


def upload_path(instance, filename):
    """Return where an uploaded file lies: a generated name, never the user's."""
    return f"imports/{instance.token}.{'xlsx' if instance.file_type == 'xlsx' else 'csv'}"


class Import(models.Model):
    """One file on its way in: uploaded, mapped, tried, run, perhaps undone."""

    class State(models.TextChoices):
        MAPPING = "mapping", _("columns to be matched")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        RUNNING = "running", _("running")
        DONE = "done", _("finished")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    token = models.CharField(max_length=40, unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="imports")
    file = models.FileField(upload_to=upload_path, max_length=200)
    file_name = models.CharField(_("file"), max_length=255)
    file_type = models.CharField(max_length=4)
    digest = models.CharField(max_length=64)
    record_type = models.CharField(_("record type"), max_length=20)
    mapping = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.MAPPING)
    report = models.JSONField(default=dict)
    change_set = models.ForeignKey(ChangeSet, models.SET_NULL, null=True, related_name="imports")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [models.Index(fields=["by", "-id"], name="import_by")]

    def __str__(self):
        return self.file_name


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
