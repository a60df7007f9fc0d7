"""One of a list: items that administrators edit, what the code fixes, users, yes or no."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from crm.fields.base import BARE, Asking, Cell, Field, Part, ids_of
from crm.models import User


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """An item of a list that administrators edit, or of a fixed one with a table. Sorted by rank, never by name.

    `through` turns chosen keys into a condition, for a field that is another's property (a category's group).
    """

    items: str = ""
    pill: bool = False
    through: Callable[[list, Asking], Q] | None = None
    pick: Callable[[dict, Asking], Any] | None = None
    needs: tuple[str, ...] = ()  # further lists that `through` and `pick` read

    operators = ("in", "not_in", "empty", "not_empty")
    default_operator = "in"
    kind = "choice"

    @property
    def lists(self):
        return (self.items, *self.needs)

    def parts(self, asking):
        made = [
            Part(str(item.pk), self.item_cell(item), self.condition("in", [item.pk], asking)) for item in self.options(asking)
        ]
        if not self.through:
            made.append(Part("", Cell(str(_("Not set"))), self.condition("empty", None, asking)))
        return made

    def part_key(self, row, asking):
        item = self.item(row, asking)
        return str(item.pk) if item else ""

    def options(self, asking, selectable=False):
        """Return the items to choose from, in their order."""
        every = asking.items(self.items).values()
        return [item for item in every if not (selectable and getattr(item, "deleted_at", None))]

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        known = {str(key): key for key in asking.items(self.items)}
        keys = [known.get(str(item).strip()) for item in values if str(item).strip()]
        if None in keys or not keys:
            raise ValidationError(_("This is no valid choice."))
        return keys

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        q = self.through(value, asking) if self.through else Q(**{f"{self.column}__in": value})
        return ~q if operator == "not_in" else q

    def item(self, row, asking):
        key = row.get(self.column)
        if self.pick:
            return self.pick(row, asking)
        return asking.items(self.items).get(key) if key is not None else None

    def text(self, row, asking):
        item = self.item(row, asking)
        return str(item.label) if item else ""

    def cell(self, row, asking):
        item = self.item(row, asking)
        return asking.cell(self, item.pk, lambda: self.item_cell(item)) if item else Cell()

    def item_cell(self, item):
        if self.pill:
            return Cell(item.label, "pill", title=item.description, data={"colour": item.colour})
        return Cell(item.label)


@dataclass(frozen=True, kw_only=True)
class Fixed(Field):
    """One of a few values that the code fixes. `choices` is a function that returns (value, label) pairs."""

    choices: Callable[[], Any] = tuple

    #: Whether others than the choices of the moment may be asked for.
    any_value: ClassVar[bool] = False
    operators = ("in", "not_in", "empty", "not_empty")
    default_operator = "in"
    kind = "choice"

    def parts(self, asking):
        made = [Part(str(value), Cell(str(label)), self.condition("in", [value], asking)) for value, label in self.choices()]
        return [*made, Part("", Cell(str(_("Not set"))), self.condition("empty", None, asking))]

    def options(self, asking, selectable=False):
        return [_Option(value, label) for value, label in self.choices()]

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        known = {str(key) for key, _label in self.choices()}
        keys = [str(item).strip() for item in values if str(item).strip()]
        if not keys or not known.issuperset(keys):
            raise ValidationError(_("This is no valid choice."))
        return keys

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            q = Q(**{self.column: ""}) | Q(**{f"{self.column}__isnull": True})
            return ~q if operator == "not_empty" else q
        q = Q(**{f"{self.column}__in": value})
        return ~q if operator == "not_in" else q

    def text(self, row, asking):
        value = row.get(self.column)
        return str(dict(self.choices()).get(value, value or ""))


@dataclass(frozen=True)
class _Option:
    pk: Any
    label: Any
    deleted_at: Any = None


@dataclass(frozen=True, kw_only=True)
class UserChoice(Field):
    """A user, *me* or *my team*."""

    operators = ("in", "not_in", "empty", "not_empty")
    default_operator = "in"
    kind = "user"

    @property
    def lists(self):
        return ("crm.User",)

    def parts(self, asking):
        made = [Part(str(user.pk), self.user_cell(user), Q(**{self.column: user.pk})) for user in self.options(asking)]
        return [*made, Part("", Cell(str(_("Nobody"))), self.condition("empty", None, asking))]

    def user_cell(self, user):
        return Cell(user.name, "user", title=user.name, data={"initials": user.initials, "avatar": user.avatar})

    def options(self, asking, selectable=False):
        users = asking.items("crm.User").values()
        return [user for user in sorted(users, key=lambda user: user.name_key) if user.is_active or not selectable]

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        words = [item for item in values if item in {"me", "my_team"}]
        ids = ids_of([item for item in values if item not in {"me", "my_team"}])
        known = asking.items("crm.User") if ids else {}
        if any(pk not in known for pk in ids) or not (words or ids):
            raise ValidationError(_("This is no valid choice."))
        return [*words, *ids]

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        ids = {item for item in value if item not in {"me", "my_team"}}
        if "me" in value:
            ids.add(asking.user.pk)
        if "my_team" in value:
            ids.update(asking.user.colleague_ids)
        if operator == "in":
            return Q(**{f"{self.column}__in": sorted(ids)})
        return ~Q(**{f"{self.column}__in": sorted(ids)}) | Q(**{f"{self.column}__isnull": True})

    def text(self, row, asking):
        user = asking.items("crm.User").get(row.get(self.column))
        return user.name if user else ""

    def cell(self, row, asking):
        user: User | None = asking.items("crm.User").get(row.get(self.column))
        return asking.cell(self, user.pk, lambda: self.user_cell(user)) if user else Cell()


@dataclass(frozen=True, kw_only=True)
class YesNo(Field):
    operators = ("is",)
    kind = "yesno"

    def parts(self, asking):
        return [
            Part("1", Cell(f"{self.label}: {_('yes')}"), self.condition("is", True, asking)),
            Part("0", Cell(f"{self.label}: {_('no')}"), self.condition("is", False, asking)),
        ]

    def asked(self, keys, asking):
        lines = [{"field": self.name, "operator": "is", "value": key == "1"} for key in keys]
        return lines[0] if len(lines) == 1 else {"any": lines}

    def part_key(self, row, asking):
        return str(int(bool(row[self.column])))

    def read(self, operator, value, asking):
        if isinstance(value, list | tuple):
            value = value[0] if len(value) == 1 else None
        known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        if isinstance(value, str):
            value = value.lower()
        if not isinstance(value, bool | str) or value not in known:
            raise ValidationError(_("Answer yes or no."))
        return known[value]

    def condition(self, operator, value, asking):
        return Q(**{self.column: value})

    def text(self, row, asking):
        return _("Yes") if row.get(self.column) else _("No")

    def cell(self, row, asking):
        return Cell(self.text(row, asking) if row.get(self.column) else "", "yesno", data={"on": bool(row.get(self.column))})
