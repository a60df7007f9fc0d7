"""What others have changed on a board since it last asked (B6), from the log of changes (crm.history.live)."""

from dataclasses import dataclass, field

from django.db.models import Q

from activities.models import Activity
from crm.history import live
from leads import list_items
from sales.models import Sale
from selections import board_cards
from selections.board_figures import figures

MOST = 100  # cards that are told one by one; of more the board is read anew


@dataclass
class News:
    """The cards that have changed, and those that stand on the board no more; `everything` if it is to be read anew."""

    position: str
    cards: list = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    everything: bool = False


def since(position, table, shown: set[int], selection=None) -> News | None:
    """Return what is new for the board that `table()` returns, or None; `shown` are the records whose cards its user has."""
    told = live.since(position)
    if told is None:
        return None
    lists = {name for name in told.records if name in list_items.lists()}
    own = selection is not None and "selection" in told.records
    if told.everything or lists or own:
        return News(told.position, everything=True)
    board = table()
    ids = touched(board, told.records)
    if len(ids) > MOST:
        return News(told.position, everything=True)
    cards = board_cards.some(board, ids)
    there = {card.pk for card in cards}
    return News(told.position, cards, sorted((ids & shown) - there))


def touched(board, records) -> set[int]:
    """Return the board's records that changes of these records may have changed: their own, and those of what they belong to."""
    own, persons, companies = (records.get(name, set()) for name in (board.record.name, "person", "company"))
    model = board.queryset.model
    found = Q(pk__in=own)
    names = {one.name for one in model._meta.fields}
    for name, ids in (("company", companies), ("person", persons)):
        if name in names and ids:
            found |= Q(**{f"{name}__in": ids})
    if board.record.name == "company" and persons:
        found |= Q(persons__in=persons)
    for related, name in ((Activity, "activity"), (Sale, "sale")):
        if (ids := records.get(name)) and name != board.record.name:
            for link in (one.name for one in related._meta.fields if one.related_model is model):
                found |= Q(pk__in=related.objects.filter(pk__in=ids).values(link))
    return own | set(model.objects.filter(found).values_list("pk", flat=True)[: MOST + 1])


def figures_now(board):
    """Return what the columns hold now, all of it, however long it takes."""
    return figures(board, None)
