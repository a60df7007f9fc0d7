"""Each record type with its whole catalogue of fields, gathered from every app's `fields.py` in order of the floors."""

import re
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings
from django.urls import reverse

from crm.fields import Field


@dataclass(eq=False)
class RecordType:
    """A record type: its model, its words, and its fields in the order lists offer them.

    `default_sort` names its records and leads to their cards; lists are sorted by it unless `first_sort` names another field.
    `by_hand` is false of records that people do not create.
    """

    name: str
    model_label: str
    label: Any
    plural: Any
    default_sort: str
    card_url: str = ""
    icon: str = ""
    list_url: str = ""
    first_sort: str = ""
    by_hand: bool = True
    fields: dict[str, Field] = field(default_factory=dict)
    relations: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self):
        return apps.get_model(self.model_label)

    def default_columns(self):
        return [name for name, described in self.fields.items() if described.default]


_types: dict[str, RecordType] = {}
_loaded = False


def register(record_type, fields):
    """Add a record type with the fields its own app knows."""
    _types[record_type.name] = record_type
    extend(record_type.name, fields)


def extend(name, fields, after=""):
    """Add to a lower floor's record what an upper floor knows of it; `after` names the field they follow."""
    known = _types[name].fields
    added = {described.name: described for described in fields}
    if clash := known.keys() & added.keys():
        raise ValueError(f"{name} has these fields already: {sorted(clash)}")
    if after:
        names = list(known)
        place = names.index(after) + 1
        order = [*names[:place], *added, *names[place:]]
        known.update(added)
        _types[name].fields = {key: known[key] for key in order}
    else:
        known.update(added)


def relate(name, relation):
    """Let a record's criteria ask about the records it relates to (crm.relations)."""
    _types[name].relations[relation.name] = relation


def _load():
    global _loaded
    if not _loaded:
        _loaded = True
        for app in settings.LOTSE_APPS:
            if app != "crm" and find_spec(f"{app}.fields"):
                import_module(f"{app}.fields")


def get(name) -> RecordType:
    """Return a record type by its name, or raise KeyError."""
    _load()
    return _types[name]


def every() -> list[RecordType]:
    _load()
    return list(_types.values())


def at(address) -> tuple[str, int] | None:
    """Return the record type and the id of the record whose card, or a part of it, has this address."""
    for record in every():
        base = reverse(record.card_url, args=[0]).removesuffix("0/")
        if found := re.match(re.escape(base) + r"(\d{1,18})/", address):
            return record.name, int(found[1])
    return None
