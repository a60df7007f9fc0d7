"""A dashboard as a page: its tabs, its filters, its tiles; and what is done with it as a whole (D1)."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import access
from crm.fields import Asking
from crm.history.changes import Conflict
from crm.web.htmx import redirect_to, say, wants_fragment
from dashboards import actions, filters
from dashboards.forms import DashboardForm
from dashboards.models import Dashboard, DashboardFavourite, DashboardShare
from dashboards.tiles import kept
from dashboards.views.shown import context_of
from leads.views.cards import add_errors, created_in

MOST_TABS = 10


def find(request, pk) -> Dashboard:
    return get_object_or_404(seen_by(request.user).select_related("owner"), pk=pk)


def seen_by(user):
    """Return the dashboards a user sees; each says whether it is their `favourite`."""
    mine = DashboardFavourite.objects.filter(user=user.pk, dashboard=OuterRef("pk"))
    return Dashboard.objects.visible_to(user).annotate(favourite=Exists(mine))


def tabs(user) -> list[Dashboard]:
    """Return the dashboards that stand as tabs: favourites, pinned ones, one's own, those shared with one; in this order."""
    shares = DashboardShare.objects.filter(Q(user=user.pk) | Q(team__users=user.pk), dashboard=OuterRef("pk"))
    seen = seen_by(user).annotate(shared=Exists(shares)).defer("tiles").order_by("name_key", "pk")
    found = [one for one in seen if one.favourite or one.pinned or one.owner_id == user.pk or one.shared]
    return sorted(found, key=lambda one: (not one.favourite, not one.pinned, one.pk if one.pinned else 0,
                                          not one.favourite and one.owner_id != user.pk))  # fmt: skip


@require_GET
def home(request):
    """Lead to the first of one's tabs, or to the list where there is none."""
    mine = tabs(request.user)
    return redirect(mine[0] if mine else "dashboards:all")


@require_GET
def show(request, pk):
    dashboard = find(request, pk)
    asking = Asking(request.user)
    chosen = filters.read(request.GET, asking)
    recent = kept.recent(dashboard.tiles, chosen, dashboard.theme, request.user)
    boxes = [context_of(dashboard, raw, recent.get(raw["id"]), chosen) for raw in dashboard.tiles]
    context = {
        "dashboard": dashboard, "boxes": boxes, "filters": chosen, "offered": filters.offered(asking, chosen), "asking": asking,
        "editable": actions.may_change(dashboard, request.user), "status_error": dict(chosen.errors),
    }  # fmt: skip
    status = (422 if request.htmx else 400) if chosen.errors else 200
    if wants_fragment(request):
        response = render(request, "dashboards/_board.html", context, status=status)
    else:
        there = tabs(request.user)
        shown = there[:MOST_TABS] if dashboard in there[:MOST_TABS] else [*there[: MOST_TABS - 1], dashboard]
        context |= {"tabs": shown, "favourite": dashboard.favourite}
        response = render(request, "dashboards/page.html", context, status=status)
    response.headers["Vary"] = "HX-Request"
    return response


# --- Making and changing ------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def new(request):
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    form = DashboardForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            dashboard = actions.create_dashboard(form.values(), by=request.user, via="form")
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("%(name)s was created.") % {"name": dashboard}, created_in(dashboard))
            return redirect_to(request, f"{dashboard.get_absolute_url()}?add=1")
    return _form(request, form, reverse("dashboards:dashboard_new"), _("New dashboard"), _("Create dashboard"))


@require_http_methods(["GET", "POST"])
def edit(request, pk):
    dashboard = find(request, pk)
    require_change(dashboard, request.user)
    form = DashboardForm(request.POST or None, instance=dashboard, user=request.user)
    address = reverse("dashboards:edit", args=[pk])
    if request.method == "POST" and form.is_valid():
        version = request.POST.get("version", "")
        if not version.isdecimal() or len(version) > 9:
            return HttpResponse(status=400)
        try:
            outcome = actions.edit_dashboard(dashboard, form.values(), by=request.user, via="card", version=int(version))
        except ValidationError as error:
            add_errors(form, error)
        except Conflict:
            form.add_error(
                None, _("Somebody else has changed this dashboard in the meantime. Close this window and look at it first.")
            )
        else:
            say(request, _("%(name)s was changed.") % {"name": dashboard}, outcome.change_set)
            return redirect_to(request, dashboard.get_absolute_url())
    return _form(request, form, address, _("Edit dashboard"), _("Save"), dashboard)


def _form(request, form, address, title, button, dashboard=None):
    context = {"form": form, "address": address, "title": title, "button": button, "dashboard": dashboard,
               "in_dialog": wants_fragment(request)}  # fmt: skip
    template = "dashboards/_form.html" if wants_fragment(request) else "dashboards/form.html"
    return render(request, template, context, status=422 if form.is_bound else 200)


def require_change(dashboard, user):
    access.require_edit(dashboard, user)
    if not actions.may_change(dashboard, user):
        raise PermissionDenied(_("What is pinned for everybody only an administrator changes. Duplicate it to make it yours."))


@require_POST
def copy(request, pk):
    """Make one of one's own like this one."""
    made = actions.copy_dashboard(find(request, pk), by=request.user, via="card")
    say(request, _("%(name)s was created.") % {"name": made}, created_in(made))
    return redirect_to(request, made.get_absolute_url())


@require_POST
def delete(request, pk):
    dashboard = find(request, pk)
    require_change(dashboard, request.user)
    outcome = actions.delete(dashboard, by=request.user, via="card")
    say(request, _("%(name)s was deleted.") % {"name": dashboard}, outcome.change_set)
    return redirect_to(request, reverse("dashboards:dashboards"))


@require_POST
def favourite(request, pk):
    """Mark it as one's favourite, or take the mark off."""
    on = request.POST.get("on") == "1"
    actions.set_favourite(find(request, pk), by=request.user, on=on)
    return redirect_to(request, reverse("dashboards:dashboard", args=[pk]))


@require_POST
def arrange(request, pk):
    """Put the tiles into the order of their numbers."""
    dashboard = find(request, pk)
    require_change(dashboard, request.user)
    numbers = [int(text) for text in request.POST.get("order", "").split(",") if text.isdecimal() and len(text) < 6]
    actions.arrange(dashboard, numbers, by=request.user, via="card")
    return HttpResponse(status=204)
