"""Every change to the table of exchange rates, by administrators; the sales in that currency are converted anew with it."""

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import access
from crm.history.changes import AT_ONCE, Conflict, Outcome
from crm.jobs import Failed, job
from leads import actions as leads
from leads import list_items
from sales import lifecycle, money
from sales.models import ExchangeRate, Sale

FIELDS = ("currency", "valid_from", "rate")


def create_rate(values, *, by, via, progress=None) -> ExchangeRate:
    """Add what a currency is worth from a day on. Raise ValidationError by field."""
    access.require(by, "administers")
    leads.known(FIELDS, values)
    rate = ExchangeRate(**values)
    _clean(rate)

    def begin(change_set, outcome):
        rate.save(force_insert=True)
        _tell(change_set, rate)
        outcome.changed = 1

    _run("create", begin, [rate.currency], by, via, progress)
    return rate


def edit_rate(rate, values, *, by, via, version=None, was=None, progress=None) -> Outcome:
    """Change one rate; `version` and `was` as in leads.actions.edit."""
    access.require(by, "administers")
    leads.known(FIELDS, values)
    currencies = {rate.currency, values.get("currency", rate.currency)}

    def begin(change_set, outcome):
        nonlocal values
        current = _locked(rate)
        if version is not None and version != current.version:
            values = leads.check_stale(current, values, was)
        changed = {name: value for name, value in values.items() if getattr(current, name) != value}
        for name, value in changed.items():
            setattr(current, name, value)
        _clean(current)
        if changed:
            ExchangeRate.objects.filter(pk=current.pk).update(
                **{name: getattr(current, name) for name in changed}, **current.edited()
            )
            _tell(change_set, current)
            _still_known(rate.currency)
            outcome.changed = 1

    return _run("edit", begin, currencies, by, via, progress)


def delete_rate(rate, *, by, via, progress=None) -> Outcome:
    """Take a rate away, unless it is the last one of a currency that sales have."""
    access.require(by, "administers")

    def begin(change_set, outcome):
        current = _locked(rate)
        ExchangeRate.objects.filter(pk=current.pk).update(deleted_at=timezone.now(), **current.edited())
        _tell(change_set, current)
        _still_known(current.currency)
        outcome.changed = 1

    return _run("delete", begin, [rate.currency], by, via, progress)


def sales_in(currencies):
    return Sale.objects.filter(currency__in=set(currencies))


def is_large(currencies) -> bool:
    """Tell whether a change of these currencies' rates converts more sales than a page should wait for."""
    return sales_in(currencies)[: AT_ONCE + 1].count() > AT_ONCE


def _run(what, begin, currencies, by, via, progress):
    def ids():
        return list(sales_in(currencies).order_by("pk").values_list("pk", flat=True))

    return list_items.run(begin, [(ids, lambda some: len(lifecycle.refresh(some)))], large=is_large(currencies), progress=progress,
                          action=f"exchange_rate.{what}", by=by, via=via)  # fmt: skip


def _locked(rate):
    current = ExchangeRate.objects.select_for_update().filter(pk=rate.pk, deleted_at=None).first()
    if current is None:
        raise Conflict(rate)
    return current


def _tell(change_set, rate):
    change_set.params = {"name": f"{rate.currency} {rate.valid_from.isoformat()}"}
    change_set.save(update_fields=["params"])


def _clean(rate):
    positive = rate.rate is None or rate.rate > 0
    rate.clean_fields(exclude=["deleted_at"] if positive else ["deleted_at", "rate"])
    errors = {}
    if not positive:  # the column's validator would name its smallest value
        errors["rate"] = _("Enter a number greater than 0.")
    if not money.is_code(rate.currency):
        errors["currency"] = _("There is no currency of this code.")
    elif rate.currency == money.Rates().currencies[0]:
        errors["currency"] = _("This is the base currency: one unit is worth one.")
    if (
        ExchangeRate.objects.filter(currency=rate.currency, valid_from=rate.valid_from, deleted_at=None)
        .exclude(pk=rate.pk)
        .exists()
    ):
        errors["valid_from"] = _("There is already a rate for this currency and day.")
    if not 1900 < rate.valid_from.year < 9000:
        errors["valid_from"] = _("Enter a date, for example 2026-01-31.")
    if errors:
        raise ValidationError(errors)


def _still_known(currency):
    rates = ExchangeRate.objects.filter(currency=currency, deleted_at=None)
    if not rates.exists() and Sale.objects.filter(currency=currency).exists():
        raise ValidationError({"currency": _("There are sales in this currency; it needs a rate.")})


# --- In the background ------------------------------------------------------------------------------------------------


def enqueue_change(what, pk, values, *, by, currency, version=None, was=None):
    """Let a job do what the action of this name does; return the job. See list_items.enqueue_one."""
    return list_items.enqueue_one(change_in_background, by=by, title=lambda: _("Exchange rates: %(currency)s") % {"currency": currency},
                                  unique_key=f"exchange-rate:{currency}", what=what, pk=pk, values=_plain(values), version=version,
                                  was=_plain(was) if was else None)  # fmt: skip


def _plain(values):
    return {name: None if value is None else str(value) for name, value in values.items()}


def _typed(values):
    return {name: ExchangeRate._meta.get_field(name).to_python(value) for name, value in values.items()}


@job
def change_in_background(job, *, what, pk, values, version=None, was=None):
    how = {"by": job.owner, "via": "admin", "progress": job.progress}
    result = {"text": gettext_lazy("The exchange rates were changed."), "url": reverse("admin:sales_exchangerate_changelist")}
    if what == "create":
        create_rate(_typed(values), **how)
        return result
    rate = ExchangeRate.objects.get(pk=pk)
    try:
        if what == "edit":
            outcome = edit_rate(rate, _typed(values), version=version, was=_typed(was) if was else None, **how)
        else:
            outcome = delete_rate(rate, **how)
    except Conflict as error:
        raise Failed(error) from error
    return result | ({"undo": outcome.change_set.pk} if outcome.change_set else {})
