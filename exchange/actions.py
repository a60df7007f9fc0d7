"""Running an import, as a job or from the command line, and taking it back (I1)."""

import secrets

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import access
from crm.history.changes import long_change
from crm.history.undo import after_undo
from crm.jobs import Failed, enqueue, job
from crm.models import ExternalId, User
from crm.web.formats import number
from exchange.importer import Importer
from exchange.models import FailedRow, Import
from exchange.reading import UnreadableFile, open_table

KEPT_ROWS = 50_000  # failed rows that are kept to be given back


def importer_of(source) -> Importer:
    """Return the importer of an uploaded file with its mapping; raise UnreadableFile or ValidationError."""
    return Importer(open_table(source.file.path, source.file_name), source.record_type, source.mapping, source.by)


def start(source, *, dry_run):
    """Check or run an import in the background; its page and the bell show how far it is."""
    access.require(source.by, "may_import")
    title = _("Checking %(file)s") if dry_run else _("Importing %(file)s")
    Import.objects.filter(pk=source.pk).update(state=Import.State.CHECKING if dry_run else Import.State.RUNNING)
    source.job = enqueue(
        run_import, owner=source.by, title=title % {"file": source.file_name}, unique_key=f"import-{source.pk}", import_id=source.pk,
        dry_run=dry_run,
    )  # fmt: skip
    source.save(update_fields=["job"])
    return source.job


@job
def run_import(job, *, import_id, dry_run):
    """Check a file, or check and import it; all or nothing unless the mapping says otherwise."""
    source = Import.objects.select_related("by__role").get(pk=import_id)
    try:
        report = perform(source, dry_run=dry_run, progress=job.progress)
    except UnreadableFile as error:
        Import.objects.filter(pk=source.pk).update(state=Import.State.FAILED)
        raise Failed(str(error)) from error
    except BaseException:
        Import.objects.filter(pk=source.pk).update(state=Import.State.CANCELLED)
        raise
    from django.urls import reverse

    source.refresh_from_db()
    result = {"text": told(source, report), "url": reverse("exchange:import", args=[source.pk])}
    if source.change_set_id:
        result["undo"] = source.change_set_id
    return result


def perform(source, *, dry_run, progress=None):
    """Check, and unless `dry_run` write; return the Report. Its numbers and the failed rows are kept with the import."""
    access.require(source.by, "may_import")
    importer = importer_of(source)
    importer.prepare_values()
    total = source.report.get("total") or sum(1 for _row in importer.table.records())
    steps = 1 if dry_run else 2

    def tell(step):
        return (lambda done: progress(step * total + done, steps * total)) if progress else None

    report = importer.check(tell(0))
    report_json = {**report.as_json(), "total": total}
    keep_failed(source, importer.head, report)
    stopped = report.failed and not importer.mapping["partial"]
    if dry_run or stopped:
        state = Import.State.CHECKED if dry_run else Import.State.FAILED
        Import.objects.filter(pk=source.pk).update(state=state, report=report_json)
        return report
    Import.objects.filter(pk=source.pk).update(state=Import.State.RUNNING)
    from exchange.importer import Report

    report = Report()
    with long_change("import", by=source.by, via="import", params={"name": source.file_name}) as change_set:
        Import.objects.filter(pk=source.pk).update(change_set=change_set)
        from crm.history.changes import writing

        with writing(change_set):
            importer.create_missing()
        importer.write(change_set, report, tell(1))
    if change_set.pk is None:
        # Nothing was different: there is nothing to undo.
        Import.objects.filter(pk=source.pk).update(change_set=None)
    report_json = {**report.as_json(), "total": total, "created_users": importer.created_users}
    Import.objects.filter(pk=source.pk).update(state=Import.State.DONE, report=report_json)
    return report


def keep_failed(source, head, report):
    source.failed_rows.all().delete()
    FailedRow.objects.bulk_create(
        (
            FailedRow(source=source, number=number, values=cells, reason=reason)
            for number, cells, reason in report.failed[:KEPT_ROWS]
        ),
        batch_size=1_000,
    )


def told(source, report) -> str:
    """Return what an import did in one sentence."""
    counts = report.counts
    if source.state == Import.State.FAILED:
        text = ngettext(
            "%(count)s row has an error; nothing was imported.",
            "%(count)s rows have errors; nothing was imported.",
            counts["failed"],
        )
        return text % {"count": number(counts["failed"])}
    created, updated = (
        counts["persons_created"] + counts["companies_created"],
        counts["persons_updated"] + counts["companies_updated"],
    )
    if not created and not updated and source.state == Import.State.DONE:
        return _("Nothing has changed: everything in the file was here already.")
    words = {"created": number(created), "updated": number(updated), "failed": number(counts["failed"])}
    if source.state == Import.State.CHECKED:
        return _("Checked: %(created)s would be new, %(updated)s changed, %(failed)s rows have errors.") % words
    return _("Imported: %(created)s new, %(updated)s changed, %(failed)s rows left out.") % words


def new_import(file, name, record_type, by):
    """Keep an uploaded file and return its Import, columns guessed; raise UnreadableFile for what is no table."""
    import hashlib

    from exchange import mapping as mappings

    access.require(by, "may_import")
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    source = Import(
        token=secrets.token_hex(16), by=by, file_name=name[-255:], record_type=record_type, digest=digest.hexdigest(),
        file_type="xlsx" if name.lower().endswith(".xlsx") else "csv",
    )  # fmt: skip
    file.seek(0)
    source.file.save("upload", file, save=False)
    try:
        table = open_table(source.file.path, name)
        head = table.head()
        source.state = Import.State.MAPPING
        source.mapping = mappings.guess(record_type, head)
        source.report = {"total": sum(1 for _row in table.records())}
    except UnreadableFile:
        source.file.delete(save=False)
        raise
    source.save()
    return source


@after_undo
def take_back_what_came_along(change_set):
    """External ids and users that an import brought go with it; a user who was given anything since stays."""
    if change_set.action != "import":
        return
    ExternalId.objects.filter(change_set=change_set).delete()
    for source in Import.objects.filter(change_set=change_set):
        for user in User.objects.filter(pk__in=source.report.get("created_users", []), last_login=None):
            unused = not (
                user.persons.exists() or user.companies.exists() or user.activities.exists() or user.change_sets.exists()
            )
            if unused and not user.api_tokens.exists():
                user.delete()
