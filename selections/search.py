"""What selections are found by in the global search (W7)."""

from crm import search
from crm.text import fold
from selections.models import RecordKind, Selection


@search.described_by("selection")
def describe_selections(ids):
    rows = Selection.objects.filter(pk__in=ids).values_list("pk", "name_key", "description")
    return {pk: (f"{name} {fold(description)[:400]}".strip(), name) for pk, name, description in rows}


@search.shown_by("selection")
def show_selections(ids):
    rows = Selection.objects.filter(pk__in=ids).values_list("pk", "name", "kind", "record_type")
    kinds, types = dict(Selection.Kind.choices), dict(RecordKind.choices)
    return {pk: (name, f"{kinds[kind]} · {types[record_type]}") for pk, name, kind, record_type in rows}
