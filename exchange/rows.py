"""One row of a file as the records take it: the values of a person or company as Python has them, or what is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
        self.mapping = mappings.check(record_type, mapping, self.head, by)
        self.places = {target: self.head.index(name) for name, target in self.mapping["columns"].items() if target}
        self.mapping = mappings.guess_values(self.mapping, self._found(facts or {}), by)
        self.created_users: list[int] = []
        self._items = {target: self._load(target) for target in self.places if target in LISTS}
        self._readers = [(place, self._reader(target)) for target, place in self.places.items()]
        self._needed = mappings.needed(record_type)

    def rows(self) -> Iterator[Row]:
        """Yield every row of the file; `error` says what is wrong with it, by column."""
        for number, cells in self.table.records():
            row, errors = Row(number, cells), []
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

            def convert(text):
                return items.get(fold(text))

        elif name == "country":
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

    def _found(self, facts) -> dict[str, list[str]]:
        """Return target -> the values the file has for it; a column with too many to list is read again."""
        listed = facts.get("values", {})
        found: dict[str, dict] = {}
        unlisted = {}
        for target, place in self.places.items():
            if target in LISTS:
                found[target] = {text: None for text, _count in listed.get(str(place), [])}
                if str(place) not in listed:
                    unlisted[place] = found[target]
        if unlisted:
            for _number, cells in self.table.records():
                for place, texts in unlisted.items():
                    if text := cells[place][:120]:
                        texts[text] = None
        return {target: list(texts) for target, texts in found.items()}

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
                items[text] = model()
        return items

    def create_missing(self):
        """Make the users and list items that were chosen to be created; the caller has a change set open."""
        made: dict[tuple, Any] = {}
        for target, items in self._items.items():
            model = LISTS[target]
            if all(item.pk for item in items.values()):
                continue
            names = {fold(text): text for text in self._texts(target)}
            for text, item in list(items.items()):
                if item.pk:
                    continue
                if text not in names:
                    del items[text]  # chosen for a value this file does not have
                    continue
                name = _name(names[text])
                if (model, fold(name)) not in made:
                    made[model, fold(name)] = self._create_user(name) if model is User else _item_called(model, name)
                items[text] = made[model, fold(name)]

    def _texts(self, target):
        place = self.places[target]
        return {cells[place] for _number, cells in self.table.records() if cells[place]}

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
