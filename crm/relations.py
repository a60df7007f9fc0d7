"""What a record relates to, as part of the field catalogue: its company's city, the number of its sales, the last follow-up (S1).

    relate("person", One(name="company", label=_("Company"), record="company", path="company"))
    relate("company", Many(name="sales", label=_("Sales"), record="sale", link="company", …))

makes these fields of a person: `company.city`, and by way of the company `company.sales.number`. Only records that the asking
user may see count: what is hidden cannot be found out by asking about it. A line about the company holds for no person
without one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Sum
from django.utils.translation import gettext as _

from crm import records
from crm.fields import Day, Field, Moment, Money, Number
from crm.models import NEVER

MAX_STEPS = 3  # from record to record, in the name of one field


@dataclass(frozen=True, kw_only=True)
class One:
    """The one record a record belongs to; `path` is the foreign key."""

    name: str
    label: Any
    record: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Many:
    """The records that belong to a record; `link` is their foreign key to it.

    `some`, `none` and `number` are their words: *with sales*, *without sales*, *number of sales*.
    """

    name: str
    label: Any
    record: str
    link: str
    some: Any
    none: Any
    number: Any

    def rows(self, asking, condition):
        """Return those the user may see and for which the condition holds."""
        model = records.get(self.record).model
        # Who sees a record sees what follows it, unless it is nobody's (crm.access).
        all_seen = self.link in model.follows_records and self.link not in model.of_nobodys_unless
        seen = model.objects.live() if all_seen else model.objects.visible_to(asking.user)
        return seen.filter(condition, **{f"{self.link}__isnull": False})


@lru_cache(maxsize=2_000)
def field_of(record, name: str) -> Field | None:
    """Return the field of this name, one of related records among them; None if there is none."""
    if len(name) > 200 or name.count(".") > MAX_STEPS:
        return None
    if described := record.fields.get(name):
        return described
    first, _dot, rest = name.partition(".")
    relation = record.relations.get(first)
    if isinstance(relation, One):
        inner = field_of(records.get(relation.record), rest) if rest else None
        return Through(name=name, label=inner.label, relation=relation, inner=inner) if inner and inner.filter else None
    return next((field for field in _counters(relation) if field.name == name), None) if relation else None


@lru_cache(maxsize=100)
def askable(record) -> tuple[Field, ...]:
    """Return all fields that criteria offer: the record's own, those of the one record it belongs to, and what counts the records that
    belong to either."""
    own = [field for field in record.fields.values() if field.filter]
    for relation in record.relations.values():
        if isinstance(relation, Many):
            own += _counters(relation)
    through = []
    for relation in record.relations.values():
        if isinstance(relation, One):
            other = records.get(relation.record)
            names = [field.name for field in other.fields.values() if field.filter]
            names += [field.name for many in other.relations.values() if isinstance(many, Many) for field in _counters(many)]
            through += [found for name in names if (found := field_of(record, f"{relation.name}.{name}"))]
    return (*own, *through)


def _counters(many: Many) -> list[Field]:
    other = records.get(many.record)
    dates = [
        field
        for field in other.fields.values()
        if isinstance(field, Moment) and field.filter and field.column != "next_activity_at"
    ]
    sums = [field for field in other.fields.values() if field.sum and field.sum == field.column]
    return [
        Some(name=many.name, label=many.label, relation=many),
        NumberOf(name=f"{many.name}.number", label=many.number, relation=many),
        *(
            SumOf(name=f"{many.name}.sum_{field.name}", label=field.label, relation=many, measured=field, path="_value")
            for field in sums
        ),
        *(_dates_of(many, field, word, make) for field in dates for word, make in (("last", Max), ("first", Min))),
    ]


def _dates_of(many, field, word, make):
    """Return the field that is the last, or first, date of related records: asked as that date itself is."""
    kind = LastDay if isinstance(field, Day) else LastMoment
    return kind(
        name=f"{many.name}.{word}_{field.name}", label=field.label, relation=many, measured=field, make=make, path="_value"
    )


class _Related(Field):
    """What all fields about related records have in common."""

    takes_where: ClassVar[bool] = True
    relation: Many

    @property
    def counted(self):
        """The record type of the related records, which their condition is about."""
        return records.get(self.relation.record)

    def condition(self, operator, value, asking):
        return self.related(operator, value, asking, Q())


@dataclass(frozen=True, kw_only=True)
class Some(_Related):
    """Whether there are related records for which a condition holds."""

    relation: Many = None

    operators = ("some", "none")
    default_operator = "some"
    kind = "related"

    def read(self, operator, value, asking):
        return None

    def related(self, operator, value, asking, where):
        q = Q(Exists(self.relation.rows(asking, where).filter(**{self.relation.link: OuterRef("pk")})))
        return ~q if operator == "none" else q


COMPARED = {
    "is": lambda a, b: a == b,
    "is_not": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "between": lambda a, b: b[0] <= a <= b[1],
}


class _Measured(_Related):
    """A number of related records. Who has none has zero: such a comparison is asked the other way round, of those who have some."""

    operators = ("is", "is_not", "lt", "lte", "gt", "gte", "between")

    def _aggregate(self):
        raise NotImplementedError

    def related(self, operator, value, asking, where):
        link = self.relation.link
        rows = self.relation.rows(asking, where).order_by().values(link).annotate(_value=self._aggregate())
        holds = self._having(operator, value)
        if COMPARED[operator](0, value):
            return ~Q(pk__in=rows.exclude(holds).values(link))
        return Q(pk__in=rows.filter(holds).values(link))

    @staticmethod
    def _having(operator, value):
        if operator == "between":
            return Q(_value__gte=value[0], _value__lte=value[1])
        if operator in {"is", "is_not"}:
            return Q(_value=value) if operator == "is" else ~Q(_value=value)
        return Q(**{f"_value__{operator}": value})


@dataclass(frozen=True, kw_only=True)
class NumberOf(_Measured, Number):
    """How many related records there are for which a condition holds."""

    relation: Many = None

    default_operator = "gte"
    low = 0

    def _aggregate(self):
        return Count("pk")

    def related(self, operator, value, asking, where):
        # One, or none, is found without counting.
        if operator != "between" and (operator, value) in {
            ("is", 0),
            ("lt", 1),
            ("lte", 0),
            ("gte", 1),
            ("gt", 0),
            ("is_not", 0),
        }:
            some = Exists(self.relation.rows(asking, where).filter(**{self.relation.link: OuterRef("pk")}))
            return ~Q(some) if COMPARED[operator](0, value) else Q(some)
        return super().related(operator, value, asking, where)


@dataclass(frozen=True, kw_only=True)
class SumOf(_Measured, Money):
    """What related records for which a condition holds add up to, in the base currency."""

    relation: Many = None
    measured: Field = None

    default_operator = "gte"

    @property
    def full_label(self):
        return _("Sum of %(records)s: %(field)s") % {"records": self.relation.label, "field": self.label}

    def _aggregate(self):
        return Sum(self.measured.sum)


class Latest(_Related):
    """The last or first date of related records."""

    make: Any

    @property
    def full_label(self):
        words = _("Last of %(records)s: %(field)s") if self.make is Max else _("First of %(records)s: %(field)s")
        return words % {"records": self.relation.label, "field": self.label}

    def related(self, operator, value, asking, where):
        link, path = self.relation.link, self.measured.column
        dated = self.relation.rows(asking, where).filter(**{f"{path}__isnull": False})
        if isinstance(self.measured, Moment) and not isinstance(self.measured, Day):
            dated = dated.exclude(**{path: NEVER})
        if operator in {"empty", "not_empty"}:
            some = Q(Exists(dated.filter(**{link: OuterRef("pk")})))
            return ~some if operator == "empty" else some
        rows = dated.order_by().values(link).annotate(_value=self.make(F(path)))
        # What the date itself is asked, of the group.
        return Q(pk__in=rows.filter(self.asked_of(operator, value, asking)).values(link))


@dataclass(frozen=True, kw_only=True)
class LastMoment(Latest, Moment):
    relation: Many = None
    measured: Field = None
    make: Any = None

    def asked_of(self, operator, value, asking):
        return Moment.condition(self, operator, value, asking)


@dataclass(frozen=True, kw_only=True)
class LastDay(Latest, Day):
    relation: Many = None
    measured: Field = None
    make: Any = None

    def asked_of(self, operator, value, asking):
        return Day.condition(self, operator, value, asking)


@dataclass(frozen=True, kw_only=True)
class Through(Field):
    """A field of the one record this one belongs to. It holds only where there is one, and the user may see it."""

    relation: One = None
    inner: Field = None

    @property
    def kind(self):  # type: ignore[override]
        return self.inner.kind

    @property
    def operators(self):  # type: ignore[override]
        return self.inner.operators

    @property
    def default_operator(self):  # type: ignore[override]
        return self.inner.default_operator

    @property
    def takes_where(self):  # type: ignore[override]
        return self.inner.takes_where

    @property
    def full_label(self):
        return f"{self.relation.label}: {self.inner.full_label}"

    @property
    def counted(self):
        return self.inner.counted

    @property
    def lists(self):
        return self.inner.lists

    def options(self, asking, selectable=False):
        return self.inner.options(asking, selectable)

    def read(self, operator, value, asking):
        return self.inner.read(operator, value, asking)

    def condition(self, operator, value, asking):
        return self._of(self.inner.condition(operator, value, asking), asking)

    def related(self, operator, value, asking, where):
        return self._of(self.inner.related(operator, value, asking, where), asking)

    def _of(self, condition, asking):
        model = records.get(self.relation.record).model
        return Q(Exists(model.objects.visible_to(asking.user).filter(condition, pk=OuterRef(self.relation.path))))
