"""Typical searches, as *Find* offers them for each record type (S4)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm.criteria.written import every, line, whole

ME = line("owner", "in", ["me"])
LEAD = line("lead_status_applies", "is", "1")
TO_DO = line("done", "is", "0")
THIS_WEEK = line("created_at", "this_week")
WITHOUT_NEXT = line("next_activity_at", "empty")


@dataclass(frozen=True)
class Typical:
    label: Any
    tree: dict


def ask(label, *lines):
    return Typical(label, whole(*lines))


def in_group(*codes):
    return line("category_group", "in", list(codes))


def of_kind(*kinds):
    return line("lead_status_kind", "in", list(kinds))


def sale_is(*statuses):
    return line("status", "in", list(statuses))


def in_period(field, period):
    return line(field, "period", [period])


def nothing_done(days):
    """No follow-up was done in these days."""
    return line("activities", "none", where=every(line("done_at", "last_days", str(days))))


WON_THIS_YEAR = (sale_is("won"), in_period("closed_on", "this_year"))
TYPICAL = {
    "person": (
        ask(_("My leads"), LEAD, ME),
        ask(_("My qualified leads without a follow-up"), LEAD, ME, of_kind("qualified"), WITHOUT_NEXT),
        ask(_("Leads without activity in 30 days"), LEAD, nothing_done(30)),
        ask(_("New this week"), THIS_WEEK),
        ask(_("Potential customers"), in_group("potential")),
        ask(_("Customers"), in_group("customer")),
        ask(_("Disqualified this month"), of_kind("disqualified"), line("lead_status_since", "this_month")),
    ),
    "company": (
        ask(_("My companies"), ME),
        ask(_("Potential customers"), in_group("potential")),
        ask(_("Customers"), in_group("customer")),
        ask(_("New this week"), THIS_WEEK),
        ask(_("Customers without activity in 90 days"), in_group("customer"), nothing_done(90)),
        ask(_("Won at least 50,000 this year"), line("sales.sum_base_amount", "gte", "50000", where=every(*WON_THIS_YEAR))),
        ask(_("Without persons"), line("persons", "none")),
    ),
    "sale": (
        ask(_("My open sales"), ME, sale_is("open")),
        ask(_("Expected this quarter"), sale_is("open"), in_period("expected_on", "this_quarter")),
        ask(_("Overdue"), line("expected_on", "overdue")),
        ask(_("Won this year"), *WON_THIS_YEAR),
        ask(_("Lost opportunities of last year"), sale_is("lost"), in_period("closed_on", "previous_year")),
        ask(_("Open without a follow-up"), sale_is("open"), WITHOUT_NEXT),
    ),
    "activity": (
        ask(_("My open follow-ups"), ME, TO_DO),
        ask(_("Overdue"), TO_DO, line("due_at", "overdue")),
        ask(_("Due this week"), TO_DO, line("due_at", "this_week")),
        ask(_("Done this month"), line("done_at", "this_month")),
    ),
}
