"""What keeps an item of a list from being deleted: saved criteria that name it (settled 5)."""

from django.utils.translation import gettext as _

from crm import records
from crm.criteria.draft import uses
from leads.list_items import needed_by
from selections.models import Selection


@needed_by
def selections_naming(item) -> list[tuple[str, Selection]]:
    """Return (text, selection) of the selections whose criteria name this item."""
    dynamic = Selection.objects.live().filter(kind=Selection.Kind.DYNAMIC).order_by("name_key", "pk")
    return [
        (_("Selection “%(name)s”") % {"name": one.name}, one)
        for one in dynamic.only("name", "record_type", "criteria")
        if uses(records.get(one.record_type), one.criteria, item)
    ]
