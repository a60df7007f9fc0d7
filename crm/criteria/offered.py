"""What a form offers to ask of a field: its conditions, and the choices of a value. The filters of lists and the criteria editor share it."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from crm.fields import OPERATORS, Asking, Field

MAX_UNSEARCHED = 8  # more choices than this get a field to search them
#: What the API can ask, but what no form needs to offer beside *before*, *after* and *contains*.
UNOFFERED = {"date": {"lt", "lte", "gt", "gte"}, "link": {"in", "not_in"}}


@dataclass(frozen=True)
class Option:
    key: str
    label: str
    colour: str
    chosen: bool


def operators_of(field: Field, chosen="") -> list[tuple[str, str]]:
    """Return (operator, words) of the conditions a form offers, and of the one that is chosen."""
    unoffered = UNOFFERED.get(field.kind, set()) - {chosen}
    return [(name, str(OPERATORS[name]).replace("…", "X")) for name in field.operators if name not in unoffered]


def usual_operator(field: Field) -> str:
    """Return the condition a form begins with."""
    offered = [name for name, _words in operators_of(field)]
    return field.default_operator if field.default_operator in offered else offered[0]


def options_of(field: Any, values, asking: Asking) -> list[Option]:
    """Return the choices of a value, with *me* and *my team* first where they are users. What is deleted is offered only where it is
    chosen, and what is chosen is among them even if it is gone."""
    chosen = dict.fromkeys(values)
    words = [("me", _("Me")), ("my_team", _("My team"))] if field.kind == "user" else []
    made = [Option(key, str(label), "", key in chosen) for key, label in words]
    for item in field.options(asking):
        key = str(item.pk)
        if key in chosen or not getattr(item, "deleted_at", None):
            made.append(Option(key, str(item.label), getattr(item, "colour", ""), key in chosen))
    known = {option.key for option in made}
    return [*made, *(Option(key, f"#{key}", "", True) for key in chosen if key not in known)]
