"""Why a record is in or not in, line by line; and how many each line alone keeps."""

from dataclasses import dataclass

from django.db.models import BooleanField, Case, Value, When

from crm.criteria.lines import Line
from crm.criteria.tree import Set
from crm.criteria.words import line_in_words
from crm.fields import Asking
from crm.tables.table import count_each

COUNT_UP_TO = 1_000


@dataclass(frozen=True)
class Reason:
    """One line or set, and whether it holds for the record: *None* if it is switched off. `words` is empty for a set."""

    place: str
    kind: str
    words: str
    holds: bool | None
    parts: tuple = ()


def why(queryset, pk, tree: Set, asking: Asking) -> Reason | None:
    """Return for every line and set whether it holds for the record `pk` of the queryset; None if that has no such record.

    One statement, however many lines.
    """
    nodes = list(_every(tree))
    # `Case` counts what is unknown as not holding, as a condition does.
    asked = {f"_holds_{number}": Case(When(node.q(asking), then=Value(True)), default=Value(False), output_field=BooleanField())
             for number, node in enumerate(nodes) if node.q(asking)}  # fmt: skip
    row = queryset.filter(pk=pk).values("pk", **asked).first()
    if row is None:
        return None
    held = {id(node): bool(row.get(f"_holds_{number}", True)) for number, node in enumerate(nodes)}
    return _reason(tree, held, asking)


def _reason(node, held, asking, off=False):
    off = off or node.off or (isinstance(node, Set) and not node.active)
    holds = None if off else held[id(node)]
    if isinstance(node, Line):
        return Reason(node.place, "line", line_in_words(node, asking), holds)
    return Reason(node.place, node.kind, "", holds, tuple(_reason(inner, held, asking, off) for inner in node.nodes))


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
