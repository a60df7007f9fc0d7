"""What criteria ask, line by line: how many each keeps, and why a record is in, or is not (S3)."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils.translation import gettext as _

from crm import criteria
from crm.criteria import CriteriaError, Set
from crm.criteria.explain import COUNT_UP_TO, counts, holds
from crm.criteria.words import line_in_words
from crm.tables.counts import capped
from crm.text import fold
from selections.members import members, parts_of, problems, record_of
from selections.models import Selection

MOST_CHOICES = 20


@dataclass(frozen=True)
class Shown:
    """A line or set as it is shown: `level` is how deep it stands, `count` how many records it alone keeps, `holds` whether it does so for
    the one record that is asked about."""

    words: str
    level: int
    off: bool
    count: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Told:
    """Why a record is in, or not."""

    name: str
    url: str
    is_in: bool
    lines: list[Shown]
    text: str = ""


def counted(record, tree, asking) -> list[Shown]:
    """Return the lines of a tree with how many records each alone keeps; none where it cannot be read."""
    try:
        asked = criteria.parse(record, tree, asking)
        kept = counts(record.model.objects.visible_to(asking.user), asked, asking)
    except (CriteriaError, ValidationError):
        return []
    return list(_shown(asked, asking, {place: {"count": capped(number, COUNT_UP_TO)} for place, number in kept.items()}))


def of_criteria(record, tree: Set, one, asking) -> Told:
    """Return why criteria hold for a record, or do not."""
    held = holds(record.model.objects.visible_to(asking.user).filter(pk=one.pk), tree, asking)
    lines = list(_shown(tree, asking, {place: {"holds": value} for place, value in held.items()}))
    return Told(str(one), one.get_absolute_url(), held[""], lines)


def of_selection(selection, one, asking) -> Told:
    """Return why a record is in a selection, or is not: by its lines, by its parts, or because somebody put it there."""
    is_in = members(selection, asking.user, asking).filter(pk=one.pk).exists()
    name, url = str(one), one.get_absolute_url()
    if selection.kind == Selection.Kind.STATIC:
        text = _("It was added by hand.") if is_in else _("Nobody has added it.")
        return Told(name, url, is_in, [], text)
    if wrong := problems(selection, asking):
        return Told(name, url, False, [], " ".join(CriteriaError(wrong).told))
    if selection.kind == Selection.Kind.DYNAMIC:
        record = record_of(selection)
        return of_criteria(record, criteria.parse(record, selection.criteria, asking), one, asking)
    seen = set(Selection.objects.visible_to(asking.user).filter(wholes__whole=selection.pk).values_list("pk", flat=True))
    parts = [
        Shown(part.name if part.pk in seen else _("A selection you may not see"), 0, False,
              holds=members(part, asking.user, asking).filter(pk=one.pk).exists())
        for part in parts_of(selection)
    ]  # fmt: skip
    return Told(name, url, is_in, parts, selection.get_operation_display())


def asked_about(request, record):
    """Return the record that `?record=` names, or None without one; raise Http404 for what the user does not see."""
    given = request.GET.get("record", "")
    if not given:
        return None
    found = record.model.objects.visible_to(request.user).filter(pk=int(given)) if given.isdecimal() and len(given) < 19 else []
    one = next(iter(found), None)
    if one is None:
        raise Http404
    return one


def choices(user, record, text) -> list[dict]:
    """Return the records whose name begins with what was typed, then those that hold it, as {id, name, detail}."""
    title = record.fields[record.default_sort]
    folded = fold(text.replace("\x00", "")[:100])
    visible = record.model.objects.visible_to(user)
    found = []
    for operator in ("starts", "contains") if len(folded) > 2 else ("starts",):
        rows = visible.filter(title.condition(operator, folded, None)).exclude(pk__in=[one.pk for one in found])
        found += list(rows.order_by(title.sort)[: MOST_CHOICES - len(found)])
    return [{"id": one.pk, "name": str(one), "detail": ""} for one in found]


def _shown(node, asking, said, level=0, off=False):
    words = {"any": _("At least one of these:"), "all": _("All of these:"), "not": _("Not:")}
    for inner in node.nodes:
        gone = off or inner.off
        is_set = isinstance(inner, Set)
        text = words[inner.kind] if is_set else line_in_words(inner, asking)
        yield Shown(text, level, gone, **said.get(inner.place, {}))
        if is_set:
            yield from _shown(inner, asking, said, level + 1, gone)
