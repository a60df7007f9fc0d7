"""One follow-up: added, changed, ticked off, postponed, deleted, from wherever it shows (R15)."""

import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from activities import actions, due
from activities.forms import RECORDS, ActivityForm
from activities.lifecycle import LINKS
from activities.models import Activity
from crm import access, search
from crm.history.changes import Conflict
from crm.history.words import of_field
from crm.web import formats
from crm.web.htmx import page_or_fragment, redirect_to, say, toast, trigger, wants_fragment
from leads.views.cards import conflict_of, created_in, initial_texts

#: The record types of the cards' addresses.
KINDS = {"persons": "person", "companies": "company", "sales": "sale"}
MOST_CHOICES = 8


def find_activity(request, pk):
    return get_object_or_404(
        Activity.objects.visible_to(request.user).select_related("owner", "person", "company", "sale"), pk=pk
    )


@require_http_methods(["GET", "POST"])
def new(request, kind=None, pk=None):
    """Add a follow-up: to the record of the address, or to one that is found by typing."""
    record = get_object_or_404(LINKS[KINDS[kind]].objects.visible_to(request.user), pk=pk) if kind else None
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    link = {KINDS[kind]: record} if record else {}
    initial = {"owner": request.user.pk, "kind": "call"} | ({} if record else {"day": timezone.localdate()})
    form = ActivityForm(
        request.POST or None, instance=Activity(**link), initial=initial, user=request.user, choose=record is None
    )
    if request.method == "POST" and form.is_valid():
        try:
            activity = actions.create_activity({**form.values(), **link}, by=request.user, via="card" if record else "form")
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done_with(
                request, _("Follow-up created: %(name)s") % {"name": activity.subject}, created_in(activity), activity
            )
    address = reverse("activities:new", args=[kind, pk]) if kind else reverse("activities:follow_up_new")
    context = {"form": form, "address": address, "activity": None, "title": _("New follow-up")}
    return page_or_fragment(
        request, "activities/page.html", "activities/_form.html", context, status=422 if form.is_bound else 200
    )


@require_http_methods(["GET", "POST"])
def edit(request, pk):
    """Change a follow-up: in the dialog, or on a page of its own."""
    activity = find_activity(request, pk)
    try:
        actions.require_edit(activity, request.user)
    except PermissionDenied:
        # Whoever may only look reads it where it stands: on the card of what it is about.
        about = [one for one in (activity.person, activity.company, activity.sale) if access.sees(request.user, one)]
        if request.method == "POST" or wants_fragment(request) or not about:
            raise
        return redirect(f"{about[0].get_absolute_url()}?tab=timeline")
    form = ActivityForm(request.POST or None, instance=activity, user=request.user)
    version = request.POST.get("version", str(activity.version))
    if not version.isdecimal() or len(version) > 9:
        raise Http404
    # What the user saw when they began: what somebody else changed meanwhile in other fields is kept (R17).
    seen = {name: request.POST.get(f"was-{name}", "") for name in form.fields} if form.is_bound else initial_texts(form)
    context = {"address": reverse("activities:edit", args=[pk]), "activity": activity, "form": form, "version": version, "was": seen,
               "title": activity.subject}  # fmt: skip
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        before = ActivityForm(seen, instance=activity, user=request.user)
        before.is_valid()
        how = {"by": request.user, "via": "card", "version": int(version), "was": before.values()}
        try:
            outcome = actions.edit_activity(activity, form.values(), **how)
        except ValidationError as error:
            add_errors(form, error)
        except Conflict as conflict:
            conflict.fields.pop("all_day", None)  # told with the day
            context, status = {**context, **conflict_of(conflict, ActivityForm, form, before, told)}, 409
        else:
            words = _("Follow-up changed: %(name)s") % {"name": activity.subject}
            return done_with(request, words, outcome.change_set, activity)
    return page_or_fragment(request, "activities/page.html", "activities/_form.html", context, status=status)


def told(activity, name):
    """Return the label of a field, and what stands in it now: a day for what is due on all of it."""
    label, text = of_field(activity, name)
    return label, formats.exact(activity.due) if name == "due_at" and activity.due else text


@require_POST
def tick(request, pk):
    """Tick a follow-up off, or open it again (`done` empty). What is meant is said, not the other of what is: two who both
    tick it off do not open it again."""
    activity = find_activity(request, pk)
    ticked = request.POST.get("done", "1") == "1"
    outcome = actions.set_done(activity, ticked, by=request.user, via="card")
    if not outcome.changed:
        words = _("%(name)s is already done.") if ticked else _("%(name)s is already open.")
        return done(words % {"name": activity.subject}, None)
    words = _("Done: %(name)s") if ticked else _("Opened again: %(name)s")
    text = words % {"name": activity.subject}
    if ticked and (following := Activity.objects.filter(previous=activity, deleted_at=None, done_at=None).first()):
        text = _("%(what)s – next one %(when)s") % {"what": text, "when": when(following)}
    return done(text, outcome.change_set)


def when(activity):
    return formats.near(activity.due)


@require_http_methods(["GET", "POST"])
def postpone(request, pk):
    """Postpone a follow-up: to tomorrow, next week, or a day that is picked in a small dialog."""
    activity = find_activity(request, pk)
    actions.require_edit(activity, request.user)
    today = timezone.localdate()
    offered = postponements(today)
    text = request.POST.get("to", "")
    day = offered.get(text) or parsed(text)
    error = ""
    if request.method == "POST":
        try:
            check_not_past(day)
            outcome = actions.postpone(activity, day, by=request.user, via="card")
        except ValidationError as refused:
            error = " ".join(refused.messages)
            if "picked" not in request.POST:
                return toast(HttpResponse(status=204), error, level="error")
        else:
            activity.refresh_from_db()
            return done(
                _("%(name)s is now due %(when)s") % {"name": activity.subject, "when": when(activity)}, outcome.change_set
            )
    context = {
        "activity": activity,
        "error": error,
        "text": text or str(max(today, activity.day or today) + datetime.timedelta(days=1)),
    }
    return render(request, "activities/_postpone.html", context, status=422 if error else 200)


def postponements(today):
    """Return the days one postpones to at once, by their names. On a Sunday next week is the one after that of tomorrow."""
    tomorrow = today + datetime.timedelta(days=1)
    return {"tomorrow": tomorrow, "next_week": due.next_monday(tomorrow)}


def check_not_past(day):
    """Raise ValidationError for a day that is over; what is wrong with it otherwise is the action's to say."""
    if day is not None and day < timezone.localdate():
        raise ValidationError(_("Choose today or a later day."))


def parsed(text):
    try:
        return parse_date(text)
    except ValueError:
        return None


@require_POST
def delete(request, pk):
    activity = find_activity(request, pk)
    outcome = actions.delete(activity, by=request.user, via="card")
    return done(_("Follow-up deleted: %(name)s") % {"name": activity.subject}, outcome.change_set)


@require_GET
def choices(request):
    """The persons, companies and sales that what was typed finds, for the choice of whom a follow-up is about."""
    found = search.find(request.user, request.GET.get("q", "").strip()[: search.MAX_LENGTH], MOST_CHOICES)
    hits = [hit for record_type in RECORDS for hit in found.get(record_type, [])]
    return JsonResponse(
        [{"id": f"{hit.record.name}-{hit.pk}", "name": hit.title, "detail": hit.detail} for hit in hits], safe=False
    )


# --- What the views share -------------------------------------------------------------------------------------------------


def add_errors(form, error):
    """Put what an action refused at the fields it is about; what has no field goes on top."""
    messages = error.message_dict if hasattr(error, "error_dict") else {None: error.messages}
    for name, texts in messages.items():
        for text in texts:
            shown = {"due_at": "day", **dict.fromkeys(LINKS, "about")}.get(name, name)
            form.add_error(shown if shown in form.fields else None, text)


def done_with(request, text, change_set, activity):
    """Answer a form: the dialog closes, or a page of its own leads to the record."""
    if request.htmx:
        return done(text, change_set)
    say(request, text, change_set)
    return redirect_to(request, (activity.sale or activity.about).get_absolute_url())


def done(text, change_set):
    """Answer with a message; the page's parts load themselves again."""
    undo_url = reverse("crm:undo", args=[change_set.pk]) if change_set else None
    response = toast(HttpResponse(status=204), text, undo_url=undo_url)
    return trigger(trigger(response, "changed"), "closeDialog")
