"""The predefined categories of selections, in German and English; idempotent."""

from crm.history.changes import change
from selections.models import SelectionCategory

#: English, German, colour.
CATEGORIES = [
    ("Mailing", "Mailing", "azure"),
    ("Event", "Veranstaltung", "purple"),
    ("Calls", "Anrufe", "teal"),
    ("Analysis", "Auswertung", "grey"),
]


def set_up_lists():
    """Make the predefined items while the list is empty; one that somebody has touched stays as it is."""
    if not SelectionCategory.objects.exists():
        with change("setup", by=None, via="system"):
            SelectionCategory.objects.bulk_create(
                SelectionCategory(name_en=english, name_de=german, colour=colour, rank=rank)
                for rank, (english, german, colour) in enumerate(CATEGORIES)
            )
