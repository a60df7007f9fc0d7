"""One tile: its numbers, the list behind one of them, its data as a file; removed, sized and copied (D4, D5)."""

import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import access
from crm.fields import Asking
from crm.history.changes import Outcome
from crm.tables import export
from crm.web import formats
from crm.web.htmx import say
from dashboards import actions, filters
from dashboards.models import Dashboard
from dashboards.tiles import as_table, drawn, kept, spec
from dashboards.tiles.question import Part, Question
from dashboards.views import page
from dashboards.views.shown import context_of


def find(request, pk, number):
    """Return (dashboard, tile as it is stored), or raise Http404."""
    dashboard = page.find(request, pk)
    raw = next((raw for raw in dashboard.tiles if raw.get("id") == number), None)
    if raw is None:
        raise Http404
    return dashboard, raw


@require_GET
def tile(request, pk, number):
    """The numbers of a tile; `fresh` counts them anew."""
    dashboard, raw = find(request, pk, number)
    chosen = filters.read(request.GET, Asking(request.user))
    shown = kept.show(raw, chosen, dashboard.theme, request.user, fresh="fresh" in request.GET)
    context = {"box": context_of(dashboard, raw, shown, chosen), "dashboard": dashboard, "filters": chosen}
    return render(request, "dashboards/_tile.html", {**context, "editable": actions.may_change(dashboard, request.user)})


@require_GET
def open_list(request, pk, number):
    """Open the list behind a number: exactly those records. `n` is the number that was clicked, `on` the day it was counted on."""
    dashboard, raw = find(request, pk, number)
    asking = Asking(request.user)
    chosen = filters.read(request.GET, asking)
    try:
        asking.today = datetime.date.fromisoformat(request.GET.get("on") or asking.today.isoformat())
    except ValueError:
        raise Http404 from None
    read = spec.read(raw, asking)
    part = Part(*(request.GET.get(name, "") for name in ("x", "s", "of")))
    if len(part.x) + len(part.s) > drawn.LONGEST:
        raise Http404
    if read.problems or chosen.errors or read.record is None:
        return redirect(dashboard)
    question = Question(read, chosen)
    try:
        records, address = question.records_of(part), question.address(part)
    except (ValidationError, ValueError):  # CriteriaError among them
        raise Http404 from None
    clicked = request.GET.get("n", "")
    if clicked.isdecimal() and len(clicked) < 12 and (now := records.order_by().count()) != int(clicked):
        # Somebody changed something since it was counted (settled 15): the list is right, and says so.
        told = _("It was %(old)s when the tile was counted; now it is %(new)s.")
        say(request, told % {"old": formats.number(int(clicked)), "new": formats.number(now)})
    return redirect(address)


@require_GET
def data(request, pk, number, file_type):
    """What a tile shows, as a file."""
    access.require(request.user, "may_export")
    if file_type not in export.TYPES:
        raise Http404
    dashboard, raw = find(request, pk, number)
    chosen = filters.read(request.GET, Asking(request.user))
    shown = kept.show(raw, chosen, dashboard.theme, request.user)
    if shown.result is None or shown.result.problems:
        return redirect(dashboard)
    return export.file_of(as_table.values(shown.result), file_type, spec.title_of(raw))


# --- Changing -------------------------------------------------------------------------------------------------------------


@require_POST
def remove(request, pk, number):
    dashboard, raw = _changeable(request, pk, number)
    outcome = actions.remove_tile(dashboard, number, by=request.user, via="card")
    return _told(request, dashboard, _("“%(name)s” was removed.") % {"name": spec.title_of(raw)}, outcome)


@require_POST
def size(request, pk, number):
    """Make a tile wider, narrower, taller or shorter."""
    dashboard, _raw = _changeable(request, pk, number)
    given = [request.POST.get(name, "") for name in ("width", "height")]
    if not all(text.isdecimal() and len(text) < 3 for text in given):
        return HttpResponse(status=400)
    actions.size_tile(dashboard, number, width=int(given[0]), height=int(given[1]), by=request.user, via="card")
    return HttpResponse(status=204)


@require_http_methods(["GET", "POST"])
def copy(request, pk, number):
    """Copy a tile to a dashboard: the dialog that asks which, and the deed."""
    _dashboard, raw = find(request, pk, number)
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    offered = [
        one for one in Dashboard.objects.editable_by(request.user).order_by("name_key") if actions.may_change(one, request.user)
    ]
    address = reverse("dashboards:tile_copy", args=[pk, number])
    if request.method == "GET":
        return render(request, "dashboards/_copy.html", {"offered": offered, "address": address, "here": pk})
    target = next((one for one in offered if str(one.pk) == request.POST.get("to", "")), None)
    if target is None:
        return render(
            request, "dashboards/_copy.html", {"offered": offered, "address": address, "here": pk, "error": True}, status=422
        )
    outcome, _ids = actions.add_tiles(target, [raw], by=request.user, via="card")
    told = _("“%(tile)s” was copied to %(name)s.") % {"tile": spec.title_of(raw), "name": target}
    return _told(request, target if target.pk == pk else page.find(request, pk), told, outcome)


def _changeable(request, pk, number):
    dashboard, raw = find(request, pk, number)
    page.require_change(dashboard, request.user)
    return dashboard, raw


def _told(request, dashboard, text, outcome: Outcome):
    say(request, text, outcome.change_set)
    return page.redirect_to(request, dashboard.get_absolute_url())
