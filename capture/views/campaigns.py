"""The page of campaigns and what they brought (C4). Its address is its state: the time, the touch, the order."""

from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from capture.campaigns import COLUMNS, MOST, NUMBERS, TOUCHES, Campaign, Report, key_of
from crm import records
from crm.fields import Asking
from crm.web import formats
from crm.web.htmx import page_or_fragment
from dashboards.tiles import periods
from dashboards.tiles.measures import Measure

PERIODS = [
    "this_month",
    "this_quarter",
    "this_year",
    "previous_month",
    "previous_quarter",
    "previous_year",
    "last_30_days",
    "last_12_months",
]
HEADS = {
    "campaign": gettext_lazy("Campaign"), "leads": gettext_lazy("Leads"), "qualified": gettext_lazy("Qualified"), "buyers": gettext_lazy("With a sale"),
    "conversion": gettext_lazy("Conversion"), "sales": gettext_lazy("Sales"), "won": gettext_lazy("Won"), "amount": gettext_lazy("Won amount"),
}  # fmt: skip
TOUCHED = {"lead": gettext_lazy("Lead creation"), "first": gettext_lazy("First touch")}
#: Which records open behind what is no number of records itself.
OPENS = {"conversion": "buyers", "amount": "won"}


@require_GET
def campaigns(request):
    asking, state, errors = Asking(request.user), _state(request), []
    days = None
    try:
        days = periods.days_of(state["period"], asking.today) if state["period"] else None
    except ValidationError as error:
        errors = error.messages
    report = Report(asking, state["touch"], days)
    found = [] if errors else _sorted(report.campaigns(), state["sort"])
    total = Campaign([""])
    for one in found:
        total.add({name: getattr(one, name) for name in NUMBERS})
    context = {
        "rows": [(one, _cells(state, one, key_of(one.campaign))) for one in found[:MOST]],
        "total": _cells(state, total),
        "more": max(0, len(found) - MOST),
        "heads": [(name, label, *_order(state, name)) for name, label in HEADS.items()],
        "labels": HEADS,
        "state": state,
        "touches": TOUCHED.items(),
        "periods": _offered(state["period"], errors),
        "errors": errors,
        "here": request.get_full_path(),
    }
    status = (422 if request.htmx else 400) if errors else 200
    return page_or_fragment(request, "capture/campaigns.html", "capture/_campaigns.html", context, status=status)


def _state(request) -> dict[str, str]:
    """Return what the address says; what it does not say, or says wrongly of the order, is as at first."""
    touch, sort = request.GET.get("touch", ""), request.GET.get("sort", "")
    return {
        "period": request.GET.get("period", "")[:40],
        "touch": touch if touch in TOUCHES else "lead",
        "sort": sort if sort.removeprefix("-") in COLUMNS else "-leads",
    }


def _sorted(found, sort):
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    found.sort(key=lambda one: one.campaign)
    return sorted(found, key=lambda one: getattr(one, name), reverse=descending)


def _order(state, name):
    """Return (the address by which a column's head sorts, how it is sorted now): numbers the largest first."""
    now = {name: "ascending", f"-{name}": "descending"}.get(state["sort"], "")
    first, other = (name, f"-{name}") if name == "campaign" else (f"-{name}", name)
    return f"?{urlencode({**state, 'sort': other if state['sort'] == first else first})}", now


def _cells(state, one, key=None) -> list[tuple]:
    """Return (column, number in words, address of its records) of each number; without records there is no address."""
    texts = {
        "conversion": Measure("conversion").amount({"m_n": one.leads, "m_m": one.buyers}).text,
        "amount": records.get("sale").fields["base_amount"].total(one.cents, aligned=True),
    }
    asked = {"period": state["period"], "touch": state["touch"]} | ({} if key is None else {"campaign": key})
    query, cells = urlencode({name: value for name, value in asked.items() if value}), []
    for name in COLUMNS[1:]:
        behind = OPENS.get(name, name)
        address = f"{reverse('capture:campaigns_open', args=[behind])}?{query}" if getattr(one, behind) else ""
        cells.append((name, texts.get(name) or formats.number(getattr(one, name)), address))
    return cells


@require_GET
def opened(request, what):
    """Lead to the list behind a number: its criteria are in the address."""
    asking, state = Asking(request.user), _state(request)
    try:
        days = periods.days_of(state["period"], asking.today) if state["period"] else None
        return redirect(Report(asking, state["touch"], days).address(what, request.GET.get("campaign")))
    except (ValidationError, KeyError):
        raise Http404 from None


def _offered(chosen, errors):
    offered = [("", _("All time")), *((name, periods.words(name)) for name in PERIODS)]
    if chosen and not errors and chosen not in PERIODS:
        offered.append((chosen, periods.words(chosen)))
    return offered
