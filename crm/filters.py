"""The API's filters: a FilterSet made from a record type's catalogue, compiled by crm.criteria (settled 22)."""

from functools import cache

import django_filters
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.filters import BaseFilterBackend

from crm import criteria, records
from crm.api_schema import parameter
from crm.fields import OPERATORS, Asking
from crm.search import matching

#: What a query string may hold beside filters.
RESERVED = {"page", "page_size", "ordering", "search", "format", "criteria"}


class CatalogueFilterSet(django_filters.FilterSet):
    """Filters of one record type: `field` and `field__operator` for every operator of every filterable field."""

    record = None
    base_filters: dict[str, django_filters.Filter]

    def __init__(self, data=None, *args, **kwargs):
        # django-filter copies every filter for each request, and there are hundreds; a request asks by a few.
        self.base_filters = {name: one for name, one in self.base_filters.items() if name in (data or {})}
        super().__init__(data, *args, **kwargs)

    def is_valid(self):
        """Raise a 400 that names every parameter that is unknown or makes no sense; none is ever ignored."""
        asking = Asking(self.request.user)
        self.lines, errors = criteria.from_query(self.record, self.data, asking, ignore=RESERVED)
        if errors:
            raise exceptions.ValidationError({name[:100]: [message] for name, message in errors.items()})
        self.asking = asking
        return True

    @property
    def qs(self):
        self.is_valid()
        try:
            return self.queryset.filter(criteria.to_q(self.lines, self.asking))
        except ValidationError as error:
            raise exceptions.ValidationError({"detail": error.messages}) from error

    def filter_queryset(self, queryset):
        return self.qs


def parameters_of(record):
    """Return the name of every filter of a record type: (field, operator)."""
    return {
        described.param if operator == described.default_operator else f"{described.param}__{operator}": (described, operator)
        for described in record.fields.values()
        if described.filter
        for operator in described.operators
    }


@cache
def filterset_for(record):
    """Return the FilterSet class of a record type; its labels are put into words when they are read."""
    filters = {
        name: django_filters.CharFilter(label=format_lazy("{} {}", described.label, OPERATORS[operator]))
        for name, (described, operator) in parameters_of(record).items()
    }
    return type(f"{record.name.title()}FilterSet", (CatalogueFilterSet,), {**filters, "record": record})


def found(queryset, record, tree, user):
    """Return the records of the queryset for which criteria hold; raise CriteriaError."""
    return queryset.filter(criteria.condition(record, tree, Asking(user)))


def refused(error, name):
    """Return the 400 that tells every place of criteria that is wrong, as in `criteria.all[2].value`."""
    return exceptions.ValidationError({f"{name}.{place}".strip(".")[:200]: [message] for place, message in error.errors})


class CatalogueBackend(BaseFilterBackend):
    """Filters, search and order of a list of records, from the catalogue."""

    def filter_queryset(self, request, queryset, view):
        record = records.get(view.record_name)
        queryset = filterset_for(record)(request.query_params, queryset=queryset, request=request).qs
        if text := request.query_params.get("search"):
            queryset = queryset.filter(matching(record, text))
        if text := request.query_params.get("criteria"):
            try:
                queryset = found(queryset, record, criteria.loads(text), request.user)
            except criteria.CriteriaError as error:
                raise refused(error, "criteria") from error
        return queryset.order_by(*self.ordering(record, request.query_params.get("ordering")))

    @staticmethod
    def ordering(record, given):
        terms = []
        for name in [part.strip() for part in given.split(",")] if given else ["id"]:
            described = record.fields.get(name.removeprefix("-"))
            if name.removeprefix("-") != "id" and (described is None or not described.sort):
                raise exceptions.ValidationError(
                    {"ordering": [_("The list cannot be sorted by %(name)s.") % {"name": name[:60] or given[:60]}]}
                )
            path = "pk" if described is None else described.sort
            terms.append(f"-{path}" if name.startswith("-") else path)
        return [*terms, "pk"]

    def get_schema_operation_parameters(self, view):
        """Return the parameters as OpenAPI describes them."""
        record = records.get(view.record_name)
        sortable = ["id", *(name for name, described in record.fields.items() if described.sort)]
        labels = {name: str(one.label) for name, one in filterset_for(record).base_filters.items()}
        told = [
            {**parameter(name, described, operator), "description": labels[name]}
            for name, (described, operator) in parameters_of(record).items()
        ]
        order = {"type": "array", "items": {"type": "string", "enum": [*sortable, *(f"-{name}" for name in sortable)]}}
        text = {"name": "search", "in": "query", "required": False, "schema": {"type": "string"}}
        return [
            *told,
            {**text, "description": "Words that the record holds, or begin with"},
            {**text, "name": "criteria", "schema": {"type": "string", "maxLength": criteria.MAX_JSON},
             "description": "Criteria as JSON: a tree of lines, see the documentation"},
            {**text, "name": "ordering", "schema": order, "style": "form", "explode": False,
             "description": "The fields to sort by; with - the other way round"},
        ]  # fmt: skip
