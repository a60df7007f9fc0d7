"""What the criteria editor asks the server (S2, S3): fields by name, itself after each change, and counts."""

import secrets
import time

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm import records
from crm.budget import TookTooLong, within
from crm.criteria import CriteriaError
from crm.criteria.editor import DAYS, UNITS, WHICH, Editor, fields_found
from crm.criteria.explain import COUNT_UP_TO, counts
from crm.fields import Asking
from crm.tables.counts import capped
from crm.web import formats
from crm.web.htmx import toast

SECONDS = 2.0  # that somebody who edits waits for a count
STEPS = (1_000, 10_000)  # a count is told up to the last of them that was reached in time


def record_called(name):
    """Return a record type by its name; raise Http404."""
    try:
        return records.get(name)
    except KeyError:
        raise Http404 from None


def context(editor, edit_url=""):
    """Return what the editor's templates show."""
    editor.token = editor.token or secrets.token_hex(8)
    words = {
        "days": DAYS.items(),
        "which": WHICH.items(),
        "units": UNITS.items(),
        "unit": [("day", _("day")), ("week", _("week")), ("month", _("month")), ("quarter", _("quarter")), ("year", _("year"))],
    }
    return {"editor": editor, "words": words, "edit_url": edit_url or reverse("crm:criteria_edit", args=[editor.record.name]),
            "why_url": ""}  # fmt: skip


def editor_sent(request, record):
    """Return (the editor a form sent, None), or (None, the answer that says why it cannot be read)."""
    try:
        return Editor.sent(record, request.POST, Asking(request.user)), None
    except CriteriaError as error:
        return None, toast(HttpResponse(status=204), " ".join(error.told), level="error")


@require_GET
def fields(request, record_type):
    """The fields whose names hold what was typed, for the choice that adds a line."""
    found = fields_found(record_called(record_type), request.GET.get("q", ""))
    return JsonResponse([{"id": name, "name": label, "detail": ""} for name, label in found], safe=False)


@require_POST
def edit(request, record_type):
    """The editor after a change, for a page that keeps the question in a form of its own: the event *criteria* tells it."""
    editor, refused = editor_sent(request, record_called(record_type))
    if refused:
        return refused
    template = "criteria/_editor.html" if "do" in request.POST else "criteria/_parts.html"
    response = render(request, template, context(editor))
    response.headers["HX-Trigger-After-Settle"] = '{"criteria": {}}'
    return response


@require_POST
def count(request, record_type):
    """How many records the question finds, and how many each line alone keeps, as far as can be told in time."""
    record = record_called(record_type)
    editor, refused = editor_sent(request, record)
    if refused:
        return refused
    asked = editor.asked
    if asked is None:
        return render(request, "criteria/_counts.html", {"total": "", "total_title": "", "kept": {}})
    ends, name = time.monotonic() + SECONDS, f"lotse-count-{request.user.pk}-{editor.token}"[:60]
    visible = record.model.objects.visible_to(request.user)
    total = _total(visible.filter(asked.q(editor.asking)), ends, name, record)
    title = "" if total else _("Counting takes a while; the list below may still appear.")
    kept = _kept(visible, editor, ends, name)
    return render(request, "criteria/_counts.html", {"total": total or "…", "total_title": title, "kept": kept})


def _total(matching, ends, name, record):
    """Return *156 persons* or *1,000+ persons*; nothing if not even that could be told in time."""
    told = ""
    for cap in STEPS:
        left = ends - time.monotonic()
        if left <= 0:
            break
        try:
            with within(left, name):
                number = matching.order_by().values("pk")[: cap + 1].count()
        except TookTooLong:
            break
        word = record.label if number == 1 else record.plural
        told = f"{capped(number, cap)} {formats.in_sentence(word)}"
        if number <= cap:
            break
    return told


def _kept(visible, editor, ends, name):
    left = ends - time.monotonic()
    if left <= 0:
        return {}
    try:
        with within(left, name):
            kept = counts(visible, editor.asked, editor.asking)
    except TookTooLong:
        return {}
    return {path: capped(kept[place], COUNT_UP_TO) for path, place in editor.root.places() if place in kept}
