"""What keeps an item of a list from being deleted: tiles whose criteria name it (settled 5)."""

from django.utils.translation import gettext as _

from crm import records
from crm.criteria.draft import uses
from dashboards.models import Dashboard
from dashboards.tiles.spec import whole
from leads.list_items import needed_by
from selections.models import RecordKind


@needed_by
def dashboards_naming(item) -> list[tuple[str, Dashboard]]:
    """Return (text, dashboard) of the dashboards with a tile whose criteria name this item."""
    found = Dashboard.objects.live().order_by("name_key", "pk").only("name", "ready", "tiles")
    return [
        (_("Dashboard “%(name)s”") % {"name": one}, one) for one in found if any(_names(whole(tile), item) for tile in one.tiles)
    ]


def _names(tile, item):
    if tile.get("record") not in RecordKind.values:
        return False
    trees = [tile[name] for name in ("criteria", "goal", "line_goal") if isinstance(tile.get(name), dict)]
    return any(uses(records.get(tile["record"]), tree, item) for tree in trees)
