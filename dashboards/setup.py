"""The predefined dashboards of a new installation: they belong to nobody and are pinned for everybody (D1)."""

from django.utils import translation

from crm import search
from crm.history.changes import change
from crm.text import fold
from dashboards.models import Dashboard
from dashboards.search import find_ready
from dashboards.tiles.ready import DASHBOARDS, placed


def set_up_lists():
    """Make them while there has never been any dashboard; what an administrator has changed or deleted stays so.

    Those that are there are found by what this version calls them, in every language.
    """
    from crm.history.models import Change

    if Dashboard.objects.exists() or Change.objects.filter(record_type="dashboard").exists():
        find_ready()
        return
    with change("setup", by=None, via="system"), translation.override("en"):
        for key, (name, description, tiles) in DASHBOARDS.items():
            made = [{"id": number, **placed(tile)} for number, tile in enumerate(tiles, 1)]
            dashboard = Dashboard.objects.create(
                name=str(name),
                description=str(description),
                ready=key,
                name_key=fold(str(name)),
                visibility="all",
                pinned=True,
                tiles=made,
            )
            search.refresh("dashboard", [dashboard.pk])
