"""Who is in a selection: one queryset, whatever it is made of, after `visible_to(user)` (S4, S5, S9).

Everything is a condition in SQL; ids never pass through Python. Criteria that have lost a field or a value, and parts that are gone,
are told with their places, and the selection then has no members: never more than somebody asked for.
"""

from functools import reduce
from operator import add, and_, or_

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import criteria, records
from crm.criteria import CriteriaError
from crm.criteria.words import sentence
from crm.fields import Asking
from selections.models import Selection, SelectionMember, SelectionPart

MAX_DEPTH = 8  # selections within each other
PARTS = "selections.parts"  # under which `asking` keeps what load_parts fetched


def record_of(selection):
    """Return the record type of its members."""
    return records.get(selection.record_type)


def members(selection, user, asking=None):
    """Return the members this user may see; none where something is wrong with what it asks."""
    visible = record_of(selection).model.objects.visible_to(user)
    try:
        return visible.filter(condition(selection, asking or Asking(user)))
    except CriteriaError:
        return visible.none()


def problems(selection, asking):
    """Return what is wrong with the selection, as (place, message); nothing if all is well."""
    try:
        condition(selection, asking)
    except CriteriaError as error:
        return error.errors
    return []


def condition(selection, asking, depth=0) -> Q:
    """Return the condition under which a record is a member; raise CriteriaError."""
    if selection.kind == Selection.Kind.STATIC:
        return Q(pk__in=SelectionMember.objects.filter(selection=selection.pk).values("record_id"))
    if selection.kind == Selection.Kind.DYNAMIC:
        return criteria.condition(record_of(selection), selection.criteria, asking)
    return _combined(selection, asking, depth)


def parts_of(selection):
    """Return the selections it is made of, in their order."""
    rows = SelectionPart.objects.filter(whole=selection.pk).select_related("part").order_by("rank")
    return [row.part for row in rows]


def load_parts(selections, asking):
    """Fetch what these are made of, however deep, by a statement for each depth: a page of them is asked for its members."""
    known = asking._items.setdefault(PARTS, {})
    wholes = {one.pk for one in selections if one.kind == Selection.Kind.COMBINED}
    while wholes := wholes - known.keys():
        known.update({pk: [] for pk in wholes})
        rows = list(SelectionPart.objects.filter(whole__in=wholes).select_related("part").order_by("rank"))
        for row in rows:
            known[row.whole_id].append(row.part)
        wholes = {row.part_id for row in rows if row.part.kind == Selection.Kind.COMBINED}


def _combined(selection, asking, depth):
    known = asking._items.get(PARTS, {})
    parts = known[selection.pk] if selection.pk in known else parts_of(selection)
    if len(parts) < 2 or depth >= MAX_DEPTH:
        raise CriteriaError([("parts", _("Choose at least two selections."))])
    conditions, errors = [], []
    for number, part in enumerate(parts):
        place = f"parts[{number}]"
        try:
            if part.deleted_at:
                raise CriteriaError([("", _("The selection “%(name)s” was deleted.") % {"name": part.name})])
            conditions.append(condition(part, asking, depth + 1))
        except CriteriaError as error:
            errors += [(f"{place}.{inner}".strip("."), message) for inner, message in error.errors]
    if errors:
        raise CriteriaError(errors)
    if selection.operation == Selection.Operation.ALL:
        return reduce(or_, conditions)
    if selection.operation == Selection.Operation.COMMON:
        return reduce(and_, conditions)
    model = record_of(selection).model
    if selection.operation == Selection.Operation.FIRST:
        # Asked as *there is none*: what is unknown of a record is no reason to leave it out.
        others = [~Exists(model.objects.filter(one, pk=OuterRef("pk"))) for one in conditions[1:]]
        return reduce(and_, others, conditions[0])
    counted = [Case(When(one, then=Value(1)), default=Value(0), output_field=IntegerField()) for one in conditions]
    return Q(Exact(reduce(add, counted), Value(1)))


def told_criteria(tree) -> str:
    """Return criteria for the history: how many lines they have; the tab *Criteria* says them in words."""
    count = _lines_in(tree)
    return ngettext("%(count)s condition", "%(count)s conditions", count) % {"count": count}


def _lines_in(node) -> int:
    """Return how many lines criteria have that may not be readable any more."""
    if not isinstance(node, dict):
        return 0
    if "field" in node:
        return 1
    return _lines_in(node.get("not")) + sum(_lines_in(one) for kind in ("all", "any") for one in node.get(kind) or [])


def in_words(selection, asking) -> str:
    """Return what the selection asks, in a sentence; nothing where it cannot be read."""
    if selection.kind != Selection.Kind.DYNAMIC:
        return ""
    try:
        return sentence(record_of(selection), criteria.parse(record_of(selection), selection.criteria, asking), asking)
    except CriteriaError:
        return ""
