"""One row of a file as the records take it: the values of a person or company as Python has them, or what is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max, Q
from django.utils import translation
from django.utils.translation import gettext as _
from django_countries import countries

from crm.models import Role, User
from crm.text import fold
from exchange import mapping as mappings
from exchange.mapping import COMPANY_ID, CREATE, EXTERNAL_ID, LISTS, ME
from leads.models import Company, Person

YES = {"1", "yes", "true", "ja", "y", "j", "x", "wahr", "on"}
NO = {"0", "no", "false", "nein", "n", "falsch", "off"}
MAX_ID = 120
#: How many different values of a column that has too many to be matched one by one are matched by their names.
MAX_VALUES = 5_000


@dataclass(slots=True)
class Row:
    """One row: values of the record, of the person's company, and their ids in the other system."""

    number: int
    cells: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    external_id: str = ""
    company_id: str = ""
    error: str = ""
    #: What the importer found or makes for it.
    found_company: Company | None = None


class RowReader:
    """Reads the rows of a file by a mapping. Items and users to be created are stand-ins until `create_missing`."""

    def __init__(self, table, facts, record_type, mapping, by):
        self.table, self.record_type, self.by = table, record_type, by
        self.head = table.head()
        self._narrow = table.file_type == "csv"
        self.mapping = mappings.check(record_type, mapping, self.head, by)
        self.places = {target: self.head.index(name) for name, target in self.mapping["columns"].items() if target}
        self._listed, unlisted = self._found(facts or {})
        self.mapping = mappings.guess_values(self.mapping, self._listed, by, unlisted)
        self.created_users: list[int] = []
        self._items = {target: self._load(target) for target in self.places if target in LISTS}
        self._readers = [(place, self._reader(target)) for target, place in self.places.items()]
        self._needed = mappings.needed(record_type)

    def rows(self) -> Iterator[Row]:
        """Yield every row of the file; `error` says what is wrong with it, by column."""
        for number, cells in self.table.records():
            row, errors = Row(number, cells), []
            if self._narrow and len(cells) > len(self.head):
                # In a CSV file a separator too many moves all that follows; a note beside a sheet's table moves nothing.
                row.error = _("The row has %(cells)s cells, the file %(columns)s columns.") % {
                    "cells": len(cells), "columns": len(self.head)}  # fmt: skip
                yield row
                continue
            for place, read in self._readers:
                if text := cells[place]:
                    try:
                        read(row, text)
                    except ValidationError as error:
                        errors.append(f"{self.head[place]}: {' '.join(error.messages)}")
            if not row.values.get(self._needed) and not errors:
                errors.append(f"{self.head[self.places[self._needed]]}: {_('This field is required.')}")
            row.error = "; ".join(errors)
            yield row

    def _reader(self, target) -> Callable[[Row, str], None]:
        """Return the function that reads a cell of this target into a row."""
        name = target.removeprefix("company.")
        of_company = target != name
        model = Company if of_company or self.record_type == "company" else Person

        if target in (EXTERNAL_ID, COMPANY_ID):
            attribute = "external_id" if target == EXTERNAL_ID else "company_id"

            def read(row, text):
                if len(text) > MAX_ID:
                    raise ValidationError(_("An id has at most %(count)s characters.") % {"count": MAX_ID})
                if "\x00" in text:
                    raise ValidationError(_("Null characters are not allowed."))
                setattr(row, attribute, text)

            return read

        if target in LISTS:
            items = self._items[target]
            folded = lru_cache(maxsize=10_000)(fold)

            def read_item(row, text):
                key = folded(text)
                if key in items:
                    (row.company if of_company else row.values)[name] = items[key]

            return read_item

        if name == "country":
            names = _country_names()

            def convert(text):
                if (code := names.get(fold(text))) is None:
                    raise ValidationError(_("This country is not known."))
                return code

        elif name in {"stop", "no_mailings", "former_employee"}:

            def convert(text):
                if (folded := fold(text)) not in YES | NO:
                    raise ValidationError(_("Answer yes or no."))
                return folded in YES

        else:
            # The model's own checks: length, e-mail, phone, web address, what no database can hold.
            check = model._meta.get_field(name).run_validators

            def convert(text):
                if "\x00" in text:
                    raise ValidationError(_("Null characters are not allowed."))
                check(text)
                return text

        def read_value(row, text):
            value = convert(text)
            if value is not None:
                (row.company if of_company else row.values)[name] = value

        return read_value

    # --- Values of lists --------------------------------------------------------------------------------------------------

    def _found(self, facts) -> tuple[dict[str, list[str]], set[str]]:
        """Return target -> the values the file has for it, and the targets whose columns have too many to list."""
        listed = facts.get("values", {})
        found: dict[str, dict] = {}
        unlisted = {}
        for target, place in self.places.items():
            if target in LISTS:
                found[target] = {text: None for text, _count in listed.get(str(place), [])}
                if str(place) not in listed:
                    unlisted[target] = place
        if unlisted:
            for _number, cells in self.table.records():
                for target, place in unlisted.items():
                    if (text := cells[place][:120]) and len(found[target]) < MAX_VALUES:
                        found[target][text] = None
        return {target: list(texts) for target, texts in found.items()}, set(unlisted)

    def _load(self, target) -> dict[str, Any]:
        """Return folded text -> the item it becomes; an unsaved one for what is to be created."""
        chosen, model = self.mapping["values"].get(target, {}), LISTS[target]
        ids = {value for value in chosen.values() if isinstance(value, int)}
        known = {pk: item for pk, item in model.objects.in_bulk(ids).items() if not getattr(item, "deleted_at", None)}
        items = {}
        for text, value in chosen.items():
            if isinstance(value, int):
                if value not in known:
                    raise ValidationError(_("The value chosen for “%(text)s” does not exist.") % {"text": text[:60]})
                items[text] = known[value]
            elif value == ME:
                items[text] = self.by
            elif value == CREATE and self.by.role.administers:
                items[text] = model(pk=-1 - len(items))  # to be told from the others
            elif target == "owner":
                items[text] = None  # nobody, as chosen
        return items

    def create_missing(self):
        """Make the users and list items that were chosen to be created; the caller has a change set open."""
        made: dict[tuple, Any] = {}
        for target, items in self._items.items():
            model = LISTS[target]
            names = {fold(text): text for text in self._listed[target]}
            for text, item in list(items.items()):
                if item is None or item.pk > 0:
                    continue
                if text not in names:
                    del items[text]  # chosen for a value this file does not have
                    continue
                name = _name(names[text])
                if (model, fold(name)) not in made:
                    made[model, fold(name)] = self._create_user(name) if model is User else _item_called(model, name)
                items[text] = made[model, fold(name)]

    def _create_user(self, name):
        """Create a user who can own records, and cannot sign in before an administrator gives them an e-mail address."""
        first, _space, last = name.rpartition(" ")
        base = ".".join(fold(name).split())[:100]
        base = "".join(char for char in base if char.isalnum() or char in ".-_") or "user"
        username, number = base, 1
        while User.objects.filter(username__iexact=username).exists():
            number += 1
            username = f"{base}{number}"
        user = User.objects.create_user(
            username, f"{username}@users.invalid", None, first_name=first, last_name=last, role=Role.objects.get(code="sales_rep"),
            language=self.by.language, time_zone=self.by.time_zone,
        )  # fmt: skip
        user.teams.set(self.by.teams.all())
        self.created_users.append(user.pk)
        return user


def _name(text) -> str:
    """Return a text as the name of a list item or user: one line, printable, of their length."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:80].strip() or "?"


def _item_called(model, name):
    """Return the item of this name; a new one at the end of the list, unless somebody was quicker."""
    there = model.objects.selectable().filter(Q(name_en__iexact=name) | Q(name_de__iexact=name)).first()
    last = model.objects.aggregate(last=Max("rank"))["last"]
    return there or model.objects.create(name_en=name, name_de=name, rank=0 if last is None else last + 1)


def _country_names() -> dict[str, str]:
    """Return folded name or code -> code, in both languages."""
    names = {code.lower(): code for code, _name in countries}
    for language in ("de", "en"):
        with translation.override(language):
            names |= {fold(str(name)): code for code, name in countries}
    return names | {"usa": "US", "uk": "GB", "grossbritannien": "GB", "great britain": "GB", "england": "GB"}
