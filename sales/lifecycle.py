"""What a sale's row derives from others: its worth in the base currency, its weight, its key and search text. Written only here."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import search
from crm.database import update_many
from crm.history.changes import chunks
from crm.history.hooks import built_on_by, derived_by, guarded_by, weighed_by
from crm.history.models import Change
from crm.history.writing_back import value_of
from crm.text import fold
from leads import list_items
from leads.lifecycle import belongs_to_company, follows_name
from sales.models import ExchangeRate, Sale, SaleStage
from sales.money import Rates, weighted

_COPIES = ("name_key", "base_cents", "weighted_cents")


def fill(sale, rates, probability):
    """Fill what a sale's row derives. Raise ValidationError if its amount cannot be converted."""
    sale.name_key = fold(sale.name)
    sale.base_cents = rates.cents(sale.amount, sale.currency, sale.closed_on or sale.expected_on or sale.created_at.date())
    sale.weighted_cents = weighted(sale.base_cents, sale.status, probability)


def refresh(ids) -> list[int]:
    """Write the copies of these sales anew where they differ; return the ids of those that did."""
    rates, probabilities = Rates(), dict(SaleStage.objects.values_list("pk", "probability"))
    wrong = []
    for chunk in chunks(sorted(ids)):
        changed = []
        for sale in Sale.objects.filter(pk__in=chunk):
            before = [getattr(sale, name) for name in _COPIES]
            fill(sale, rates, probabilities[sale.stage_id])
            if before != [getattr(sale, name) for name in _COPIES]:
                changed.append(sale)
        rows = [(sale.pk, *(getattr(sale, name) for name in _COPIES)) for sale in changed]
        update_many(Sale, rows, _COPIES, edited=False)
        wrong += [sale.pk for sale in changed]
    return wrong


def drift() -> list[int]:
    """Return the ids of sales whose copies are not what they should be; there should be none."""
    rates, probabilities = Rates(), dict(SaleStage.objects.values_list("pk", "probability"))
    wrong = []
    for sale in Sale.objects.order_by("pk").iterator(2_000):
        before = [getattr(sale, name) for name in _COPIES]
        fill(sale, rates, probabilities[sale.stage_id])
        if before != [getattr(sale, name) for name in _COPIES]:
            wrong.append(sale.pk)
    return wrong


# --- Following a stage ------------------------------------------------------------------------------------------------


def sales_at(stage) -> list[int]:
    return list(Sale.objects.filter(stage=stage).order_by("pk").values_list("pk", flat=True))


list_items.follows(list_items.Follow(
    SaleStage, "probability", lambda stage: Sale.objects.filter(stage=stage).count(), sales_at, lambda stage, ids: len(refresh(ids)), refresh,
))  # fmt: skip


@derived_by("sale_stage")
def derive_by_stage(ids):
    """Weigh the sales of these stages anew, after an undo in the list."""
    refresh(list(Sale.objects.filter(stage__in=ids).values_list("pk", flat=True)))


@derived_by("exchange_rate")
def derive_by_rate(ids):
    """Convert the sales of these currencies anew, after an undo in the table."""
    currencies = ExchangeRate.objects.filter(pk__in=ids).values_list("currency", flat=True)
    refresh(list(Sale.objects.filter(currency__in=set(currencies)).values_list("pk", flat=True)))


@weighed_by
def sales_weighed_anew(change_sets):
    """Count the sales whose copies an undo of a probability or a rate rewrites."""
    changed = Change.objects.filter(change_set__in=change_sets)
    stages = changed.filter(record_type="sale_stage", field="probability", op="u").values("record_id")
    rates = ExchangeRate.objects.filter(pk__in=changed.filter(record_type="exchange_rate").values("record_id"))
    count = Sale.objects.filter(stage__in=stages).count()
    return count + Sale.objects.filter(currency__in=rates.values("currency")).count()


# --- Undo -------------------------------------------------------------------------------------------------------------


@derived_by("sale")
def derive_sales(ids):
    refresh(ids)
    for chunk in chunks(sorted(ids)):
        search.refresh("sale", chunk)


belongs_to_company(Sale, gettext_lazy("There are sales of this company."))


@built_on_by("person")
def persons_with_sales(ids, change_sets):
    own = Change.objects.filter(change_set__in=change_sets, record_type="sale", op="i", field="").values("record_id")
    others = Sale.objects.filter(person__in=ids, deleted_at=None).exclude(pk__in=own)
    return dict.fromkeys(others.values_list("person_id", flat=True), _("There are sales that name this person."))


@guarded_by("sale")
def status_stays_whole(plans):
    """Leave sales that would come out with a status and not what belongs to it, or with an amount that cannot be converted."""
    plan, rates, left = plans["sale"], Rates(), {}
    names = ("status", "closed_on", "reason", "reopen_on", "amount", "currency", "expected_on")
    becoming = {name: (Sale._meta.get_field(name), plan.becomes(name)) for name in names}
    ids = sorted({pk for _field, texts in becoming.values() for pk in texts})
    for sale in (one for some in chunks(ids) for one in Sale.objects.filter(pk__in=some)):
        for field, texts in becoming.values():
            if sale.pk in texts:
                setattr(sale, field.attname, value_of(field, texts[sale.pk]))
        whole = (
            sale.is_closed == (sale.closed_on is not None)
            and (sale.reason_id is not None if sale.status == Sale.Status.LOST else sale.is_closed or sale.reason_id is None)
            and (sale.reopen_on is None or sale.status == Sale.Status.STALLED)
        )
        if not whole:
            left[sale.pk] = _("What belongs to its status was changed again later.")
            continue
        try:
            fill(sale, rates, probability=0)
        except ValidationError as error:
            left[sale.pk] = " ".join(error.messages)
    return left


@guarded_by("exchange_rate")
def sales_need_a_rate(plans):
    """Leave rates whose undo would take the last one of a currency that sales have, or put two on one day."""
    plan = plans["exchange_rate"]
    rates = {rate.pk: rate for rate in ExchangeRate.objects.all()}
    deleted = plan.becomes("deleted_at")
    days, currencies = plan.becomes("valid_from"), plan.becomes("currency")
    left: dict[int, str] = {}
    live: dict[int, tuple[str, str]] = {}
    for pk, rate in rates.items():
        if pk not in plan.created and (not deleted[pk] if pk in deleted else rate.deleted_at is None):
            live[pk] = (currencies.get(pk, rate.currency), str(days.get(pk, rate.valid_from)))
    used = set(Sale.objects.values_list("currency", flat=True).distinct())
    known = {currency for currency, _day in live.values()}
    for pk in (plan.records() | plan.created) & rates.keys():
        if rates[pk].currency in used - known:
            left[pk] = _("There are sales in this currency.")
        elif pk in live and sum(other == live[pk] for other in live.values()) > 1:
            left[pk] = _("There is another rate of this day.")
    return left


# --- Following a company's name ---------------------------------------------------------------------------------------


@follows_name
def sales_of_renamed(company_ids):
    for chunk in chunks(sorted(company_ids)):
        search.refresh("sale", list(Sale.objects.filter(company__in=chunk).values_list("pk", flat=True)))
