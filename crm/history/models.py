"""The tables of the history."""

from contextvars import ContextVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: The id of the background job in which this thread works, if any.
running_job: ContextVar[int | None] = ContextVar("running_job", default=None)


def current_job():
    return running_job.get()


class Via(models.TextChoices):
    """The way in by which a change came."""

    CARD = "card", _("Card")
    LIST = "list", _("List")
    FORM = "form", _("Form")
    BULK = "bulk", _("Bulk change")
    BOARD = "board", _("Board")
    IMPORT = "import", _("Import")
    API = "api", _("API")
    ADMIN = "admin", _("Admin site")
    AUTOMATION = "automation", _("Automation")
    SYSTEM = "system", _("Lotse")
    DEMO = "demo", _("Demo data")


class Transaction(models.Func):
    """The id of the transaction that writes; SQLite, with its one writer, needs none."""

    function, arity, output_field = "pg_current_xact_id", 0, models.BigIntegerField()
    allowed_default = True

    def as_postgresql(self, compiler, connection, **context):
        return self.as_sql(compiler, connection, template="(%(function)s()::text::bigint)", **context)

    def as_sqlite(self, compiler, connection, **context):
        return "NULL", ()


class ChangeSet(models.Model):
    """One action on one or many records, undone as one.

    `action` names what was done (`crm.history.words` puts it into a sentence with `params`), `parent` is the change set
    that set this one off, `undoes` the one it takes back, `job_id` the background job that writes it: when its worker dies,
    the next one finds by it what was left half-done. `transaction` is the last one that wrote under it: see crm.history.live.
    `announced` says whether those outside who listen were told; written in the transaction of the change itself, the change
    set is the outbox (docs/decisions/0026).
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed and taken back")

    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="change_sets")
    via = models.CharField(max_length=10, choices=Via)
    action = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    undoes = models.ForeignKey("self", models.CASCADE, null=True, related_name="undoings")
    undone = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.DONE)
    job_id = models.BigIntegerField(null=True, default=current_job, editable=False)
    transaction = models.BigIntegerField(null=True, db_default=Transaction(), editable=False)
    announced = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("history")
        indexes = [
            models.Index(fields=["job_id"], condition=models.Q(state="running"), name="changeset_unfinished"),
            models.Index(fields=["transaction"], name="changeset_transaction"),
            models.Index(fields=["at"], name="changeset_at"),
            models.Index(fields=["id"], condition=models.Q(announced=False, state="done"), name="changeset_outbox"),
        ]

    #: What cannot be taken back: the installation's own beginnings, and what erased data for good.
    LASTING = ("setup", "mend", "purge", "erase")

    def __str__(self):
        return f"{self.action} #{self.pk}"

    @property
    def undoable(self):
        """Whether this can be asked to be undone now; how much of it can be taken back the undo itself finds out."""
        # What an import had brought was removed for good; the file itself can be imported again.
        removed = self.action == "undo" and self.params.get("of") == "import"
        return not self.undone and self.state == self.State.DONE and self.action not in self.LASTING and not removed

    @property
    def left(self):
        """What this undo, or the taking back of this itself, left as it was: how many records, and which; empty if none."""
        return self.params.get("left") or {}


class Change(models.Model):
    """One field of one record, from `old` to `new`, as the database's own text of the column.

    `op` is *i* for a new record (one row with an empty field, and one for each first value worth knowing), *u* for a
    change, *d* for a row that is gone. Written by triggers only.
    """

    id = models.BigAutoField(primary_key=True)
    change_set = models.ForeignKey(ChangeSet, models.CASCADE, null=True, related_name="changes")
    record_type = models.CharField(max_length=20)
    record_id = models.BigIntegerField()
    op = models.CharField(max_length=1)
    field = models.CharField(max_length=40, default="")
    old = models.TextField(null=True)
    new = models.TextField(null=True)

    class Meta:
        indexes = [models.Index(fields=["record_type", "record_id", "id"], name="change_record")]

    def __str__(self):
        return f"{self.record_type} {self.record_id} {self.field}"


class RunningChangeSet(models.Model):
    """SQLite only: the one row that tells the triggers the running change set (there is only one writer)."""

    change_set_id = models.BigIntegerField(null=True)

    def __str__(self):
        return str(self.change_set_id)
