"""How many records each line of criteria alone keeps, and which lines hold for one record."""

from crm.criteria.tree import Set
from crm.fields import Asking
from crm.tables.counts import count_each

COUNT_UP_TO = 1_000


def _every(node):
    yield node
    if isinstance(node, Set):
        for inner in node.nodes:
            yield from _every(inner)


def counts(queryset, tree: Set, asking: Asking, cap=COUNT_UP_TO) -> dict[str, int]:
    """Return {place: number of records of the queryset for which the line or set alone holds}, each counted up to cap + 1."""
    nodes = [node for node in _every(tree) if node.place]
    counted = count_each([queryset.filter(node.q(asking)).order_by().values("pk")[: cap + 1] for node in nodes]) if nodes else []
    return dict(zip([node.place for node in nodes], counted, strict=True))


def holds(queryset, tree: Set, asking: Asking) -> dict[str, bool]:
    """Return {place: whether the line or set alone holds} for the one record of the queryset; the place of the whole is *""*."""
    kept = counts(queryset, tree, asking, 1)
    return {"": queryset.filter(tree.q(asking)).exists(), **{place: bool(count) for place, count in kept.items()}}
