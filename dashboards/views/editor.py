"""Adding and editing tiles: the library, and the editor with a live preview (D2)."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.fields import Asking
from crm.web import criteria
from crm.web.htmx import redirect_to, say
from dashboards import actions, editor
from dashboards.filters import Filters
from dashboards.tiles import kept, spec
from dashboards.tiles.ready import GROUPS, READY
from dashboards.views import page
from dashboards.views.shown import context_of
from dashboards.views.tiles import find
from selections.models import Selection

#: What a tile from scratch begins with.
BLANK = {
    "kind": "column",
    "record": "person",
    "criteria": editor.TYPICAL["person"]["leads"][1],
    "group": "lead_status",
    "width": 2,
    "height": 2,
}


def changeable(request, pk):
    dashboard = page.find(request, pk)
    page.require_change(dashboard, request.user)
    return dashboard


@require_http_methods(["GET", "POST"])
def library(request, pk):
    """The ready tiles, by what they are about; those that are ticked are added."""
    dashboard = changeable(request, pk)
    if request.method == "POST":
        chosen = [key for key in request.POST.getlist("tiles") if key in READY]
        if not chosen:
            return HttpResponse(status=204)
        tiles = [{"ready": key, "width": READY[key].spec["width"], "height": READY[key].spec["height"]} for key in chosen]
        outcome, _ids = actions.add_tiles(dashboard, tiles, by=request.user, via="card")
        say(request, _("Tiles added: %(count)s") % {"count": len(chosen)}, outcome.change_set)
        return redirect_to(request, dashboard.get_absolute_url())
    there = {raw.get("ready") for raw in dashboard.tiles}
    groups = [
        (label, [(key, one, key in there) for key, one in READY.items() if one.group == group]) for group, label in GROUPS.items()
    ]
    return render(request, "dashboards/_library.html", {"dashboard": dashboard, "groups": groups, "kinds": spec.KINDS})


@require_http_methods(["GET", "POST"])
def new(request, pk):
    """A tile from scratch, from a selection, or from a ready one that is changed first."""
    dashboard = changeable(request, pk)
    raw = BLANK
    if request.GET.get("ready") in READY:
        raw = {**READY[request.GET["ready"]].spec, "title": str(READY[request.GET["ready"]].title)}
    elif (text := request.GET.get("selection", "")).isdecimal() and len(text) < 19:
        selection = Selection.objects.visible_to(request.user).filter(pk=text).first()
        if selection is None:
            raise Http404
        raw = {
            "kind": "number",
            "selection": selection.pk,
            "record": selection.record_type,
            "title": selection.name,
            "width": 1,
            "height": 1,
        }
    return _edit(request, dashboard, raw, None)


@require_http_methods(["GET", "POST"])
def edit(request, pk, number):
    dashboard = changeable(request, pk)
    _dashboard, raw = find(request, pk, number)
    whole = spec.whole(raw)
    if raw.get("ready") and not raw.get("title"):
        whole["title"] = spec.title_of(raw)
    if "selection" in whole:
        selection = Selection.objects.visible_to(request.user).filter(pk=whole["selection"]).first()
        whole["record"] = selection.record_type if selection else whole.get("record", "person")
    return _edit(request, dashboard, {name: value for name, value in whole.items() if name not in {"id", "ready"}}, number)


def _edit(request, dashboard, raw, number):
    asking = Asking(request.user)
    if request.method == "GET":
        return _shown(request, dashboard, editor.Editor(raw, asking), number)
    form = editor.posted(request.POST, asking)
    tile = form.raw
    if not form.errors:
        try:
            if number is None:
                outcome, _ids = actions.add_tiles(dashboard, [tile], by=request.user, via="card")
            else:
                outcome = actions.edit_tile(dashboard, number, tile, by=request.user, via="card")
        except PermissionDenied:
            raise
        except ValidationError as error:
            form.errors = error.message_dict if hasattr(error, "error_dict") else {"kind": error.messages}
        else:
            said = _("“%(name)s” was added.") if number is None else _("“%(name)s” was changed.")
            say(request, said % {"name": spec.title_of(tile)}, outcome.change_set)
            return redirect_to(request, dashboard.get_absolute_url())
    return _shown(request, dashboard, form, number, status=422)


def _shown(request, dashboard, form, number, status=200):
    back = reverse("dashboards:tile_new", args=[dashboard.pk]) if number is None else reverse(
        "dashboards:tile_edit", args=[dashboard.pk, number])  # fmt: skip
    context = {
        "dashboard": dashboard,
        "form": form,
        "number": number,
        "address": back,
        "kinds": spec.KINDS,
        **_counted(dashboard, form),
    }
    return render(request, "dashboards/editor.html", context, status=status)


def _counted(dashboard, form):
    """Return what the preview shows of the tile as it is now."""
    raw = {**form.raw, "id": 0}
    shown = kept.show(raw, Filters(), dashboard.theme, form.asking.user)
    trees = {name: editor.as_text(form.raw.get(name)) for name in ("criteria", "goal", "line_goal")}
    found = {"title": spec.title_of(raw), "trees": trees, "box": context_of(dashboard, raw, shown, Filters(), linked=False)}
    return found | (criteria.context(form.own) if form.own else {"editor": None})


@require_POST
def preview(request, pk):
    """The form as it must be for what is chosen now, and the tile as it would be; or, with `only`, the tile alone."""
    dashboard = changeable(request, pk)
    form = editor.posted(request.POST, Asking(request.user))
    template = "dashboards/_preview.html" if "only" in request.POST else "dashboards/_editor.html"
    return render(request, template, {"dashboard": dashboard, "form": form, "kinds": spec.KINDS, **_counted(dashboard, form)})
