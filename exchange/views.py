"""The pages of imports: upload, matching of columns and values, dry run, run with progress, report (I1)."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import records
from crm.tables.left import reasons_of
from crm.web.htmx import page_or_fragment, redirect_to, say, wants_fragment
from exchange import actions
from exchange.forms import MappingForm, UploadForm
from exchange.models import Import
from exchange.nav import may_import
from exchange.reading import UnreadableFile, csv_lines

PER_PAGE = 25
ROWS_SHOWN = 50


def _allowed(user):
    if not may_import(user):
        raise PermissionDenied(_("Your role may not import."))


def _find(request, pk, *, own=False):
    """Return an import this user may look up, or raise Http404; what is in the file is the importer's own."""
    _allowed(request.user)
    found = Import.objects.visible_to(request.user).select_related("by", "job", "change_set")
    return get_object_or_404(found.filter(by=request.user) if own else found, pk=pk)


@require_GET
def imports(request):
    """The files that were brought in, the latest first."""
    _allowed(request.user)
    before = request.GET.get("before", "")
    found = Import.objects.visible_to(request.user).select_related("by", "job", "change_set").defer("facts", "mapping")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    rows = list(found.order_by("-pk")[: PER_PAGE + 1])
    context = {
        "rows": rows[:PER_PAGE],
        "next_url": f"{reverse('exchange:imports')}?before={rows[PER_PAGE - 1].pk}" if len(rows) > PER_PAGE else "",
        "here": request.get_full_path(),
        "busy": any(one.busy for one in rows),
    }
    return page_or_fragment(request, "exchange/imports.html", "exchange/_imports.html", context)


@require_http_methods(["GET", "POST"])
def new(request):
    """Take a file; it is read at once if it is small, else in the background."""
    _allowed(request.user)
    record = request.GET.get("of", "person")
    form = UploadForm(request.POST or None, request.FILES or None, initial={"record_type": record})
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            source = actions.upload(file, file.name, form.cleaned_data["record_type"], by=request.user)
        except UnreadableFile as error:
            form.add_error("file", str(error))
        else:
            return redirect_to(request, reverse("exchange:import", args=[source.pk]))
    return render(request, "exchange/new.html", {"form": form}, status=422 if form.is_bound else 200)


@require_GET
def one(request, pk):
    """An import as it stands: its mapping, how far it is, or its report."""
    return _show(request, _find(request, pk))


def _show(request, source, form=None):
    stage = source.stage
    own = source.by_id == request.user.pk
    mapping = own and (stage == Import.State.MAPPING or (form is not None) or "mapping" in request.GET) and not source.busy
    mapping = mapping and stage != Import.State.DONE and bool(source.facts)
    context = {
        "source": source,
        "stage": stage,
        "own": own,
        "here": request.get_full_path(),
        "form": (form or MappingForm(source, request.user)) if mapping else None,
        "rejected": _rejected(source) if own and not source.busy and not mapping else [],
        "list_url": _list_url(source),
        "left": reasons_of(source.left, request.user),
        "undo": source.change_set if source.change_set and source.change_set.undoable else None,
        "oob": wants_fragment(request),
    }
    status = 422 if form is not None and form.errors else 200
    return page_or_fragment(request, "exchange/import.html", "exchange/_import.html", context, status=status)


def _rejected(source):
    """Return (whether they are wrong, title, the first rows, how many) of the rows with errors, and of those left out."""
    found = [
        (True, _("Rows with errors"), source.report.get("failed", 0)),
        (False, _("Rows left out"), source.left_out),
    ]
    rows = source.failed_rows.order_by("number")
    return [(wrong, title, list(rows.filter(left_out=not wrong)[:ROWS_SHOWN]), count) for wrong, title, count in found if count]


def _list_url(source):
    """Return the list in which what a file brought stands first."""
    first = {"activity": "all=1&sort=-updated_at", "sale": "sort=-updated_at"}.get(source.record_type, "sort=-created_at")
    return f"{reverse(records.get(source.record_type).list_url)}?{first}"


@require_POST
def values(request, pk):
    """The matching of values anew, after another column was chosen."""
    source = _find(request, pk, own=True)
    if not source.facts:
        raise Http404
    return render(request, "exchange/_values.html", {"form": MappingForm(source, request.user, request.POST), "source": source})


@require_POST
def mapping(request, pk):
    """Keep the mapping and check the whole file by it, in the background."""
    source = _find(request, pk, own=True)
    if not source.facts:
        raise Http404
    # Sent twice, or from a page left open: what it has become shows itself.
    if not source.busy and source.stage != Import.State.DONE:
        form = MappingForm(source, request.user, request.POST)
        if not form.is_valid():
            return _show(request, source, form)
        _do(request, actions.check, source, form.mapping)
    return redirect_to(request, reverse("exchange:import", args=[source.pk]))


def _do(request, action, *args, **kwargs) -> bool:
    """Do it; say why it was refused, if it was."""
    try:
        action(*args, by=request.user, **kwargs)
    except ValidationError as error:
        say(request, " ".join(error.messages))
        return False
    return True


@require_POST
def run(request, pk):
    """Bring the checked file in, in the background; with `partial` its good rows only."""
    source = _find(request, pk, own=True)
    # Sent twice, what it has become shows itself.
    if source.stage not in (Import.State.RUNNING, Import.State.DONE):
        _do(request, actions.run, source, seen=request.POST.get("seen", ""), partial=request.POST.get("partial") == "1")
    return redirect_to(request, reverse("exchange:import", args=[source.pk]))


@require_POST
def cancel(request, pk):
    source = _find(request, pk, own=True)
    if source.job and not source.job.finished:
        source.job.cancel()
    return redirect_to(request, reverse("exchange:import", args=[source.pk]))


@require_POST
def discard(request, pk):
    """Forget an import that was not run, with its file."""
    source = _find(request, pk, own=True)
    if _do(request, actions.discard, source):
        say(request, _("The file was discarded."))
    return redirect_to(request, reverse("exchange:imports"))


@require_GET
def failed(request, pk):
    """The rows that were not brought in, as a file with the reason in its last column; for the importer alone (P08)."""
    source = _find(request, pk, own=True)
    rows = source.failed_rows.order_by("number")
    if not rows.exists():
        raise Http404
    head = [*source.facts.get("head", []), _("Row"), _("Reason")]
    width = len(head) - 2
    # What stands beyond the last column follows the reason, which so stays below its name.
    lines = csv_lines(head, ([*row.values[:width], row.number, row.reason, *row.values[width:]] for row in rows.iterator(1_000)))
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="failed-rows-{source.pk}.csv"'
    return answer
