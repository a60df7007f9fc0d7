"""What sales are found by in the global search (W7)."""

from crm import search
from crm.web import formats
from sales.models import Sale


@search.described_by("sale")
def describe_sales(ids):
    rows = Sale.objects.filter(pk__in=ids).values_list("pk", "name_key", "company__name_key")
    return {pk: (f"{name} {company}", name) for pk, name, company in rows}


@search.shown_by("sale")
def show_sales(ids):
    rows = Sale.objects.filter(pk__in=ids).values_list("pk", "name", "company__name", "status", "amount", "currency")
    labels = dict(Sale.Status.choices)
    return {
        pk: (name, " · ".join([company, str(labels[status]), formats.money(amount, currency)]))
        for pk, name, company, status, amount, currency in rows
    }
