"""What becomes of a sale, from its card: the stage, won, lost, stalled, open again (R14)."""

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm import access
from crm.history.models import Change
from crm.web import formats
from crm.web.htmx import toast, trigger
from leads.views.cards import add_errors, asking, find
from sales import actions
from sales.forms import CloseForm, StallForm
from sales.models import SaleStage


@require_POST
def set_stage(request, pk):
    """The stage from its menu on the card; `was` is the one the menu showed as set (R17)."""
    as_of = Change.objects.aggregate(last=Max("id"))["last"] or 0
    sale = find(request, "sales", pk)
    text = request.POST.get("stage", "")
    stage = SaleStage.objects.filter(pk=text).first() if text.isdecimal() and len(text) < 19 else None
    if stage is None:
        raise Http404
    if "was" in request.POST and sale.stage != stage and request.POST["was"] != str(sale.stage_id):
        told = _("Somebody else has set it to %(theirs)s in the meantime. Choose %(mine)s again to replace that.")
        response = toast(HttpResponse(status=204), told % {"theirs": sale.stage.label, "mine": stage.name}, level="error")
        return trigger(response, "changed")
    return _do(request, lambda: actions.set_stage(sale, stage, by=request.user, via="card", as_of=as_of),
               _("%(name)s is now at %(stage)s") % {"name": sale, "stage": stage.name})  # fmt: skip


@require_http_methods(["GET", "POST"])
def win(request, pk):
    return _ask(request, pk, "win", lambda data: CloseForm(data, outcome="won"), actions.win, _("Won: %(name)s"))


@require_http_methods(["GET", "POST"])
def lose(request, pk):
    return _ask(request, pk, "lose", lambda data: CloseForm(data, outcome="lost"), actions.lose, _("Lost: %(name)s"))


@require_http_methods(["GET", "POST"])
def stall(request, pk):
    return _ask(request, pk, "stall", StallForm, actions.stall, _("Stalled: %(name)s"))


@require_POST
def reopen(request, pk):
    sale = find(request, "sales", pk)
    return _do(request, lambda: actions.reopen(sale, by=request.user, via="card"), _("Opened again: %(name)s") % {"name": sale})


def _ask(request, pk, what, make, action, words):
    """The dialog that asks for what a status needs, and setting it."""
    sale = find(request, "sales", pk)
    access.require_edit(sale, request.user)
    form = make(request.POST if request.method == "POST" else None)
    context = {"sale": sale, "form": form, "what": what, "address": reverse(f"sales:{what}", args=[pk])}
    if not form.is_valid():
        return render(request, "sales/_ask.html", context, status=422 if form.is_bound else 200)
    try:
        outcome = action(sale, by=request.user, via="card", **form.cleaned_data)
    except ValidationError as error:
        add_errors(form, error)
        return render(request, "sales/_ask.html", context, status=422)
    text = words % {"name": sale} + f" ({formats.money(sale.amount, sale.currency)})"
    return trigger(_told(outcome, text), "closeDialog")


def _do(request, action, text):
    try:
        outcome = action()
    except ValidationError as error:
        return trigger(toast(HttpResponse(status=204), " ".join(error.messages), level="error"), "changed")
    return _told(outcome, text)


def _told(outcome, text):
    response = HttpResponse(status=204)
    if outcome.change_set:
        toast(response, text, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    return trigger(asking(response, outcome), "changed")
