"""The pages of webhooks, among a user's settings."""

from functools import wraps

from allauth.account.decorators import reauthentication_required
from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import records
from crm.history.models import Change
from crm.history.triggers import watched_models
from crm.web.formats import number
from crm.web.htmx import page_or_fragment, redirect_to, say
from exchange.webhooks import actions, address
from exchange.webhooks.events import EVENTS, choices, told_by
from exchange.webhooks.messages import by_type
from exchange.webhooks.models import Delivery, Webhook
from exchange.webhooks.sender import may_have

PER_PAGE = 50
#: Among the states of the log: trials that failed, which are not given up, as they were never to be tried again.
FAILED = "failed"


class WebhookForm(forms.Form):
    """What a webhook is called, where it goes, and of what it is told."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        help_text=gettext_lazy("Where each event is sent, like https://example.com/hook."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    events = forms.MultipleChoiceField(label=gettext_lazy("Events"), widget=forms.CheckboxSelectMultiple, choices=choices)

    def clean_url(self):
        return address.check(self.cleaned_data["url"])


def _exporting(view):
    """Only for those who may take data out; others are told so."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not may_have(request.user):
            raise PermissionDenied(_("Your role may not export, and so has no webhooks."))
        return view(request, *args, **kwargs)

    return guarded


def _find(request, pk, *, own=True):
    found = Webhook.objects.of(request.user) if own else Webhook.objects.visible_to(request.user)
    return get_object_or_404(found.select_related("user"), pk=pk)


def _counted(webhooks):
    """Say of each webhook how much waits, how much was given up, and when something last arrived; by one statement."""

    def figure(state, what):
        rows = Delivery.objects.filter(webhook=OuterRef("pk"), state=state).exclude(record_type="").order_by().values("webhook")
        return Subquery(rows.annotate(figure=what).values("figure"))

    return webhooks.annotate(
        waiting=Coalesce(figure(Delivery.State.WAITING, Count("pk")), 0),
        dead=Coalesce(figure(Delivery.State.DEAD, Count("pk")), 0),
        arrived_at=figure(Delivery.State.DONE, Max("tried_at")),
    )


@require_GET
@_exporting
def webhooks(request):
    """One's own webhooks; administrators see those of others, too."""
    rows = _counted(Webhook.objects.visible_to(request.user).select_related("user")).order_by("-pk")
    return render(request, "webhooks/list.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@_exporting
def new(request):
    """Make a webhook and show its secret, this once. The password is asked for when everything else is right."""
    form = WebhookForm(request.POST or None)
    return _create(request, form) if form.is_valid() else _form(request, form)


@reauthentication_required
def _create(request, form):
    try:
        webhook, secret = actions.create(form.cleaned_data, by=request.user)
    except ValidationError as error:
        form.add_error(None, error)
        return _form(request, form)
    return _page(request, webhook, secret=secret)


@require_http_methods(["GET", "POST"])
@_exporting
def edit(request, pk):
    webhook = _find(request, pk)
    form = WebhookForm(request.POST or None, initial={name: getattr(webhook, name) for name in actions.FIELDS})
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit(webhook, form.cleaned_data, by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            say(request, _("The webhook is saved."))
            return redirect("exchange:webhook", pk)
    return _form(request, form, webhook)


def _form(request, form, webhook=None):
    context = {"form": form, "webhook": webhook, "groups": choices(), "chosen": form["events"].value() or []}
    return render(request, "webhooks/form.html", context, status=422 if form.is_bound else 200)


@require_GET
@_exporting
def one(request, pk):
    """A webhook, what waits, what was given up, and its log."""
    return _page(request, _find(request, pk, own=False))


def _page(request, webhook, secret="", status=200):
    webhook = _counted(Webhook.objects.filter(pk=webhook.pk).select_related("user")).get()
    before, only = request.GET.get("before", ""), request.GET.get("state", "")
    log = webhook.deliveries.order_by("-pk")
    if only == FAILED:
        log = log.filter(state=Delivery.State.DEAD, record_type="")
    elif only in Delivery.State.values:
        log = log.filter(state=only)
    if only == Delivery.State.DEAD:
        log = log.exclude(record_type="")  # as it is counted
    if before.isdecimal() and len(before) < 19:
        log = log.filter(pk__lt=int(before))
    rows = list(log[: PER_PAGE + 1])
    here = reverse("exchange:webhook", args=[webhook.pk])
    context = {
        "webhook": webhook,
        "own": webhook.user_id == request.user.pk,
        "secret": secret,
        "events": [(label, [text for name, text in options if name in webhook.events]) for label, options in choices()],
        "rows": _told(rows[:PER_PAGE], request.user),
        "only": only,
        "states": [("", _("all"), None), (Delivery.State.WAITING, _("waiting"), webhook.waiting),
                   (Delivery.State.DEAD, _("given up"), webhook.dead), (FAILED, _("failed"), None),
                   (Delivery.State.DONE, _("delivered"), None)],
        "next_url": f"{here}?state={only}&before={rows[PER_PAGE - 1].pk}" if len(rows) > PER_PAGE else "",
        "here": f"{here}?state={only}&before={before}",
        "busy": any(row.state == Delivery.State.WAITING and not row.attempts for row in rows),
    }  # fmt: skip
    return page_or_fragment(request, "webhooks/page.html", "webhooks/_log.html", context, status=status)


def _told(rows, user):
    """Return (delivery, what it tells, the record's name and address as far as the user sees it); a constant number of queries."""
    changes: dict[tuple, list[Change]] = {}
    named: dict[tuple, tuple] = {}
    sets = {row.change_set for row in rows if row.record_type}
    for record_type, ids in by_type(rows).items():
        for change in Change.objects.filter(change_set__in=sets, record_type=record_type, record_id__in=ids):
            changes.setdefault((change.change_set_id, record_type, change.record_id), []).append(change)
        for record in watched_models()[record_type].objects.visible_to(user).filter(pk__in=ids):
            named[record_type, record.pk] = (str(record), reverse(records.get(record_type).card_url, args=[record.pk]))
    found = []
    for row in rows:
        events = told_by(row.record_type, changes.get((row.change_set, row.record_type, row.record_id), []))
        # What is told of every change says no more where something of its own is told.
        events = [name for name in events if not name.endswith(".changed")] or events
        what = ", ".join(str(EVENTS[name].label) for name in events) if row.record_type else _("trial")
        kind = watched_models()[row.record_type]._meta.verbose_name if row.record_type else ""
        found.append((row, what, kind, *named.get((row.record_type, row.record_id), (f"#{row.record_id}", ""))))
    return found


@require_http_methods(["GET", "POST"])
@_exporting
def secret(request, pk):
    """Give a webhook another secret and show it, this once."""
    webhook = _find(request, pk)
    return _new_secret(request, webhook) if request.method == "POST" else redirect("exchange:webhook", pk)


@reauthentication_required
def _new_secret(request, webhook):
    return _page(request, webhook, secret=actions.change_secret(webhook, by=request.user))


@require_POST
@_exporting
def test(request, pk):
    webhook = _find(request, pk)
    actions.send_test(webhook, by=request.user)
    return redirect_to(request, reverse("exchange:webhook", args=[pk]) + "#log")


@require_POST
def pause(request, pk):
    webhook = _find(request, pk, own=False)
    actions.pause(webhook, by=request.user)
    say(request, _("Webhook paused."))
    return redirect_to(request, reverse("exchange:webhook", args=[pk]))


@require_POST
@_exporting
def resume(request, pk):
    webhook = _find(request, pk)
    actions.resume(webhook, by=request.user)
    say(request, _("Resumed."))
    return redirect_to(request, reverse("exchange:webhook", args=[pk]))


@require_http_methods(["GET", "POST"])
def delete(request, pk):
    """The dialog that says what goes along, and the deed."""
    webhook = _find(request, pk, own=False)
    if request.method == "GET":
        return render(request, "webhooks/_delete.html", {"webhook": _counted(Webhook.objects.filter(pk=pk)).get()})
    actions.delete(webhook, by=request.user)
    say(request, _("The webhook “%(name)s” was deleted.") % {"name": webhook.name})
    return redirect_to(request, reverse("exchange:webhooks"))


@require_POST
@_exporting
def again(request, pk):
    """Send again what was given up: one delivery, or all."""
    webhook = _find(request, pk)
    key = request.POST.get("delivery", "")
    ids = None if not key else [int(key)] if key.isdecimal() and len(key) < 19 else []
    count = actions.send_again(webhook, ids, by=request.user)
    say(request, ngettext("%(count)s is sent again.", "%(count)s are sent again.", count) % {"count": number(count)})
    return redirect_to(request, reverse("exchange:webhook", args=[pk]) + "#log")
