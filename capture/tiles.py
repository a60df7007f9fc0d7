"""Ready tiles of where leads come from (C4): by first touch, campaign and form."""

from django.utils.translation import gettext_lazy as _

from crm.criteria.written import every, line
from dashboards.tiles.ready import EVER_LEAD, WON, Ready, offer

offer({
    "leads_by_first_touch": Ready(_("Leads by first touch"), _("First touch of this year's leads from links and forms."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD, line("first_touch_source", "not_empty")), "group": "first_touch_source",
        "order": "value", "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "leads_by_campaign": Ready(_("Leads by campaign"), _("Campaigns this year's leads responded to."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD, line("lead_creation_campaign", "not_empty")), "group": "lead_creation_campaign",
        "order": "value", "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "leads_by_form": Ready(_("Leads by form"), _("Forms this year's leads submitted."), "sources", {
        "kind": "bar", "record": "person", "criteria": every(EVER_LEAD, line("lead_creation_form", "not_empty")), "group": "lead_creation_form",
        "order": "value", "date": "created_at", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
    "won_by_first_touch": Ready(_("Won amount by first touch"), _("Amount won this year, by the person's first touch."), "sources", {
        "kind": "bar", "record": "sale", "criteria": every(WON, line("first_touch_source", "not_empty")), "group": "first_touch_source", "order": "value",
        "measure": "sum", "value": "base_amount", "date": "closed_on", "period": "this_year", "limit": 8, "width": 2, "height": 2}),
}, dashboard="marketing", behind="leads_by_source")  # fmt: skip
