"""Follow-ups on the cards: the next one, the timeline, notes (R15)."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from activities import actions
from activities import timeline as timelines
from activities.lifecycle import LINKS
from activities.views.one import KINDS, done, postponements
from crm.web.htmx import toast, trigger
from leads.views.cards import created_in

PER_PAGE, MOST = 30, 300
OPEN_SHOWN = 100


def find_record(request, kind, pk):
    return get_object_or_404(LINKS[KINDS[kind]].objects.visible_to(request.user), pk=pk)


def link_to(kind, record):
    return {KINDS[kind]: record}


def shown_with(kind, record):
    """Return what every follow-up on a card is shown with."""
    return {"kind": kind, "record": record, "now": timezone.now(), "days": postponements(timezone.localdate())}


@require_GET
def next_activity(request, kind, pk):
    """The box *Next activity* of a card."""
    record = find_record(request, kind, pk)
    open_ones = timelines.activities_of(record, request.user).filter(done_at=None, due_at__isnull=False)
    activity = open_ones.order_by("due_at", "pk").first()
    return render(request, "activities/_next.html", {"activity": activity, **shown_with(kind, record)})


@require_GET
def timeline(request, kind, pk):
    """The section tab *Timeline*: what is planned, then all that was, newest first. `n` asks for more at once: those one had."""
    record = find_record(request, kind, pk)
    show, cursor, number = request.GET.get("show", ""), request.GET.get("before", ""), request.GET.get("n", "")
    limit = min(MOST, max(PER_PAGE, int(number))) if number.isdecimal() and len(number) < 6 else PER_PAGE
    try:
        entries, more = timelines.page(record, request.user, show=show, cursor=cursor, limit=limit)
    except ValueError:
        raise Http404 from None
    planned = []
    if not cursor and show in ("", "follow-ups"):
        every = timelines.activities_of(record, request.user).filter(done_at=None)
        planned = list(every.order_by(F("due_at").asc(nulls_last=True), "pk")[:OPEN_SHOWN])
    return render(request, "activities/_timeline.html", {
        "planned": planned, "entries": entries, "more": more, "show": show, "first": not cursor,
        "filters": [("", _("All")), *((one.name, one.label) for one in timelines.sources())], **shown_with(kind, record),
    })  # fmt: skip


@require_POST
def note(request, kind, pk):
    """Write down a note: its first line is its subject."""
    record = find_record(request, kind, pk)
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    text = request.POST.get("text", "").replace("\r\n", "\n").strip()
    if not text:
        return toast(HttpResponse(status=204), _("Write something first."), level="error")
    first = text.split("\n", 1)[0].strip()
    values = {"kind": "note", "subject": first[:200], "text": text if len(first) > 200 or "\n" in text else ""}
    try:
        activity = actions.create_activity({**values, **link_to(kind, record)}, by=request.user, via="card")
    except ValidationError as error:
        return toast(HttpResponse(status=204), " ".join(error.messages), level="error")
    return trigger(done(_("Note saved."), created_in(activity)), "noted")
