"""Follow-ups on the cards: the next one, the timeline, notes (R15)."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from activities import actions
from activities.models import Activity
from activities.views.one import done, last_change, postponements
from crm.history import words
from crm.web.htmx import toast, trigger
from leads.models import Company, Person

PER_PAGE = 30
STEPS = ("lead_status", "category")  # what of the history is part of the story
MOST_STEPS = 100
MODELS = {"persons": Person, "companies": Company}


def find_record(request, kind, pk):
    return get_object_or_404(MODELS[kind].objects.visible_to(request.user), pk=pk)


def link_to(kind, record):
    return {"person": record} if kind == "persons" else {"company": record}


def of_record(request, kind, record):
    of_it = Activity.objects.visible_to(request.user).filter(**link_to(kind, record))
    return of_it.select_related("owner", "person", "company")


@require_GET
def next_activity(request, kind, pk):
    """The box *Next activity* of a card."""
    record = find_record(request, kind, pk)
    open_ones = of_record(request, kind, record).filter(done_at=None, due_at__isnull=False).order_by("due_at", "pk")
    context = {"activity": open_ones.first(), "kind": kind, "record": record, "now": timezone.now(),
               "days": postponements(timezone.localdate())}  # fmt: skip
    return render(request, "activities/_next.html", context)


@require_GET
def timeline(request, kind, pk):
    """The section tab *Timeline*: open ones first, then what was done and how the lead went on, newest first."""
    record = find_record(request, kind, pk)
    text = request.GET.get("from", "0")
    start = int(text) if text.isdecimal() and len(text) < 7 else 0
    every = of_record(request, kind, record)
    open_ones = list(every.filter(done_at=None).order_by("due_at", "pk")[:100]) if not start else []
    done = list(every.filter(done_at__isnull=False).order_by("-done_at", "-pk")[max(0, start - 1) : start + PER_PAGE + 1])
    until = done.pop(0).done_at if start and done else None  # the last one of the page before
    more, done = len(done) > PER_PAGE, done[:PER_PAGE]
    steps, _more = words.of_record(record, fields=STEPS, until=until, since=done[-1].done_at if more else None, limit=MOST_STEPS)
    past = [(activity.done_at, activity, None) for activity in done] + [(step.change_set.at, None, step) for step in steps]
    return render(request, "activities/_timeline.html", {
        "open": open_ones, "past": sorted(past, key=lambda one: one[0], reverse=True), "kind": kind, "record": record,
        "more": start + PER_PAGE if more else None, "now": timezone.now(), "start": start, "days": postponements(timezone.localdate()),
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
    return trigger(done(_("Noted."), last_change(activity)), "noted")
