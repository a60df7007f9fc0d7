"""One row of a file as the records take it: the values of a record as Python has them, or what is wrong with it."""

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max, Q, TextField
from django.utils import timezone
from django.utils.translation import gettext as _

from activities import due
from activities.models import Activity
from crm.models import Role, User
from crm.text import fold
from crm.web import formats
from exchange import mapping as mappings
from exchange import values as cells_of
from exchange.kinds import EXTERNAL_ID, KINDS, LISTS, PERSON_EMAIL
from exchange.mapping import CREATE, ME, NO_REASON
from exchange.reading import day_alone
from leads.models import Company
from sales.models import Sale, SaleReason
from sales.money import Rates

MAX_ID = 120
#: How many different values of a column that has too many to be matched one by one are matched by their names.
MAX_VALUES = 5_000
#: The role of users whom an import creates.
NEW_ROLE = "sales_rep"
#: What ends a line within a cell, as Alt+Enter does in a spreadsheet, or moves on in it.
_BREAK = re.compile(r"[\t-\r\x85\u2028\u2029]")


@dataclass(slots=True)
class Row:
    """One row: values of the record, of its company, and their ids in the other system.

    `raw` is what was read of dates and amounts until all cells of the row are read; `links` is what the row names beside its
    company's name, by target. The importer finds the records behind them.
    """

    number: int
    cells: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    external_id: str = ""
    error: str = ""
    #: What the importer found or makes for it.
    found_company: Company | None = None
    found: dict[str, Any] = field(default_factory=dict)


class RowReader:
    """Reads the rows of a file by a mapping. Items and users to be created are stand-ins until `create_missing`."""

    def __init__(self, table, facts, record_type, mapping, by):
        self.table, self.record_type, self.by = table, record_type, by
        self.kind, self.now = KINDS[record_type], timezone.now()
        self.head = table.head()
        self._narrow = table.file_type == "csv"
        self.mapping = mappings.check(record_type, mapping, self.head, by)
        self.places = {target: self.head.index(name) for name, target in self.mapping["columns"].items() if target}
        self._listed, unlisted = self._found(facts or {})
        self.mapping = mappings.guess_values(self.mapping, self._listed, by, unlisted)
        self.created_users: list[int] = []
        self._items = {target: self._load(target) for target in self.places if target in LISTS}
        self._orders: dict[int, bool | None] = {}
        self._readers = [(place, self._reader(target)) for target, place in self.places.items()]
        self._finish = {"sale": self._finish_sale, "activity": self._finish_activity}.get(record_type)
        self._rates = Rates() if record_type == "sale" else None
        self.lost_reason = self._lost_reason()

    def rows(self) -> Iterator[Row]:
        """Yield every row of the file; `error` says what is wrong with it, by column."""
        needed = self.kind.needed
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
            if not row.values.get(needed) and not errors:
                errors.append(f"{self.column(needed)}: {_('This field is required.')}")
            if self._finish and not errors:
                errors += [f"{self.column(*targets)}: {text}" for text, *targets in self._finish(row)]
            row.error = "; ".join(errors)
            yield row

    def owners(self):
        """Return the users whom the file names as owners."""
        return [owner for owner in self._items.get("owner", {}).values() if owner is not None]

    def column(self, *targets):
        """Return the name of the first column that becomes one of these."""
        return next((self.head[self.places[target]] for target in targets if target in self.places), self.head[0])

    def _reader(self, target) -> Callable[[Row, str], None]:
        """Return the function that reads a cell of this target into a row."""
        name = target.removeprefix("company.")
        of_company = target != name
        model = Company if of_company else self.kind.model

        if target == EXTERNAL_ID or target in self.kind.links:

            def read(row, text):
                if len(text) > (254 if target == PERSON_EMAIL else MAX_ID):
                    raise ValidationError(_("An id has at most %(count)s characters.") % {"count": MAX_ID})
                if "\x00" in text:
                    raise ValidationError(_("Null characters are not allowed."))
                if target == EXTERNAL_ID:
                    row.external_id = text
                elif text != "0":  # as systems write that there is none
                    row.links[target] = text.lower() if target == PERSON_EMAIL else text

            return read

        if target in LISTS:
            items = self._items[target]
            folded = lru_cache(maxsize=10_000)(fold)

            def read_item(row, text):
                key = folded(text)
                if key in items:
                    (row.company if of_company else row.values)[name] = items[key]

            return read_item

        if name in {"expected_on", "closed_on", "due_at", "done_at", "created_at"}:
            place, zone = self.places[target], self.by.zone
            parsed = lru_cache(maxsize=10_000)(lambda text: cells_of.moment(text, zone, self._day_first(place, text)))

            def read_moment(row, text):
                row.raw[name] = parsed(text)

            return read_moment

        if name == "amount":
            check_amount = model._meta.get_field(name).run_validators

            def read_amount(row, text):
                # A spreadsheet gives a number as a number, never with its thousands parted.
                plain = not self._narrow and text.replace(".", "").isdecimal()
                row.raw[name] = cells_of.money(text, plain=plain)
                check_amount(row.raw[name][0])

            return read_amount

        if name == "country":
            names = cells_of.country_names()

            def convert(text):
                if (code := names.get(fold(text))) is None:
                    raise ValidationError(_("This country is not known."))
                return code

        elif name == "currency":
            convert = cells_of.currency
        elif name in {"stop", "no_mailings", "former_employee"}:
            convert = cells_of.yes_or_no
        else:
            # The model's own checks: length, e-mail, phone, web address, what no database can hold.
            described = model._meta.get_field(name)
            check, has_lines = described.run_validators, isinstance(described, TextField)

            def convert(text):
                if "\x00" in text:
                    raise ValidationError(_("Null characters are not allowed."))
                if has_lines:
                    text = text.replace("\r\n", "\n").replace("\r", "\n")
                elif _BREAK.search(text):
                    text = " ".join(text.split())
                text = text if self._narrow else day_alone(text)
                check(text)
                return text

        # First names, titles and cities come again and again; what is wrong is told each time.
        converted = lru_cache(maxsize=2_000)(convert)

        def read_value(row, text):
            value = converted(text)
            if value is not None:
                (row.company if of_company else row.values)[name] = value

        return read_value

    def _day_first(self, place, text):
        """Tell whether 3/4/2026 is in April: by the column's other dates, else as German is written; None if nobody knows."""
        if "/" not in text and "-" not in text:
            return None
        if place not in self._orders:
            order = cells_of.day_comes_first(cells[place] for _number, cells in self.table.records())
            self._orders[place] = True if order is None and self.by.language == "de" else order
        return self._orders[place]

    # --- What several cells say together ----------------------------------------------------------------------------------

    def _created(self, row):
        """Set the time a record was made; yield what is wrong with it."""
        if "created_at" in row.raw:
            day, at = row.raw["created_at"]
            row.values["created_at"] = at or due.moment(day, datetime.time(0), self.by.zone)
            if row.values["created_at"] > self.now:
                yield _("This day is still to come."), "created_at"

    def _finish_sale(self, row):
        """Turn what was read into the values of a sale; yield what is wrong, with the targets it concerns."""
        values, today = row.values, timezone.localdate(self.now, self.by.zone)
        yield from self._created(row)
        for name in ("expected_on", "closed_on"):
            if name in row.raw:
                values[name] = row.raw[name][0]
                if "created_at" in row.raw and values[name] < (created := row.raw["created_at"][0]):
                    yield _("This is before it was created, on %(day)s.") % {"day": formats.date(created)}, name
        if isinstance(closed := values.get("stage"), str):
            del values["stage"]
            values.setdefault("status", closed)
        status = values.get("status")
        if status in Sale.CLOSED:
            # A single date is the day it is expected on and, once it is closed, that on which it was.
            if day := values.get("closed_on") or values.get("expected_on"):
                values["closed_on"] = day
            if status == Sale.Status.LOST and not values.get("reason") and self.lost_reason:
                values["reason"] = self.lost_reason
            reason = values.get("reason")
            if day is None:
                yield _("Say when it was closed."), "closed_on", "expected_on", "status", "stage"
            elif day > today:
                yield _("This day is still to come."), "closed_on", "expected_on"
            if status == Sale.Status.LOST and reason is None:
                yield _("Say why it was lost."), "reason", "status", "stage"
            elif reason is not None and reason.outcome != status:
                yield _("This is no reason of such a sale; choose another one."), "reason"
        else:
            if values.get("closed_on"):
                yield _("Only a won or lost sale has been closed."), "closed_on"
            if values.get("reason"):
                yield _("Only a won or lost sale has a reason."), "reason"
        yield from self._amount(row)

    def _amount(self, row):
        """Set amount and currency; yield what is wrong with them."""
        values = row.values
        if "amount" not in row.raw:
            return
        told = values.pop("currency", "")
        values["amount"], sign = row.raw["amount"]
        values["currency"] = told or sign or self.mapping["currency"]
        if told and sign and told != sign:
            yield _("The amount is in %(sign)s, and the row says %(currency)s.") % {"sign": sign, "currency": told}, "currency"
            return
        day = values.get("closed_on") or values.get("expected_on") or timezone.localdate(self.now)
        try:
            self._rates.cents(values["amount"], values["currency"], day)
        except ValidationError as error:
            reason = " ".join(error.messages)
            yield f"{values['currency']}: {reason}" if "currency" in error.message_dict else reason, "amount", "currency"

    def _finish_activity(self, row):
        """Turn what was read into the values of a follow-up; what took place at a time that has passed is done."""
        values, raw = row.values, row.raw
        yield from self._created(row)
        values["kind"] = values.get("kind") or self.mapping["kind"]
        if "due_at" in raw:
            day, at = raw["due_at"]
            # A whole day is one where the owner is, as everywhere.
            there = (values.get("owner", self.by) or self.by) if at is None else self.by
            values |= {"due_at": at or due.moment(day, None, there.zone), "all_day": at is None, "time_zone": there.time_zone}
        done, due_at, done_at = values.pop("done", None), values.get("due_at"), None
        if "done_at" in raw:
            day, at = raw["done_at"]
            done_at = at or min(due.moment(day, None, self.by.zone), self.now)
            if done_at > self.now or day > timezone.localdate(self.now, self.by.zone):
                yield _("This day is still to come."), "done_at"
        elif due_at and due_at <= self.now and (done or values["kind"] != Activity.Kind.TASK):
            done_at = due_at
        elif done == "done" or (values["kind"] == Activity.Kind.NOTE and not due_at):
            done_at = values.get("created_at") or self.now
        if done != "open" and done_at:
            values["done_at"] = done_at

    def _lost_reason(self):
        """Return the reason of lost sales without one; unsaved if it is to be created, None where none was chosen."""
        chosen = self.mapping.get("reason")
        if chosen == CREATE:
            there = SaleReason.objects.selectable().filter(outcome=Sale.Status.LOST, **NO_REASON).first()
            return there or SaleReason(pk=-1, outcome=Sale.Status.LOST)
        return SaleReason.objects.selectable().filter(pk=chosen).first() if chosen else None

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
        plain = {value for value, _label in mappings.fixed(target)}
        ids = {value for value in chosen.values() if isinstance(value, int)}
        found = model.objects.in_bulk(ids) if ids else {}
        known = {pk: item for pk, item in found.items() if not getattr(item, "deleted_at", None)}
        names = {fold(text): text for text in self._listed[target]}
        items: dict[str, Any] = {}
        for text, value in chosen.items():
            if isinstance(value, str) and value in plain:
                items[text] = value
            elif isinstance(value, int):
                if value not in known:
                    raise ValidationError(_("The value chosen for “%(text)s” does not exist.") % {"text": text[:60]})
                items[text] = known[value]
            elif value == ME:
                items[text] = self.by
            elif value == CREATE and self.by.role.administers:
                items[text] = model(pk=-1 - len(items))  # to be told from the others
                if model is User:
                    self._as_created(items[text], names.get(text, text))
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
                if item is None or isinstance(item, str) or item.pk > 0:
                    continue
                if text not in names:
                    del items[text]  # chosen for a value this file does not have
                    continue
                name = _name(names[text])
                if (model, fold(name)) not in made:
                    made[model, fold(name)] = self._user_called(name) if model is User else _item_called(model, name)
                items[text] = made[model, fold(name)]
        lost = any(Sale.Status.LOST in self._items.get(target, {}).values() for target in ("stage", "status"))
        if lost and self.lost_reason is not None and self.lost_reason.pk < 0:
            there = self._lost_reason()
            new = {**NO_REASON, "outcome": Sale.Status.LOST, "rank": _next_rank(SaleReason)}
            self.lost_reason = there if there.pk > 0 else SaleReason.objects.create(**new)

    def _user_called(self, name):
        """Return the user of this name, whom another import may have created since the file was checked; else a new one.

        A new one can own records, and cannot sign in before an administrator gives them an e-mail address.
        """
        there = User.objects.filter(is_active=True, name_key=fold(name)).order_by("pk").first()
        return there or self._create_user(name)

    def _as_created(self, user, text):
        """Let a user who is to be created be as they will be: what they see counts in a check."""
        user.first_name, _space, user.last_name = _name(text).rpartition(" ")
        user.role, user.colleague_ids, user.time_zone = self._new_role, [user.pk, *self.by.colleague_ids], self.by.time_zone

    @cached_property
    def _new_role(self):
        return Role.objects.get(code=NEW_ROLE)

    def _create_user(self, name):
        first, _space, last = name.rpartition(" ")
        base = ".".join(fold(name).split())[:100]
        base = "".join(char for char in base if char.isalnum() or char in ".-_") or "user"
        username, number = base, 1
        while User.objects.filter(username__iexact=username).exists():
            number += 1
            username = f"{base}{number}"
        user = User.objects.create_user(
            username, f"{username}@users.invalid", None, first_name=first, last_name=last, role=self._new_role,
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
    return there or model.objects.create(name_en=name, name_de=name, rank=_next_rank(model))


def _next_rank(model):
    last = model.objects.aggregate(last=Max("rank"))["last"]
    return 0 if last is None else last + 1
