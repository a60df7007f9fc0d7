"""Follow-ups on the cards: the timeline, adding, ticking off, editing, deleting (R15)."""

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from activities import actions
from activities.models import Activity
from crm.history import words
from crm.history.changes import Conflict
from crm.models import User
from crm.web import formats
from crm.web.htmx import toast, trigger
from leads.models import Company, Person

PER_PAGE = 30
STEPS = ("lead_status", "category")  # what of the history is part of the story
MOST_STEPS = 100
MODELS = {"persons": Person, "companies": Company}


class ActivityForm(forms.ModelForm):
    """A follow-up as one types it: a day, and a time unless it is due all day."""

    day = forms.DateField(
        label=gettext_lazy("Due on"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    time = forms.TimeField(
        label=gettext_lazy("at"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    class Meta:
        model = Activity
        fields = ("kind", "subject", "owner", "text")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = User.objects.filter(is_active=True) | User.objects.filter(pk=self.instance.owner_id or 0)
        self.fields["owner"].empty_label = _("Nobody")
        self.fields["kind"].choices = Activity.Kind.choices
        for field in self.fields.values():
            field.label = str(field.label)[:1].upper() + str(field.label)[1:]
        if self.instance.due_at:
            local = timezone.localtime(self.instance.due_at)
            self.initial.setdefault("day", local.date())
            if not self.instance.all_day:
                self.initial.setdefault("time", local.time())

    def _post_clean(self):
        """Leave the model's own checks to the action."""

    def values(self):
        """Return what was typed, as the actions take it."""
        data = self.cleaned_data
        values = {name: data[name] for name in self.Meta.fields}
        day, time = data["day"], data["time"]
        if time and not day:
            day = timezone.localdate()
        values["all_day"] = bool(day and not time)
        moment = timezone.datetime.combine(day, time or timezone.datetime.max.time().replace(microsecond=0)) if day else None
        values["due_at"] = timezone.make_aware(moment) if moment else None
        return values


def find_record(request, kind, pk):
    return get_object_or_404(MODELS[kind].objects.visible_to(request.user), pk=pk)


def find_activity(request, pk):
    return get_object_or_404(Activity.objects.visible_to(request.user).select_related("owner", "person", "company"), pk=pk)


def of_record(request, kind, record):
    link = {"person": record} if kind == "persons" else {"company": record}
    return Activity.objects.visible_to(request.user).filter(**link).select_related("owner", "person")


@require_GET
def next_activity(request, kind, pk):
    """The box *Next activity* of a card."""
    record = find_record(request, kind, pk)
    open_ones = of_record(request, kind, record).filter(done_at=None, due_at__isnull=False).order_by("due_at", "pk")
    return render(
        request, "activities/_next.html", {"activity": open_ones.first(), "kind": kind, "record": record, "now": timezone.now()}
    )


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
        "more": start + PER_PAGE if more else None, "now": timezone.now(), "start": start,
    })  # fmt: skip


@require_http_methods(["GET", "POST"])
def new(request, kind, pk):
    """Add a follow-up to a person or company."""
    record = find_record(request, kind, pk)
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    form = ActivityForm(request.POST or None, initial={"owner": request.user.pk, "kind": "call"})
    if request.method == "POST" and form.is_valid():
        link = {"person": record} if kind == "persons" else {"company": record}
        try:
            activity = actions.create_activity({**form.values(), **link}, by=request.user, via="card")
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done(_("Follow-up added: %(name)s") % {"name": activity.subject}, _last_change(activity))
    address = reverse("activities:new", args=[kind, pk])
    return render(
        request,
        "activities/_form.html",
        {"form": form, "address": address, "activity": None},
        status=422 if form.is_bound else 200,
    )


@require_POST
def note(request, kind, pk):
    """Write down a note in one line: the first line is its subject."""
    record = find_record(request, kind, pk)
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    text = request.POST.get("text", "").strip()
    if not text:
        return toast(HttpResponse(status=204), _("Write something first."), level="error")
    link = {"person": record} if kind == "persons" else {"company": record}
    first = text.split("\n", 1)[0]
    values = {"kind": "note", "subject": first[:200], "text": text if len(first) > 200 or "\n" in text else "", **link}
    try:
        activity = actions.create_activity(values, by=request.user, via="card")
    except ValidationError as error:
        return toast(HttpResponse(status=204), " ".join(error.messages), level="error")
    return trigger(done(_("Noted."), _last_change(activity)), "noted")


@require_http_methods(["GET", "POST"])
def edit(request, pk):
    """Change a follow-up."""
    activity = find_activity(request, pk)
    form = ActivityForm(request.POST or None, instance=activity)
    version = request.POST.get("version", str(activity.version))
    if not version.isdecimal() or len(version) > 9:
        raise Http404
    context = {"address": reverse("activities:edit", args=[pk]), "activity": activity, "form": form, "version": version}
    if request.method == "POST" and form.is_valid():
        try:
            outcome = actions.edit_activity(activity, form.values(), by=request.user, via="card", version=int(version))
        except ValidationError as error:
            add_errors(form, error)
        except Conflict as conflict:
            form.add_error(None, _("Somebody else has changed this meanwhile. Save again to keep what you entered."))
            return render(request, "activities/_form.html", {**context, "version": conflict.record.version}, status=409)
        else:
            return done(_("Follow-up changed: %(name)s") % {"name": activity.subject}, outcome.change_set)
    return render(request, "activities/_form.html", context, status=422 if form.is_bound else 200)


@require_POST
def tick(request, pk):
    """Tick a follow-up off, or open it again."""
    activity = find_activity(request, pk)
    outcome = actions.set_done(activity, activity.done_at is None, by=request.user, via="card")
    said = _("Done: %(name)s") if activity.done_at is None else _("Opened again: %(name)s")
    return done(said % {"name": activity.subject}, outcome.change_set)


@require_POST
def postpone(request, pk):
    """Move a follow-up to a later day, at the time it had: by so many days from today, or from its own day if that is later."""
    activity = find_activity(request, pk)
    days = request.POST.get("days", "")
    if not days.isdecimal() or not 0 < int(days[:4]) <= 366:
        return HttpResponse(status=400)
    today = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)
    due = timezone.localtime(activity.due_at) if activity.due_at else today
    day = max(due.date(), today.date()) + timezone.timedelta(days=int(days))
    moment = timezone.make_aware(timezone.datetime.combine(day, due.time()))
    outcome = actions.edit_activity(activity, {"due_at": moment}, by=request.user, via="card")
    when = formats.near(moment, activity.all_day)
    return done(_("%(name)s is due %(when)s now.") % {"name": activity.subject, "when": when}, outcome.change_set)


@require_POST
def delete(request, pk):
    activity = find_activity(request, pk)
    outcome = actions.delete(activity, by=request.user, via="card")
    return done(_("Follow-up deleted: %(name)s") % {"name": activity.subject}, outcome.change_set)


def add_errors(form, error):
    messages = error.message_dict if hasattr(error, "error_dict") else {None: error.messages}
    for name, texts in messages.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)


def _last_change(activity):
    from crm.history.models import Change

    return (
        Change.objects.select_related("change_set")
        .get(record_type="activity", record_id=activity.pk, op="i", field="")
        .change_set
    )


def done(text, change_set):
    """Answer with a message; the card's parts load themselves again."""
    undo_url = reverse("crm:undo", args=[change_set.pk]) if change_set else None
    response = toast(HttpResponse(status=204), text, undo_url=undo_url)
    return trigger(trigger(response, "changed"), "closeDialog")
