"""A dashboard for the demo, made by the product's own actions: one of a sales representative, shared with the team."""

from django.utils import translation

from crm.criteria.written import every, line
from crm.models import User
from dashboards import actions
from dashboards.tiles.ready import LEAD, OPEN

MINE = line("owner", "in", ["me"])


@translation.override("de")
def load():
    """Make it of the demo's first sales representative."""
    users = User.objects.filter(is_active=True).order_by("pk")
    rep = users.filter(role__code="sales_rep").first() or users.first()
    tiles = [
        {"kind": "text", "title": "Diese Woche", "width": 1, "height": 2,
         "text": "Offene Angebote zuerst.\n\nWer seit 30 Tagen nichts gehört hat, bekommt einen Anruf."},
        {"kind": "number", "title": "Meine offenen Verkäufe", "record": "sale", "criteria": every(OPEN, MINE), "measure": "sum",
         "value": "base_amount", "target": "500000", "width": 1, "height": 2},
        {"kind": "bar", "title": "Meine Leads nach Status und Quelle", "record": "person", "criteria": every(LEAD, MINE), "group": "source",
         "series": "lead_status", "stacked": True, "order": "value", "limit": 8, "width": 2, "height": 3},
        {"ready": "won_per_month", "width": 2, "height": 2},
        {"ready": "sales_table", "width": 2, "height": 1},
    ]  # fmt: skip
    values = {
        "name": "Mein Monat",
        "description": "Was ich im Blick behalte.",
        "visibility": "team",
        "tiles": tiles,
        "theme": "colourful",
    }
    actions.create_dashboard(values, by=rep, via="demo")
