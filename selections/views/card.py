"""The section tabs of a selection's card, and what is done from it (S4–S7)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import access
from crm.criteria import VERSION, packed
from crm.criteria.explain import COUNT_UP_TO
from crm.fields import Asking
from crm.models import TableSetting
from crm.tables.counts import capped
from crm.web.htmx import redirect_to, say, toast, trigger
from leads.views.cards import created_in, find
from selections import actions, why
from selections.members import in_words, members, parts_of, problems, record_of
from selections.models import Selection, SelectionSubscription
from selections.since import since as count_since
from selections.since import told as told_since

#: The fields by which a selection is drawn.
CHARTS = {
    "person": ("lead_status", "category", "owner", "source"),
    "company": ("category", "owner", "industry", "country"),
    "sale": ("stage", "status", "owner", "source"),
    "activity": ("kind", "owner", "priority"),
}


# --- Criteria -------------------------------------------------------------------------------------------------------------


@require_GET
def criteria_tab(request, pk):
    """What the selection asks: in a sentence, line by line with how many each alone keeps; or its parts."""
    selection = find(request, "selections", pk)
    asking = Asking(request.user)
    wrong = problems(selection, asking)
    context = {"selection": selection, "problems": wrong, "sentence": in_words(selection, asking), "lines": [], "parts": [],
               "may_change": actions.may_change(selection, request.user)}  # fmt: skip
    if selection.kind == Selection.Kind.DYNAMIC:
        context["lines"] = why.counted(record_of(selection), selection.criteria, asking)
    elif selection.kind == Selection.Kind.COMBINED:
        seen = set(Selection.objects.visible_to(request.user).filter(wholes__whole=pk).values_list("pk", flat=True))
        context["parts"] = [
            (part, part.pk in seen, capped(members(part, request.user, asking).order_by().values("pk")[: COUNT_UP_TO + 1].count(), COUNT_UP_TO))
            for part in parts_of(selection)
        ]  # fmt: skip
    return render(request, "selections/_criteria.html", context)


@require_GET
def why_in(request, pk):
    """Why one record is in the selection, or is not: line by line, or part by part."""
    selection = find(request, "selections", pk)
    record, asking = record_of(selection), Asking(request.user)
    context = {"address": request.path, "record_type": record, "criteria": "", "told": None}
    if (one := why.asked_about(request, record)) is not None:
        context["told"] = why.of_selection(selection, one, asking)
    return render(request, "selections/_why.html", context)


# --- Charts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    label: str
    colour: str
    count: int
    url: str


@require_GET
def charts(request, pk):
    """Small charts: how many members have each value; each number leads to those members."""
    selection = find(request, "selections", pk)
    asking, fields = Asking(request.user), record_of(selection).fields
    found = members(selection, request.user, asking).order_by()
    address = reverse(f"selections:selection_{selection.record_type}", args=[pk])
    drawn = []
    for name in CHARTS[selection.record_type]:
        field = fields.get(name)
        if field and field.group and (parts := field.parts(asking)) is not None:
            bars = _bars(field, parts, found, asking, address)
            drawn.append((field.label, bars, max((bar.count for bar in bars), default=0)))
    return render(request, "selections/_charts.html", {"charts": drawn})


def _bars(field, parts, found, asking, address):
    columns = {f"by_{number}": column for number, column in enumerate(field.part_columns)}
    counted: dict[str, int] = {}
    rows = found.values(*dict.fromkeys(columns.values())).annotate(number_of=Count("pk"))
    for row in rows:
        key = field.part_key(row, asking)
        counted[key] = counted.get(key, 0) + row["number_of"]

    def asks(part):
        return {"version": VERSION, "all": [field.asked([part.key], asking)]}

    return [
        Bar(part.cell.text, part.cell.data.get("colour", ""), counted[part.key],
            f"{address}?{urlencode({'criteria': packed(asks(part)), 'all': 1})}")
        for part in parts if counted.get(part.key)
    ]  # fmt: skip


# --- What is done from the card -------------------------------------------------------------------------------------------


@require_POST
def favourite(request, pk):
    """Mark it as one's favourite, or take the mark off."""
    actions.set_favourite(find(request, "selections", pk), by=request.user, on=request.POST.get("on") == "1")
    return trigger(render(request, "_favourites.html", {"oob": True}), "changed")


@require_POST
def subscribe(request, pk):
    """Be told under the bell who enters and who leaves, or no more."""
    selection = find(request, "selections", pk)
    if request.POST.get("on") == "1":
        SelectionSubscription.objects.get_or_create(user=request.user, selection=selection)
        text = _("The bell reports who enters or leaves “%(name)s”.")
    else:
        SelectionSubscription.objects.filter(user=request.user, selection=selection).delete()
        text = _("The bell no longer reports on “%(name)s”.")
    return trigger(toast(HttpResponse(status=204), text % {"name": selection.name}), "changed")


@require_http_methods(["GET", "POST"])
def since(request, pk):
    """Who entered and left since one last looked; the dialog of the bell. A POST says that one has seen it."""
    selection = find(request, "selections", pk)
    mine = SelectionSubscription.objects.filter(user=request.user, selection=selection)
    if request.method == "POST":
        mine.update(seen_at=timezone.now())
        return trigger(trigger(HttpResponse(status=204), "closeDialog"), "jobs")
    one = mine.first()
    moment = one.seen_at if one else timezone.now() - timezone.timedelta(days=30)
    told = told_since(*count_since(selection, request.user, moment), moment)
    return render(request, "selections/_since.html", {"selection": selection, "told": told})


@require_POST
def copy(request, pk):
    return _made(request, lambda: actions.copy_selection(find(request, "selections", pk), by=request.user, via="card"),
                 _("%(name)s was created."))  # fmt: skip


@require_POST
def freeze(request, pk):
    return _made(request, lambda: actions.freeze(find(request, "selections", pk), by=request.user, via="card"),
                 _("The static selection %(name)s was created."))  # fmt: skip


def _made(request, action, text):
    if request.user.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    try:
        made = action()
    except ValidationError as error:
        return toast(HttpResponse(status=204), " ".join(error.messages), level="error")
    say(request, text % {"name": made}, created_in(made))
    return redirect_to(request, made.get_absolute_url())


@require_POST
def keep_table(request, pk):
    """Let the list of members begin for everybody with the columns, order and grouping one has chosen."""
    selection = find(request, "selections", pk)
    access.require_edit(selection, request.user)
    state = TableSetting.objects.filter(user=request.user, table=f"selection-{pk}").values_list("state", flat=True).first() or {}
    kept = {name: state[name] for name in ("columns", "sort", "group") if name in state}
    Selection.objects.filter(pk=pk).update(table=kept)
    return toast(HttpResponse(status=204), _("The list of members now begins like this for everybody."))
