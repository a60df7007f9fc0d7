"""What becomes of a sale sets rules off (R13): registered, won, lost. The rules themselves: leads.automation."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef

from crm.history.changes import chunks
from crm.history.models import Change
from leads import automation
from leads.automation import Cause, Event
from sales.models import Sale

CLOSED = {Sale.Status.WON: Event.SALE_WON, Sale.Status.LOST: Event.SALE_LOST}


def tell(sales: Iterable[Sale], *, by, via, outcome, registered=False):
    """Tell what an action did to these sales: it registered them, or gave them their status."""
    sales = list(sales)
    happened(
        {sale.company_id for sale in sales} if registered else set(),
        {sale.company_id for sale in sales if sale.status == Sale.Status.WON},
        {sale.company_id for sale in sales if sale.status == Sale.Status.LOST},
        by=by, via=via, outcome=outcome,
    )  # fmt: skip


def happened(registered: set[int], won: set[int], lost: set[int], *, by, via, outcome):
    """Tell at which companies sales were registered, won, or lost."""
    _happened(Event.SALE_REGISTERED, registered, by, via, outcome)
    _happened(Event.SALE_WON, won, by, via, outcome)
    _happened(Event.SALE_LOST, lost - _with_others(lost), by, via, outcome)


def _happened(event, companies, by, via, outcome):
    if companies:
        automation.happened(event, companies=companies, by=by, via=via, outcome=outcome)


def _with_others(companies) -> set[int]:
    """Return the companies that have a sale which is not lost: there *a sale is lost* says nothing of the company (settled 7)."""
    found: set[int] = set()
    for some in chunks(sorted(companies)):
        others = Sale.objects.filter(company__in=some, deleted_at=None).exclude(status=Sale.Status.LOST)
        found.update(others.values_list("company_id", flat=True))
    return found


# --- Whether a question still stands ------------------------------------------------------------------------------------


def _sales_there():
    return Sale.objects.filter(company=OuterRef("company"), deleted_at=None)


@automation.stands_while(Event.SALE_REGISTERED)
def has_a_sale():
    return Exists(_sales_there().exclude(status=Sale.Status.LOST))


@automation.stands_while(Event.SALE_WON)
def has_won():
    return Exists(_sales_there().filter(status=Sale.Status.WON))


@automation.stands_while(Event.SALE_LOST)
def has_lost_all():
    return ~Exists(_sales_there().exclude(status=Sale.Status.LOST)) & Exists(_sales_there())


# --- For trying a rule on what was -----------------------------------------------------------------------------------


@automation.past_of(Event.SALE_REGISTERED)
def registered_since(since):
    return _causes(Change.objects.filter(op="i", field=""), since)


@automation.past_of(Event.SALE_WON)
def won_since(since):
    return _causes(Change.objects.filter(field="status", new=Sale.Status.WON), since)


@automation.past_of(Event.SALE_LOST)
def lost_since(since):
    """As for the rule itself, a company counts only while it has no other sale that is not lost – today's view of it."""
    causes = list(_causes(Change.objects.filter(field="status", new=Sale.Status.LOST), since))
    kept = _with_others({cause.company for cause in causes})
    return (cause for cause in causes if cause.company not in kept)


def _causes(entries, since):
    rows = entries.filter(record_type="sale", change_set__at__gte=since, change_set__undone=False, change_set__undoes=None)
    for some in chunks(list(rows.values_list("id", "change_set__at", "record_id"))):
        companies = dict(Sale.objects.filter(pk__in=[pk for _id, _at, pk in some]).values_list("pk", "company_id"))
        for number, at, sale in some:
            if sale in companies:
                yield Cause(number, at, companies[sale])
