"""Criteria in words: *Persons whose category group is Potential customer and without follow-ups whose done at is in the last 30 days*.

A sentence for each operator, since languages put its parts in different orders: German says the verb last.
"""

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from crm import periods
from crm.criteria.lines import Line
from crm.criteria.tree import Set
from crm.fields import BARE, OPERATORS, Asking, Field, Money
from crm.relations import Some, Through
from crm.web import formats

PHRASES = {
    "contains": gettext_lazy("whose %(field)s contains %(value)s"),
    "not_contains": gettext_lazy("whose %(field)s does not contain %(value)s"),
    "starts": gettext_lazy("whose %(field)s starts with %(value)s"),
    "not_starts": gettext_lazy("whose %(field)s does not start with %(value)s"),
    "ends": gettext_lazy("whose %(field)s ends with %(value)s"),
    "not_ends": gettext_lazy("whose %(field)s does not end with %(value)s"),
    "is": gettext_lazy("whose %(field)s is %(value)s"),
    "is_not": gettext_lazy("whose %(field)s is not %(value)s"),
    "in": gettext_lazy("whose %(field)s is %(value)s"),
    "not_in": gettext_lazy("whose %(field)s is not %(value)s"),
    "lt": gettext_lazy("whose %(field)s is less than %(value)s"),
    "lte": gettext_lazy("whose %(field)s is at most %(value)s"),
    "gt": gettext_lazy("whose %(field)s is more than %(value)s"),
    "gte": gettext_lazy("whose %(field)s is at least %(value)s"),
    "between": gettext_lazy("whose %(field)s is between %(value)s"),
    "before": gettext_lazy("whose %(field)s is before %(value)s"),
    "after": gettext_lazy("whose %(field)s is after %(value)s"),
    "on": gettext_lazy("whose %(field)s is on %(value)s"),
    "today": gettext_lazy("whose %(field)s is today"),
    "overdue": gettext_lazy("whose %(field)s is overdue"),
    "this_week": gettext_lazy("whose %(field)s is this week"),
    "this_month": gettext_lazy("whose %(field)s is this month"),
    "last_days": gettext_lazy("whose %(field)s is in the last %(value)s days"),
    "next_days": gettext_lazy("whose %(field)s is in the next %(value)s days"),
    "period": pgettext_lazy("when", "whose %(field)s is %(value)s"),
    "empty": gettext_lazy("whose %(field)s is empty"),
    "not_empty": gettext_lazy("whose %(field)s is not empty"),
}
#: Of nobody but the reader, of whom languages speak in another form.
ME = {"in": gettext_lazy("whose %(field)s is me"), "not_in": gettext_lazy("whose %(field)s is not me")}
#: Of dates, which are earlier and later instead of less and more.
DATE_PHRASES = {"lt": "before", "gt": "after"}
YES = gettext_lazy("where “%(field)s” is yes")
NO = gettext_lazy("where “%(field)s” is no")


def sentence(record, tree: Set, asking: Asking) -> str:
    """Return the whole question in words, in the user's language."""
    words = _set(tree, asking)
    if not words:
        return _("All %(records)s") % {"records": record.plural}
    if words.startswith("("):
        return pgettext("in brackets", "%(records)s for which this holds: %(words)s") % {"records": record.plural, "words": words}
    first, negated = _in_order(tree)[0], tree.kind == "not"
    while isinstance(first, Set):
        first, negated = _in_order(first)[0], negated or first.kind == "not"
    # *Persons with sales*, but *Personen, deren …*: languages differ in what stands between.
    plain = isinstance(_innermost(first.field), Some) and not isinstance(first.field, Through) and not negated
    joined = pgettext("with what", "%(records)s %(words)s") if plain else pgettext("whose", "%(records)s %(words)s")
    return joined % {"records": record.plural, "words": words}


def line_in_words(one: Line, asking: Asking) -> str:
    """Return one line in words, with the condition of what it counts: *whose number of sales (whose status is Won) is at least 3*."""
    field = one.field
    if isinstance(_innermost(field), Some):
        return _some(one, asking)
    label = field.full_label
    if one.where and (inner := _set(one.where, asking)):
        label = f"{label} ({inner})"
    if field.kind == "yesno":
        return str(YES if one.read else NO) % {"field": label}
    if field.kind == "user" and one.read == ["me"]:
        return str(ME[one.operator]) % {"field": label}
    operator = DATE_PHRASES.get(one.operator, one.operator) if field.kind == "date" else one.operator
    if operator == "period":
        return str(PHRASES[operator]) % {"field": label, "value": _either(_periods(one, periods.period_in_sentence))}
    return str(PHRASES[operator]) % {"field": label, "value": value_in_words(one, asking)}


def in_words(one: Line, asking: Asking) -> tuple[str, str]:
    """Return (label, value in words) of a line, as a filter chip shows it."""
    label, operator = str(one.field.label), str(OPERATORS[one.operator])
    if one.operator in BARE:
        return label, operator
    if hasattr(one.field, "options") and isinstance(one.read, list):
        text = ", ".join(_labels(one, asking))
    elif one.field.kind in {"date", "number"} or isinstance(one.read, bool):
        text = value_in_words(one, asking)
    else:
        text = " – ".join(map(str, one.value)) if isinstance(one.value, list | tuple) else str(one.value)
    if one.operator in {one.field.default_operator, "in", "is"}:
        return label, capfirst(text) if one.field.kind == "date" else text
    return label, operator.replace("…", text) if "…" in operator else f"{operator} {text}"


def _some(one, asking):
    field, many = one.field, _innermost(one.field).relation
    words = str(many.some if one.operator == "some" else many.none)
    if one.where and (inner := _set(one.where, asking)):
        # A comma would end what is said of the related records too early.
        words = f"{words} ({inner})"
    if isinstance(field, Through):
        words = _("whose %(field)s is one %(what)s") % {"field": field.relation.label, "what": words}
    return words


def _innermost(field: Field) -> Field:
    while isinstance(field, Through):
        field = field.inner
    return field


def value_in_words(one: Line, asking: Asking) -> str:
    """Return the value of a line as a person reads it: names instead of keys, amounts and dates in the user's form."""
    read, kind = one.read, one.field.kind
    if read is None:
        return ""
    if isinstance(read, bool):
        return _("Yes") if read else _("No")
    if kind in {"choice", "user"}:
        return _either(_labels(one, asking, pgettext("in a sentence", "me")))
    if kind == "link" and isinstance(read, list):
        return _either([f"#{pk}" for pk in read])
    if one.operator == "period":
        return _either(_periods(one, periods.period_in_words))
    if kind == "date" and one.operator not in {"last_days", "next_days"}:
        return _and([periods.day_in_words(str(item).strip()) or _date(value) for item, value in
                     zip(_values(one.value), read if isinstance(read, list) else [read], strict=True)])  # fmt: skip
    if kind == "number":
        return _and([_number(one.field, value) for value in (read if isinstance(read, list) else [read])])
    return pgettext("quoted", "“%(text)s”") % {"text": one.value} if kind in {"text", "link"} else str(one.value)


def _periods(one, told):
    return [told(str(item).strip()) for item in _values(one.value)]


def _values(value):
    return value if isinstance(value, list | tuple) else str(value).split(",")


def _labels(one, asking, me=""):
    words = {"me": me, "my_team": _("my team")} if me else {"me": _("Me"), "my_team": _("My team")}
    labels = {str(option.pk): str(getattr(option, "label", option)) for option in one.field.options(asking)}
    return [words.get(key) or labels.get(str(key), str(key)) for key in one.read]


def _date(value):
    return formats.moment(value) if hasattr(value, "hour") else formats.date(value)


def _number(field, value):
    inner = _innermost(field)
    if isinstance(inner, Money):
        return inner.total(value) if not inner.currency_path else formats.number(value)
    return formats.number(value)


def _either(words):
    return _(" or ").join(words)


def _and(words):
    return _(" and ").join(words)


def _is_many(node) -> bool:
    """Tell whether it is told as several clauses; a set of one is told as that one."""
    while isinstance(node, Set) and node.kind != "not" and len(node.active) == 1:
        node = node.active[0]
    return isinstance(node, Set) and node.kind != "not"


def _in_order(asked: Set):
    """Return what is asked as it is told: what stands in brackets comes last, so that no sentence begins with one."""
    return sorted(asked.active, key=_is_many) if asked.kind == "all" else list(asked.active)


def _set(asked: Set, asking) -> str:
    active = _in_order(asked)
    parts = [line_in_words(node, asking) if isinstance(node, Line) else _set(node, asking) for node in active]
    if asked.kind == "not":
        return _("that are not among those (%(what)s)") % {"what": parts[0]} if parts else ""
    if asked.kind == "any":
        # *And* binds more closely than *or*; a comma says so, without brackets.
        return (_(", or ") if any(map(_is_many, active)) else _(" or ")).join(parts)
    alone = len(active) == 1
    return _and([f"({part})" if _is_many(node) and not alone else part for node, part in zip(active, parts, strict=True)])
