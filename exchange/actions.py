"""What is done with a file on its way in: taken, read, checked, brought in, forgotten – and taken back as a whole (I1)."""

import contextlib
import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import access
from crm.history import underway
from crm.history.changes import long_change, writing
from crm.history.hooks import after_undo
from crm.history.models import Change
from crm.jobs import Failed, enqueue, job
from crm.jobs.schedule import each_night
from crm.jobs.worker import own_job, take_back_the_dead
from crm.locks import hold_every_key
from crm.models import ExternalId, User
from exchange import mapping as mappings
from exchange.importer import Report
from exchange.importers import importer_of
from exchange.kinds import KINDS, LISTS
from exchange.models import FailedRow, Import
from exchange.reading import PACKED, UnreadableFile, open_table
from exchange.rows import RowReader

#: Files up to this size are read while the user waits; an Excel file is packed, and slower to read.
READ_AT_ONCE = {"csv": 1_000_000, "xlsx": 200_000}
#: How long a file that was not brought in, and the rows that failed, are kept: they hold what is personal (settled 12).
KEPT_DAYS = 30

State = Import.State
underway.writes("import", KINDS)


def _may_import(user):
    access.require(user, "may_import")
    if user.role.edit == "none":
        raise PermissionDenied(_("Your role does not allow this."))


# --- Taking a file ----------------------------------------------------------------------------------------------------


def upload(file, name, record_type, *, by, at_once=False) -> Import:
    """Keep a file and guess what its columns are; a large one is read in the background unless `at_once`.

    Raise UnreadableFile for what is no table: nothing is kept then.
    """
    _may_import(by)
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    source = Import(
        token=secrets.token_hex(16), by=by, file_name=name.replace("\x00", "")[-255:], record_type=record_type,
        digest=digest.hexdigest(), file_type="xlsx" if file.read(4) in PACKED else "csv",
    )  # fmt: skip
    file.seek(0)
    source.file.save("upload", file, save=False)
    try:
        table = open_table(source.file.path)
        table.head()
        if at_once or file.size <= READ_AT_ONCE[source.file_type]:
            _keep_facts(source, table.facts())
            source.save()
        else:
            with transaction.atomic():
                source.save()
                _start(source, read_file, lambda: _("Reading %(file)s") % {"file": source.file_name}, State.READING)
    except BaseException:
        source.file.delete(save=False)
        raise
    return source


def _keep_facts(source, facts):
    source.facts = facts
    guessed = mappings.guess(source.record_type, facts["head"], source.by)
    places = {target: str(facts["head"].index(name)) for name, target in guessed["columns"].items() if target in LISTS}
    found = {target: [text for text, _count in facts["values"].get(place, [])] for target, place in places.items()}
    source.mapping = mappings.guess_values(guessed, found, source.by)
    source.state = State.MAPPING


def _start(source, function, title, state, total=0):
    # Without a unique key: the job of the step before may not have ended yet, though all it had to do is done.
    source.job = enqueue(function, owner=source.by, title=title, total=total, import_id=source.pk)
    source.state = state
    source.save(update_fields=["job", "state", "mapping", "change_set"])


@job
def read_file(job, *, import_id):
    """Read a large file once and guess its mapping."""
    source, waits = _of_job(job, import_id, State.READING)
    if waits:
        try:
            _keep_facts(source, open_table(source.file.path).facts(lambda done: job.progress(done, 0)))
        except UnreadableFile as error:
            raise Failed(error) from error
        with transaction.atomic():
            source.save(update_fields=["facts", "mapping", "state"])
            job.finish(
                {
                    "text": lambda: _("%(file)s was read; its columns can be matched now.") % {"file": source.file_name},
                    "url": _page_of(source),
                    "shown": True,
                }
            )


# --- Checking and bringing in -----------------------------------------------------------------------------------------


def check(source, mapping, *, by):
    """Check a whole file by this mapping in the background, writing nothing; its report says what would happen."""
    _may_import(by)
    with transaction.atomic():
        source = _locked(source, {State.MAPPING, State.CHECKED, State.FAILED, State.CANCELLED})
        source.mapping, source.change_set = mapping, None
        _start(
            source, check_file, lambda: _("Check of %(file)s") % {"file": source.file_name}, State.CHECKING, source.facts["total"]
        )


def run(source, *, by, seen, partial=False):
    """Bring a checked file in, in the background; with `partial` its good rows only, else all or nothing.

    `seen` names the check whose report one goes by (`Import.check_seen`): another one may have had another mapping.
    """
    _may_import(by)
    with transaction.atomic():
        source = _locked(source, {State.CHECKED})
        if seen != source.check_seen:
            raise _gone_on()
        if source.report["failed"] and not partial:
            raise ValidationError(_("Some rows have errors. Correct them, or import the good rows only."))
        source.mapping = {**source.mapping, "partial": partial}
        _start(
            source, run_file, lambda: _("Import of %(file)s") % {"file": source.file_name}, State.RUNNING, source.facts["total"]
        )


def _locked(source, allowed):
    found = Import.objects.select_for_update(of=("self",)).select_related("job", "by").get(pk=source.pk)
    if found.stage not in allowed:
        raise _gone_on()
    return found


def _gone_on():
    return ValidationError(_("This import has continued in the meantime."))


@job
def check_file(job, *, import_id):
    return _step(job, import_id, State.CHECKING, try_out)


@job
def run_file(job, *, import_id):
    return _step(job, import_id, State.RUNNING, bring_in)


def _of_job(job, import_id, state):
    """Return the import, and whether this step of it still waits to be done.

    It does not if a worker of an earlier version did it and died before it could say so: by now its owner may have gone on.
    """
    source = Import.objects.select_related("by__role", "change_set").get(pk=import_id)
    return source, source.job_id == job.pk and source.state == state


def _step(job, import_id, state, work):
    source, waits = _of_job(job, import_id, state)
    if waits:
        try:
            work(source, lambda done: job.progress(done, source.facts["total"]), job.finish)
        except UnreadableFile as error:
            raise Failed(error) from error
        return None
    return _was_done(source)


def _was_done(source):
    """Finish a step that was done, save for its last words."""
    if source.state == State.DONE:
        _forget_file(source)
    return {} if source.busy else _told_to_owner(source)


def bring_in_here(source) -> Report:
    """Bring a checked file in by this process, as a command does, with a job of its own; raise as `bring_in` and jobs do.

    If the process is killed, what it wrote is taken back by the next worker, or the next command (`take_back_killed`).
    """

    def title():
        return _("Import of %(file)s") % {"file": source.file_name}

    total = source.facts["total"]
    with own_job(tell_of_the_dead, owner=source.by, title=title, total=total, import_id=source.pk) as mine:
        with transaction.atomic():
            _locked(source, {State.CHECKED})
            source.job_id, source.state = mine.pk, State.RUNNING
            source.save(update_fields=["job", "state"])
        try:
            return bring_in(source, lambda done: mine.progress(done, total), mine.finish)
        except UnreadableFile as error:
            raise Failed(error) from error


def take_back_killed():
    """Take back what commands that were killed left half-done; before a file is read, which may be the same one."""
    take_back_the_dead(tell_of_the_dead)


@job
def tell_of_the_dead(job, *, import_id):
    """Say what came of an import whose command was killed, once what it left half-done was taken back."""
    source = Import.objects.select_related("by__role", "change_set").get(pk=import_id)
    if source.state not in {State.DONE, State.FAILED}:
        raise Failed(gettext_lazy("It was interrupted; nothing was imported."))
    return _was_done(source)


def _told_to_owner(source):
    answer = {"text": lambda: source.told, "url": _page_of(source), "shown": True}  # told on that page, too
    return answer | ({"undo": source.change_set_id} if source.change_set and source.change_set.undoable else {})


def _page_of(source):
    return reverse("exchange:import", args=[source.pk])


def try_out(source, progress=None, finish=None) -> Report:
    """Check every row, write nothing, and keep the report with the import; `finish` is that of the job which does it.

    Raise UnreadableFile, or ValidationError for a mapping that does not hold any more.
    """
    _may_import(source.by)
    report = importer_of(_reader(source), _keeper(source)).check(progress)
    _keep_report(source, report, State.CHECKED, finish)
    return report


def bring_in(source, progress=None, finish=None) -> Report:
    """Write the file's rows under one change set and keep the report with the import; raise as `try_out` does.

    Unless its mapping says *partial*, a row with an error takes all of it back, and the import's state is *failed*.
    """
    _may_import(source.by)
    reader = _reader(source)
    importer = importer_of(reader, _keeper(source))

    def done():
        if change_set.pk is None:
            _remove_unused_users(reader.created_users)
            source.change_set = None
        _keep_report(source, report, State.DONE, finish, created_users=reader.created_users)

    try:
        named = {"name": source.file_name}
        with long_change("import", by=source.by, via="import", params=named, at_end=done) as change_set:
            with writing(change_set):
                hold_every_key()  # nobody else creates the same meanwhile (settled 17)
                reader.create_missing()
                source.change_set, source.report = change_set, {**source.report, "created_users": reader.created_users}
                source.save(update_fields=["change_set", "report"])
            report = importer.write(change_set, progress)
            if report.failed and not reader.mapping["partial"]:
                raise _AllOrNothing
    except _AllOrNothing:
        _remove_unused_users(reader.created_users)
        source.change_set = change_set if change_set.left else None
        _keep_report(source, report, State.FAILED, finish)
        return report
    _forget_file(source)
    return report


def _forget_file(source):
    """Delete a file that was brought in: the rows it brought are in the history."""
    source.file.delete(save=False)
    source.facts = {**source.facts, "sample": [], "values": {}}
    source.save(update_fields=["file", "facts"])


class _AllOrNothing(Exception):
    """A row has an error, and all rows were asked for."""


def _reader(source):
    return RowReader(open_table(source.file.path), source.facts, source.record_type, source.mapping, source.by)


def _keeper(source):
    """Forget the rows that failed before; return the function that keeps those that fail now."""
    source.failed_rows.all().delete()

    def keep(rows):
        made = [
            FailedRow(source=source, number=number, values=cells, reason=reason, left_out=left_out)
            for number, cells, reason, left_out in rows
        ]
        FailedRow.objects.bulk_create(made, batch_size=1_000)

    return keep


def _keep_report(source, report, state, finish, **more):
    source.state, source.report = state, {**report.as_json(), **more}
    with transaction.atomic():
        source.save(update_fields=["state", "report", "change_set"])
        if finish:
            finish(_told_to_owner(source))


# --- Forgetting and taking back ---------------------------------------------------------------------------------------


def discard(source, *, by):
    """Forget an import that wrote nothing, with its file."""
    _may_import(by)
    with transaction.atomic():
        source = _locked(source, set(State) - {State.DONE, *Import.BUSY})
        source.delete()
    source.file.delete(save=False)


@each_night
def forget_files():
    """Delete the files and rows that were kept long enough for their owners to come back to them."""
    for source in Import.objects.filter(state=State.DONE).exclude(file=""):
        _forget_file(source)  # who brought it in died between that and this
    before = timezone.now() - timedelta(days=KEPT_DAYS)
    FailedRow.objects.filter(source__created_at__lt=before).delete()
    for source in Import.objects.filter(created_at__lt=before, state=State.DONE).exclude(report__notes=[], report__differing=[]):
        # What is noted of a row may name somebody.
        source.report = {**source.report, "notes": [], "differing": []}
        source.save(update_fields=["report"])
    for source in Import.objects.filter(created_at__lt=before).exclude(state=State.DONE).select_related("job"):
        if not source.busy:
            source.file.delete(save=False)
            source.delete()


@after_undo
def take_back_what_came_along(change_set):
    """Ids and users that an import brought go with it; who was kept, or used for something else since, stays."""
    if change_set.action != "import":
        return
    for model in (kind.model for kind in KINDS.values()):
        record_type = model.history.record_type
        created = Change.objects.filter(change_set=change_set, record_type=record_type, op="i", field="")
        brought = ExternalId.objects.filter(change_set=change_set, record_type=record_type)
        brought.exclude(record_id__in=created.values("record_id")).delete()
    for source in Import.objects.filter(change_set=change_set).select_related("change_set"):
        _remove_unused_users(source.report.get("created_users", []))
        if source.undoing:
            source.report = {**source.report, "taken_back": source.count_taken_back()}
            source.save(update_fields=["report"])


def _remove_unused_users(ids):
    """Delete these users unless somebody has given them something, or lets them sign in."""
    for user in User.objects.filter(pk__in=ids, last_login=None):
        if not user.has_usable_password():
            # Whatever refers to a user either protects them or is their own.
            with contextlib.suppress(ProtectedError), transaction.atomic():
                user.delete()
