"""Typical searches, as *Find* offers them for each record type (S4)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm.criteria import VERSION

ME = {"field": "owner", "operator": "in", "value": ["me"]}
LEAD = {"field": "lead_status_applies", "operator": "is", "value": "1"}
THIS_WEEK = {"field": "created_at", "operator": "this_week"}


@dataclass(frozen=True)
class Typical:
    label: Any
    tree: dict


def ask(label, *lines):
    return Typical(label, {"version": VERSION, "all": list(lines)})


def in_group(*codes):
    return {"field": "category_group", "operator": "in", "value": list(codes)}


def of_kind(*kinds):
    return {"field": "lead_status_kind", "operator": "in", "value": list(kinds)}


def sale_is(*statuses):
    return {"field": "status", "operator": "in", "value": list(statuses)}


def nothing_done(days):
    """No follow-up was done in these days."""
    done = {"field": "done_at", "operator": "last_days", "value": str(days)}
    return {"field": "activities", "operator": "none", "where": {"all": [done]}}


TYPICAL = {
    "person": (
        ask(_("My leads"), LEAD, ME),
        ask(_("My qualified leads without a follow-up"), LEAD, ME, of_kind("qualified"), {"field": "next_activity_at", "operator": "empty"}),
        ask(_("Leads without activity in 30 days"), LEAD, nothing_done(30)),
        ask(_("New this week"), THIS_WEEK),
        ask(_("Potential customers"), in_group("potential")),
        ask(_("Customers"), in_group("customer")),
        ask(_("Disqualified this month"), of_kind("disqualified"), {"field": "lead_status_since", "operator": "this_month"}),
    ),
    "company": (
        ask(_("My companies"), ME),
        ask(_("Potential customers"), in_group("potential")),
        ask(_("Customers"), in_group("customer")),
        ask(_("New this week"), THIS_WEEK),
        ask(_("Customers without activity in 90 days"), in_group("customer"), nothing_done(90)),
        ask(_("Won at least 50,000 this year"), {
            "field": "sales.sum_base_amount", "operator": "gte", "value": "50000",
            "where": {"all": [sale_is("won"), {"field": "closed_on", "operator": "period", "value": ["this_year"]}]},
        }),
        ask(_("Without persons"), {"field": "persons", "operator": "none"}),
    ),
    "sale": (
        ask(_("My open sales"), ME, sale_is("open")),
        ask(_("Expected this quarter"), sale_is("open"), {"field": "expected_on", "operator": "period", "value": ["this_quarter"]}),
        ask(_("Overdue"), {"field": "expected_on", "operator": "overdue"}),
        ask(_("Won this year"), sale_is("won"), {"field": "closed_on", "operator": "period", "value": ["this_year"]}),
        ask(_("Lost opportunities of last year"), sale_is("lost"), {"field": "closed_on", "operator": "period", "value": ["previous_year"]}),
        ask(_("Open without a follow-up"), sale_is("open"), {"field": "next_activity_at", "operator": "empty"}),
    ),
    "activity": (
        ask(_("My open follow-ups"), ME, {"field": "done", "operator": "is", "value": "0"}),
        ask(_("Overdue"), {"field": "done", "operator": "is", "value": "0"}, {"field": "due_at", "operator": "overdue"}),
        ask(_("Due this week"), {"field": "done", "operator": "is", "value": "0"}, {"field": "due_at", "operator": "this_week"}),
        ask(_("Done this month"), {"field": "done_at", "operator": "this_month"}),
    ),
}  # fmt: skip
