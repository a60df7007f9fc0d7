"""The board as it stood at the end of a day, read from the history (*board replay*, issue 5).

What a field held then is the old value of its first change since, else what it holds now. Which records are looked at is as the
filters say today; those in the bin by now, which nobody sees, are left out, and so is who came later.
"""

import datetime

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, Case, CharField, F, OuterRef, Q, Subquery, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, NullIf
from django.db.models.lookups import In
from django.utils.dateparse import parse_date

from crm.history.models import Change, ChangeSet
from leads.models import Category, Person

NONE = "\x01"  # stands for *no value* among the history's texts
BEFORE = 40  # change sets whose first changes tell where in the history a day ends


def day_of(text, asking) -> datetime.date | None:
    """Return the day of an address: one in the past, or none."""
    try:
        day = parse_date(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day is not None and day.year > 1990 and day < asking.today else None


class Then:
    """What the fields of records held at the end of a day, where the user is."""

    def __init__(self, model, day, asking):
        self.model, self.record_type = model, model.history.record_type
        self.end = asking.start_of(day + datetime.timedelta(days=1))
        sets = list(ChangeSet.objects.filter(at__gte=self.end).order_by("at").values_list("pk", flat=True)[:BEFORE])
        first = Change.objects.filter(change_set__in=sets).order_by("id").values_list("pk", flat=True).first()
        # Only a hint for the index; what counts is when the change set was.
        self.from_id = first or 2**62

    def records(self, queryset, columns):
        """Return the records that were there, with what these columns held as `_then_…`."""
        values = {f"_then_{column}": self.value(column) for column in columns}
        return queryset.filter(created_at__lt=self.end).annotate(**values)

    def value(self, column):
        """Return what a column held, as an expression of its own type."""
        if self.model is Person and column in {"category_id", "is_lead"}:
            category = self._category()
            if column == "category_id":
                return Cast(category, Category._meta.pk.__class__())
            enabled = Category.objects.filter(lead_status_enabled=True).values_list("pk", flat=True)
            return _yes_or_no(category, [str(pk) for pk in enabled])
        try:
            field = self.model._meta.get_field(column)
        except FieldDoesNotExist:
            return F(column)
        if field.name not in self.model.history.fields:
            return F(column)
        text = Coalesce(self._first(self.record_type, field.name, "pk"), Cast(column, TextField()), output_field=TextField())
        if isinstance(field, BooleanField):
            return _yes_or_no(text, ["true", "t", "1"])
        kind = (
            TextField()
            if isinstance(field, CharField)
            else field.target_field.__class__()
            if field.is_relation
            else field.__class__()
        )
        return Cast(NullIf(text, Value(NONE)), kind)

    def _first(self, record_type, name, path):
        """Return the old value of a field's first change since, NONE where it was empty; NULL if there was none."""
        changes = Change.objects.filter(
            record_type=record_type, record_id=OuterRef(path), field=name, op="u", id__gte=self.from_id,
            change_set__at__gte=self.end,
        )  # fmt: skip
        return Subquery(
            changes.order_by("id").annotate(was=Coalesce("old", Value(NONE), output_field=TextField())).values("was")[:1]
        )

    def _category(self):
        """Return the effective category of a person: their own if it has changed since, else that of the company (R4)."""
        own, companys = self._first("person", "category", "pk"), self._first("company", "category", "company_id")
        return Coalesce(own, companys, Cast("category_id", TextField()), output_field=TextField())


def _yes_or_no(text, yes):
    return Case(When(In(text, yes or [NONE]), then=Value(True)), default=Value(False), output_field=BooleanField())


def rewritten(q, columns):
    """Return a condition that asks what these columns held then."""
    names = {column: f"_then_{column}" for column in columns} | {
        column.removesuffix("_id"): f"_then_{column}" for column in columns
    }
    made = Q(_connector=q.connector, _negated=q.negated)
    for child in q.children:
        if isinstance(child, Q):
            made.children.append(rewritten(child, columns))
        else:
            name, _separator, lookup = child[0].partition("__")
            made.children.append((f"{names.get(name, name)}{'__' + lookup if lookup else ''}", child[1]))
    return made
