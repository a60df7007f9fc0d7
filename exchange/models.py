"""Files brought in (I1)."""

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.models import Change, ChangeSet, Job
from crm.web.formats import number
from exchange.kinds import KINDS
from exchange.webhooks.models import Delivery, Webhook

__all__ = ["RECORDS", "Delivery", "FailedRow", "Import", "ImportQuerySet", "Webhook"]

RECORDS = {name: kind.label for name, kind in KINDS.items()}
#: What is counted of a row that made or changed a record: prefix of the count -> (label of the new, of the changed).
_FIGURES = {
    "persons": (_("Persons, new"), _("Persons, changed")),
    "companies": (_("Companies, new"), _("Companies, changed")),
    "sales": (_("Sales, new"), _("Sales, changed")),
    "activities": (_("Follow-ups, new"), _("Follow-ups, changed")),
}
#: The same of what was taken back: (label of the new, of the changed).
_TAKEN_BACK = {
    "persons": (_("Persons, removed"), _("Persons, set back")),
    "companies": (_("Companies, removed"), _("Companies, set back")),
    "sales": (_("Sales, removed"), _("Sales, set back")),
    "activities": (_("Follow-ups, removed"), _("Follow-ups, set back")),
}


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
        return self.state == self.State.DONE and self.change_set is not None and self.change_set.undone

    @cached_property
    def undoing(self):
        """The latest undo that has taken back something of it, or None."""
        return self.change_set.undoings.filter(state=ChangeSet.State.DONE).order_by("-pk").first() if self.change_set else None

    @property
    def left(self):
        """What stayed when it was undone, or taken back in the middle: see crm.tables.left; empty if nothing did."""
        if self.stage in (self.State.CANCELLED, self.State.FAILED):
            return self.change_set.left if self.change_set else {}
        return self.undoing.left if self.undoing else {}

    @property
    def check_seen(self):
        """Which check the report tells of; a page sends it along, so that nothing else is brought in than it showed."""
        return str(self.job_id or "")

    @property
    def stage_label(self):
        return _("undone") if self.undone else self.stage.label

    @property
    def record_label(self):
        return RECORDS[self.record_type]

    @property
    def created(self):
        """How many records are, or would be, new."""
        return sum(count for name, count in self.report.items() if name.endswith("_created"))

    @property
    def updated(self):
        return sum(count for name, count in self.report.items() if name.endswith("_updated"))

    @property
    def only_ids(self):
        """Whether all it brings is what the other system calls records that are here already."""
        return bool(self.report.get("new_ids")) and not self.created and not self.updated

    @property
    def left_out(self):
        """How many rows could belong to nothing that is here."""
        return self.report.get("left_out", 0)

    @property
    def told(self):
        """What came of it last, in a sentence; empty where nothing has yet."""
        if self.stage == self.State.FAILED and (self.state != self.State.FAILED or not self.report):
            return self.job.text if self.job else ""
        if self.left and self.stage != self.State.DONE:
            return _("It was taken back, except for records that others have changed or used since.")
        if self.stage == self.State.CANCELLED:
            return _("It was cancelled; nothing was imported.")
        if not self.report:
            return ""
        words = {"created": number(self.created), "updated": number(self.updated), "failed": number(self.report["failed"]),
                 "left": number(self.left_out)}  # fmt: skip
        if self.state == self.State.FAILED:
            return ngettext("%(failed)s row has an error; nothing was imported.", "%(failed)s rows have errors; nothing was imported.",
                            self.report["failed"]) % words  # fmt: skip
        if self.state == self.State.CHECKED:
            if not self.created + self.updated + self.left_out + self.report["failed"]:
                return self._with_ids(_("Everything in the file already exists."))
            told = self._sentences(
                ngettext("This import would create %(created)s record and change %(updated)s.",
                         "This import would create %(created)s records and change %(updated)s.", self.created),
                ngettext("%(left)s row would be left out.", "%(left)s rows would be left out.", self.left_out),
                ngettext("%(failed)s row has an error and would not be imported.", "%(failed)s rows have errors and would not be imported.",
                         self.report["failed"]),
            ) % words  # fmt: skip
            return self._with_ids(told)
        if self.left:
            if self.undone:
                return _("This import was undone in part.")
            return _("This import was undone in part. Somebody who may change what was left can undo the rest.")
        if self.undone:
            return _("This import was undone.")
        if not self.created and not self.updated and not self.report["failed"]:
            if not self.left_out:
                return self._with_ids(_("Nothing has changed: everything in the file already existed."))
            if self.left_out == self.report["rows"]:
                return ngettext("Nothing has changed: its row was left out.", "Nothing has changed: all its %(left)s rows were left out.",
                                self.left_out) % words  # fmt: skip
            existed = _("Nothing has changed: all other rows already existed.")
            left = ngettext("%(left)s row was left out.", "%(left)s rows were left out.", self.left_out) % words
            return f"{existed} {left}"
        told = self._sentences(
            ngettext("%(created)s record created, %(updated)s changed.", "%(created)s records created, %(updated)s changed.", self.created),
            ngettext("%(left)s row was left out.", "%(left)s rows were left out.", self.left_out),
            ngettext("%(failed)s row had an error.", "%(failed)s rows had errors.", self.report["failed"]),
        ) % words  # fmt: skip
        return self._with_ids(told)

    def _sentences(self, made, left, failed):
        """Return what is told of the records, and of the rows left out and those with errors if there are such."""
        return " ".join([made, *([left] if self.left_out else []), *([failed] if self.report["failed"] else [])])

    def _with_ids(self, told):
        """Return what is told, and what it brings where that is ids alone."""
        if not self.only_ids:
            return told
        if self.state == self.State.CHECKED:
            ids = _("Only the other system's ids would be new: later files find these records by them.")
        else:
            ids = _("Only the other system's ids are new: later files find these records by them.")
        return f"{told} {ids}"

    def count_taken_back(self):
        """Return record type -> how many records its undoings have removed, and changed or removed."""
        undoings = self.change_set.undoings.filter(state=ChangeSet.State.DONE)
        rows = Change.objects.filter(change_set__in=undoings).values_list("record_type")
        removed = Count("record_id", distinct=True, filter=Q(op="d"))
        return {name: counts for name, *counts in rows.annotate(removed=removed, all=Count("record_id", distinct=True))}

    @property
    def taken_back(self):
        """(label, number) of what undoing it has removed, and set back to what it was before."""
        # Counted when it is undone: of a hundred thousand records that takes a third of a second.
        counted = self.report["taken_back"] if "taken_back" in self.report else self.count_taken_back()
        found = []
        for kind in KINDS.values():
            gone, touched = counted.get(kind.model.history.record_type, (0, 0))
            for label, count in zip(_TAKEN_BACK[kind.plural], (gone, touched - gone), strict=True):
                if count:
                    found.append((label, count))
        return found

    @property
    def figures(self):
        """(label, number) of what was counted."""
        if self.undoing:
            return self.taken_back
        kind = KINDS[self.record_type]
        found = []
        for prefix, labels in _FIGURES.items():
            own = prefix == kind.plural
            for what, label in zip(("created", "updated"), labels, strict=True):
                if own or self.report.get(f"{prefix}_{what}") or (prefix == "companies" and kind.name == "person"):
                    found.append((label, self.report.get(f"{prefix}_{what}", 0)))
        more = {
            "unchanged": _("Unchanged"), "duplicates": _("Repeated, or not editable by you"), "failed": _("Rows with errors"),
            "left_out": _("Rows left out"), "differences": _("Values that differ from an earlier row"),
            "dangling": _("References to missing records"),
        }  # fmt: skip
        always = {"unchanged", "failed"}
        return found + [(label, self.report.get(key, 0)) for key, label in more.items() if self.report.get(key) or key in always]


class FailedRow(models.Model):
    """A row of a file that was not brought in, and why; given back as a file with a reason column."""

    source = models.ForeignKey(Import, models.CASCADE, related_name="failed_rows")
    number = models.PositiveIntegerField()
    values = models.JSONField()
    reason = models.TextField()
    #: Nothing is wrong with it: it can belong to nothing that is here.
    left_out = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "number"], name="failedrow_number")]

    def __str__(self):
        return f"{self.source_id}:{self.number}"
