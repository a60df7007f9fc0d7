"""Ready tiles of where leads come from (C4): by first touch, campaign and form."""

from django.utils.translation import gettext_lazy as _

from crm.criteria.written import every, line
from dashboards.tiles.ready import EVER_LEAD, WON, Ready, offer

offer({
    "leads_by_first_touch": Ready(_("Leads by first touch"), _("Where those were met first who came by a link or a form this year."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD, line("first_touch_source", "not_empty")), "group": "first_touch_source",
        "order": "value", "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "leads_by_campaign": Ready(_("Leads by campaign"), _("Which campaigns this year's leads answered to."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD, line("lead_creation_campaign", "not_empty")), "group": "lead_creation_campaign",
        "order": "value", "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "leads_by_form": Ready(_("Leads by form"), _("Which forms this year's leads have sent."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD, line("lead_creation_form", "not_empty")), "group": "lead_creation_form",
        "order": "value", "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "won_by_first_touch": Ready(_("Won amount by first touch"), _("What was won this year, by where its person was met first."), "sources", {
        "kind": "bar", "record": "sale", "criteria": every(WON, line("first_touch_source", "not_empty")), "group": "first_touch_source", "order": "value",
        "measure": "sum", "value": "base_amount", "date": "closed_on", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
}, dashboard="marketing", behind="leads_by_source")  # fmt: skip
