"""Currencies: which there are, and what an amount is worth in the base currency (docs/decisions/0014)."""

import datetime
from bisect import bisect_right
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import get_currency_name, is_currency
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from sales.models import MOST_CENTS, ExchangeRate


def is_code(text) -> bool:
    """Tell whether this is the ISO code of a currency."""
    return isinstance(text, str) and len(text) == 3 and text.isupper() and is_currency(text)


def name_of(code) -> str:
    return get_currency_name(code, locale=get_language() or "en")


class Rates:
    """All exchange rates, read once.

    An amount is converted by the rate of the day its sale closed or, until then, is expected to; the latest one known on that
    day counts, before all of them the first. So what a sale is worth depends on nothing but the sale and the table.
    """

    def __init__(self):
        by_currency = defaultdict(list)
        rows = ExchangeRate.objects.filter(deleted_at=None).order_by("valid_from")
        for currency, valid_from, rate in rows.values_list("currency", "valid_from", "rate"):
            by_currency[currency].append((valid_from, rate))
        self.by_currency = dict(by_currency)

    def __eq__(self, other):
        return isinstance(other, Rates) and self.by_currency == other.by_currency

    __hash__ = None

    @property
    def currencies(self) -> list[str]:
        """The currencies a sale can have, the base currency first."""
        return [settings.BASE_CURRENCY, *sorted(self.by_currency.keys() - {settings.BASE_CURRENCY})]

    def rate(self, currency, day: datetime.date) -> Decimal | None:
        if currency == settings.BASE_CURRENCY:
            return Decimal(1)
        rates = self.by_currency.get(currency)
        if not rates:
            return None
        return rates[max(0, bisect_right([valid_from for valid_from, _rate in rates], day) - 1)][1]

    def cents(self, amount: Decimal, currency, day) -> int:
        """Return what an amount is worth, in cents of the base currency. Raise ValidationError for one that cannot be counted."""
        rate = self.rate(currency, day)
        if rate is None:
            known = ", ".join(self.currencies)
            raise ValidationError(
                {
                    "currency": _(
                        "There is no exchange rate for this currency; an administrator adds one in the admin site. Known are: %(known)s."
                    )
                    % {"known": known}
                }
            )
        cents = int((amount * rate * 100).quantize(Decimal(1), ROUND_HALF_UP))
        if cents > MOST_CENTS:
            raise ValidationError({"amount": _("This amount is too large.")})
        return cents


def weighted(cents: int, status, probability: int) -> int:
    """Return what an amount counts with its chance: a won sale counts wholly, a lost one not at all."""
    percent = {"won": 100, "lost": 0}.get(status, probability)
    return int((Decimal(cents) * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
