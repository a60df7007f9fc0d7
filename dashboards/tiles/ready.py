"""The library of ready tiles (D3), and the dashboards of a new installation that are made of them.

They name kinds of status, groups and dates told from today on, never items of a list: they go on whatever an administrator renames.
Rooms above offer further ones (`offer`).
"""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm.criteria.written import every, line


@dataclass(frozen=True)
class Ready:
    """A ready tile: what it is called, what it says, and its settings.

    Its title names no period: the tile's foot does, and tells that of the dashboard's filter while there is one.
    """

    title: Any
    about: Any
    group: str
    spec: dict = field(default_factory=dict)


GROUPS = {"leads": _("Leads"), "sources": _("Sources"), "sales": _("Sales"), "work": _("Follow-ups")}
LEAD = line("lead_status_applies", "is", True)
EVER_LEAD = line("lead_status", "not_empty")
ACTIVE = line("lead_status_kind", "in", ["open", "working", "qualified"])
OPEN = line("status", "in", ["open", "stalled"])
WON = line("status", "in", ["won"])
CLOSED = line("status", "in", ["won", "lost"])
HAS_SALE = every(line("sales", "some"))
WON_SALE = every(line("sales", "some", where=every(WON)))

READY = {
    "leads_by_status": Ready(_("Leads by status"), _("Number of leads per status."), "leads", {
        "kind": "column", "record": "person", "criteria": every(LEAD), "group": "lead_status", "width": 2, "height": 2}),
    "leads_by_category": Ready(_("Leads by category"), _("Leads by the category of their company."), "leads", {
        "kind": "donut", "record": "person", "criteria": every(LEAD), "group": "category", "width": 1, "height": 2}),
    "by_category_group": Ready(_("Persons by category group"), _("Customers, potential ones, partners and others."), "leads", {
        "kind": "donut", "record": "person", "group": "category_group", "width": 1, "height": 2}),
    "new_leads_per_week": Ready(_("New leads per week"), _("New leads by the week they were received."), "leads", {
        "kind": "area", "record": "person", "criteria": every(EVER_LEAD), "group": "created_at", "bucket": "week", "date": "created_at",
        "period": "last_12_weeks", "width": 2, "height": 2}),
    "new_leads": Ready(_("New leads"), _("This month, compared with the same days of the month before."), "leads", {
        "kind": "number", "record": "person", "criteria": every(EVER_LEAD), "date": "created_at", "period": "this_month", "compare": "before",
        "width": 1, "height": 1}),
    "active_leads": Ready(_("Active leads"), _("Open, being contacted or qualified."), "leads", {
        "kind": "number", "record": "person", "criteria": every(LEAD, ACTIVE), "width": 1, "height": 1}),
    "without_next": Ready(_("Leads without a next activity"), _("Active leads for whom nothing is planned."), "leads", {
        "kind": "number", "record": "person", "criteria": every(LEAD, ACTIVE, line("next_activity_at", "empty")), "colour": "red", "width": 1,
        "height": 1}),
    "funnel": Ready(_("Lead qualification"), _("From open to won: conversion and median days of each step."), "leads", {
        "kind": "funnel", "record": "person", "date": "created_at", "period": "this_year", "width": 2, "height": 3}),
    "stale_leads": Ready(_("Stale leads"), _("Active leads whose status has not changed for 30 days, the longest first."), "leads", {
        "kind": "list", "record": "person", "criteria": every(LEAD, ACTIVE, line("lead_status_since", "before", "-30d")),
        "columns": ["name", "company", "lead_status", "owner"], "sort": "lead_status_since", "limit": 10, "width": 2, "height": 3}),
    "disqualified": Ready(_("Disqualified"), _("This month, by the reason that was given."), "leads", {
        "kind": "bar", "record": "person", "criteria": every(LEAD, line("lead_status_kind", "in", ["disqualified"])), "group": "disqualify_reason",
        "order": "value", "date": "lead_status_since", "period": "this_month", "width": 1, "height": 2}),
    "leads_by_owner": Ready(_("Active leads by owner"), _("Leads of each owner, by status."), "leads", {
        "kind": "bar", "record": "person", "criteria": every(LEAD, ACTIVE), "group": "owner", "series": "lead_status", "stacked": True, "limit": 12,
        "width": 2, "height": 2}),
    "leads_by_country": Ready(_("Leads by country"), _("Where leads come from."), "leads", {
        "kind": "bar", "record": "person", "criteria": every(LEAD), "group": "country", "limit": 8, "width": 1, "height": 2}),
    "conversion": Ready(_("From lead to sale"), _("The share of this year's leads who have a sale."), "leads", {
        "kind": "gauge", "record": "person", "criteria": every(EVER_LEAD), "measure": "conversion", "goal": HAS_SALE, "date": "created_at",
        "period": "this_year", "width": 1, "height": 2}),
    "won_customers": Ready(_("Companies won"), _("How many companies bought something this year."), "sources", {
        "kind": "number", "record": "sale", "criteria": every(WON), "measure": "companies", "date": "closed_on", "period": "this_year",
        "compare": "year", "width": 1, "height": 1}),
    "leads_by_source": Ready(_("New leads by source"), _("Where this year's leads came from."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD), "group": "source", "order": "value", "date": "created_at", "period": "this_year",
        "limit": 12, "width": 2, "height": 3}),
    "conversion_by_source": Ready(_("Conversion by source"), _("Number of leads per source, and the share of them with a sale."), "sources", {
        "kind": "combo", "record": "person", "criteria": every(EVER_LEAD), "group": "source", "order": "value", "line_measure": "conversion",
        "line_goal": HAS_SALE, "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "leads_per_month_by_source": Ready(_("New leads per month and source"), _("How the sources develop."), "sources", {
        "kind": "column", "record": "person", "criteria": every(EVER_LEAD), "group": "created_at", "bucket": "month", "series": "source", "stacked": True,
        "date": "created_at", "period": "last_6_months", "width": 2, "height": 3}),
    "sales_by_source": Ready(_("Sales by lead source"), _("Sales won this year, by source."), "sources", {
        "kind": "bar", "record": "sale", "criteria": every(WON), "group": "source", "order": "value", "measure": "sum", "value": "base_amount",
        "date": "closed_on", "period": "this_year", "limit": 10, "width": 2, "height": 2}),
    "pipeline_by_source": Ready(_("Open pipeline by source"), _("Open sales by source."), "sources", {
        "kind": "donut", "record": "sale", "criteria": every(OPEN), "group": "source", "order": "value", "measure": "sum", "value": "base_amount",
        "width": 1, "height": 2}),
    "won_this_month": Ready(_("Won"), _("This month, compared with the same days of the month before."), "sales", {
        "kind": "number", "record": "sale", "criteria": every(WON), "measure": "sum", "value": "base_amount", "date": "closed_on", "period": "this_month",
        "compare": "before", "width": 1, "height": 1}),
    "open_pipeline": Ready(_("Open pipeline"), _("The value of all open and stalled sales."), "sales", {
        "kind": "number", "record": "sale", "criteria": every(OPEN), "measure": "sum", "value": "base_amount", "width": 1, "height": 1}),
    "weighted_pipeline": Ready(_("Weighted pipeline"), _("The same, weighted by the probability of their stage."), "sales", {
        "kind": "number", "record": "sale", "criteria": every(OPEN), "measure": "sum", "value": "weighted_amount", "width": 1, "height": 1}),
    "average_won": Ready(_("Average sale"), _("Average value of the sales won this year."), "sales", {
        "kind": "number", "record": "sale", "criteria": every(WON), "measure": "average", "value": "base_amount", "date": "closed_on",
        "period": "this_year", "compare": "year", "width": 1, "height": 1}),
    "win_rate": Ready(_("Win rate"), _("The share of this year's closed sales that were won."), "sales", {
        "kind": "gauge", "record": "sale", "criteria": every(CLOSED), "measure": "conversion", "goal": every(WON), "date": "closed_on",
        "period": "this_year", "width": 1, "height": 2}),
    "pipeline_by_stage": Ready(_("Pipeline by stage"), _("Value and number of open sales at each stage."), "sales", {
        "kind": "combo", "record": "sale", "criteria": every(OPEN), "group": "stage", "measure": "sum", "value": "base_amount", "line_measure": "count",
        "width": 2, "height": 2}),
    "won_per_month": Ready(_("Won per month"), _("The last twelve months beside the twelve before."), "sales", {
        "kind": "column", "record": "sale", "criteria": every(WON), "group": "closed_on", "bucket": "month", "measure": "sum", "value": "base_amount",
        "date": "closed_on", "period": "last_12_months", "compare": "year", "width": 2, "height": 2}),
    "forecast": Ready(_("Expected by month"), _("Open sales by expected month, weighted."), "sales", {
        "kind": "column", "record": "sale", "criteria": every(OPEN), "group": "expected_on", "bucket": "month", "measure": "sum",
        "value": "weighted_amount", "date": "expected_on", "period": "next_6_months", "width": 2, "height": 2}),
    "won_by_owner": Ready(_("Won by owner"), _("Amount won by each owner this year."), "sales", {
        "kind": "bar", "record": "sale", "criteria": every(WON), "group": "owner", "measure": "sum", "value": "base_amount", "date": "closed_on",
        "period": "this_year", "limit": 10, "width": 1, "height": 2}),
    "lost_reasons": Ready(_("Why sales are lost"), _("This year's lost sales by reason."), "sales", {
        "kind": "bar", "record": "sale", "criteria": every(line("status", "in", ["lost"])), "group": "reason", "order": "value", "date": "closed_on",
        "period": "this_year", "width": 1, "height": 2}),
    "sales_due": Ready(_("Sales due to close"), _("Open sales by expected date."), "sales", {
        "kind": "list", "record": "sale", "criteria": every(OPEN, line("expected_on", "not_empty")), "columns": ["name", "amount", "expected_on", "owner"],
        "sort": "expected_on", "limit": 10, "width": 2, "height": 3}),
    "sales_table": Ready(_("Sales by owner and status"), _("This year's sales by owner and outcome."), "sales", {
        "kind": "table", "record": "sale", "group": "owner", "series": "status", "date": "created_at", "period": "this_year", "width": 2, "height": 2}),
    "my_next": Ready(_("My next activities"), _("What you have planned, the next first."), "work", {
        "kind": "list", "record": "activity", "criteria": every(line("owner", "in", ["me"]), line("done", "is", False), line("due_at", "not_empty")),
        "columns": ["subject", "person", "due_at"], "sort": "due_at", "limit": 10, "width": 2, "height": 3}),
    "done_per_week": Ready(_("Follow-ups done per week"), _("By kind, of the last weeks."), "work", {
        "kind": "column", "record": "activity", "criteria": every(line("done", "is", True)), "group": "done_at", "bucket": "week", "series": "kind",
        "stacked": True, "date": "done_at", "period": "last_12_weeks", "width": 2, "height": 2}),
    "overdue": Ready(_("Overdue follow-ups"), _("Overdue follow-ups per owner."), "work", {
        "kind": "bar", "record": "activity", "criteria": every(line("done", "is", False), line("due_at", "overdue")), "group": "owner", "colour": "red",
        "limit": 10, "width": 1, "height": 2}),
}  # fmt: skip

#: Key -> name, description, tiles; a tile may have another size here, so that the page has no gaps.
DASHBOARDS = {
    "leads": (_("Lead management"), _("Where the leads stand, and what to do next."), [
        "leads_by_status", ("funnel", 2, 4), "new_leads_per_week", "leads_by_category", "disqualified", ("conversion", 2, 2), "stale_leads", "my_next"]),
    "sales": (_("Sales"), _("What is won, what is under way, and what is to come."), [
        "won_this_month", "open_pipeline", "weighted_pipeline", "average_won", "pipeline_by_stage", "won_per_month", "forecast", "win_rate", "won_by_owner",
        "sales_due", ("lost_reasons", 2, 3)]),
    "marketing": (_("Marketing"), _("Where leads come from, and what comes of them."), [
        "new_leads", "active_leads", "without_next", "won_customers", "leads_per_month_by_source", "leads_by_source", "conversion_by_source",
        "by_category_group", "pipeline_by_source", ("sales_by_source", 2, 3), ("leads_by_country", 2, 3)]),
}  # fmt: skip


def offer(tiles, dashboard, behind):
    """Add ready tiles to the library, and to a predefined dashboard behind one that stands there."""
    READY.update(tiles)
    there = DASHBOARDS[dashboard][2]
    place = there.index(behind) + 1
    there[place:place] = tiles


def placed(tile) -> dict:
    """Return a tile of a predefined dashboard as it is stored: its key, and its size there."""
    key, width, height = tile if isinstance(tile, tuple) else (tile, READY[tile].spec["width"], READY[tile].spec["height"])
    return {"ready": key, "width": width, "height": height}
