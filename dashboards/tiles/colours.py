"""The colours of charts: of the palette of list items (settled 19), in an order that keeps neighbours apart."""

from crm.models import Colour

THEMES = {
    "calm": ("teal", "azure", "indigo", "purple", "green", "orange", "pink", "yellow", "blue", "lime", "red", "grey"),
    "colourful": ("blue", "orange", "green", "purple", "red", "teal", "yellow", "pink", "lime", "indigo", "azure", "grey"),
    "cool": ("azure", "indigo", "teal", "blue", "purple", "green", "grey", "lime", "pink", "yellow", "orange", "red"),
    "warm": ("orange", "red", "yellow", "pink", "purple", "lime", "teal", "indigo", "green", "blue", "azure", "grey"),
}
NAMES = frozenset(Colour.values)


def of(theme, number, first="") -> str:
    """Return the colour of the series or part of this number; `first` is the tile's own."""
    order = THEMES.get(theme, THEMES["calm"])
    if first:
        order = (first, *(colour for colour in order if colour != first))
    return order[number % len(order)]
