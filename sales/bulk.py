"""Writing many sales whose values were checked before, as an import does, batch by batch. Shaped like leads.bulk.

The caller checks permissions and values and has a change set open. What becomes of the sales is told to the rules by the caller,
once the last batch is written (`sales.automation.happened`).
"""

from crm import search
from crm.database import insert_many
from leads.actions import hold_companies
from leads.bulk import still_as_read, write
from sales import lifecycle
from sales.models import Sale, SaleStage
from sales.money import Rates


def create_sales(sales):
    """Create these sales; each has its company and stage, and what its status needs."""
    hold_companies({sale.company_id for sale in sales})
    counted = _fill(sales)
    insert_many(sales)
    ids = [sale.pk for sale in sales]
    if _counting() != counted:  # a stage's probability or a rate has changed since it was read
        lifecycle.refresh(ids)
    search.refresh("sale", ids)


def update_sales(changes):
    """Write the fields that were set on these sales: sale -> names of the fields."""
    changes = still_as_read(Sale, changes)
    _fill(changes)
    write(Sale, changes, {"name_key", "base_cents", "weighted_cents"})
    search.refresh("sale", [sale.pk for sale, names in changes.items() if names & {"name", "company"}])
    return changes


def _fill(sales):
    """Fill what these sales derive; return what it was counted with."""
    rates, probabilities = counted = _counting()
    for sale in sales:
        lifecycle.fill(sale, rates, probabilities[sale.stage_id])
    return counted


def _counting():
    """Return all that the worth and the weight of sales depend on, beside themselves."""
    return Rates(), dict(SaleStage.objects.values_list("pk", "probability"))
