"""What dashboards are found by in the global search (W7)."""

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from crm import search
from crm.jobs.schedule import each_night
from crm.text import fold
from dashboards.models import Dashboard


@search.described_by("dashboard")
def describe_dashboards(ids):
    """By its name and description; a predefined one by those of every language."""
    found = {}
    for one in Dashboard.objects.filter(pk__in=ids).only("name", "name_key", "description", "ready"):
        words = [one.name_key, fold(one.description)]
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                words += [fold(one.title), fold(one.about)]
        found[one.pk] = (" ".join(dict.fromkeys(filter(None, words))), one.name_key)
    return found


@each_night
@transaction.atomic
def find_ready():
    """Let the predefined ones be found by what this version calls them; whoever upgrades need not think of it."""
    search.refresh("dashboard", Dashboard.objects.exclude(ready="").values_list("pk", flat=True))


@search.shown_by("dashboard")
def show_dashboards(ids):
    rows = Dashboard.objects.filter(pk__in=ids).only("name", "description", "ready")
    return {one.pk: (one.title, one.about or _("Dashboard")) for one in rows}
