"""What forms are found by in the global search (W7)."""

from capture.models import Form
from crm import search


@search.described_by("form")
def describe_forms(ids):
    return {pk: (name, name) for pk, name in Form.objects.filter(pk__in=ids).values_list("pk", "name_key")}


@search.shown_by("form")
def show_forms(ids):
    rows = Form.objects.filter(pk__in=ids).values_list("pk", "name", "title")
    return {pk: (name, title) for pk, name, title in rows}
