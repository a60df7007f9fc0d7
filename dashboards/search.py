"""What dashboards are found by in the global search (W7)."""

from django.utils.translation import gettext as _

from crm import search
from crm.text import fold
from dashboards.models import Dashboard


@search.described_by("dashboard")
def describe_dashboards(ids):
    rows = Dashboard.objects.filter(pk__in=ids).values_list("pk", "name_key", "description")
    return {pk: (f"{name} {fold(description)}".strip(), name) for pk, name, description in rows}


@search.shown_by("dashboard")
def show_dashboards(ids):
    rows = Dashboard.objects.filter(pk__in=ids).values_list("pk", "name", "description")
    return {pk: (name, description or _("Dashboard")) for pk, name, description in rows}
