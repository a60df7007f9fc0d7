"""What the cells of other systems say: amounts with their currency, days and times, countries. Raises ValidationError in words."""

import datetime
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache

from babel.dates import get_month_names
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _
from django_countries import countries

from crm.text import fold
from sales.money import is_code

YES = {"1", "yes", "true", "ja", "y", "j", "x", "wahr", "on"}
NO = {"0", "no", "false", "nein", "n", "falsch", "off"}
#: Signs that mean one currency; a dollar of another country has a letter before it.
SIGNS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "A$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD",
         "HK$": "HKD", "S$": "SGD", "R$": "BRL", "FR.": "CHF", "SFR.": "CHF", "EURO": "EUR", "₺": "TRY", "₽": "RUB", "₩": "KRW", "₴": "UAH",
         "ZŁ": "PLN", "KČ": "CZK"}  # fmt: skip
_AMOUNT = re.compile(r"([^0-9]*)([0-9](?:[0-9.,'’\s]*[0-9])?)([^0-9]*)")
_MINUS = "-−–("


def yes_or_no(text) -> bool:
    if (folded := fold(text)) not in YES | NO:
        raise ValidationError(_("Answer yes or no."))
    return folded in YES


def currency(text) -> str:
    """Return the code of a currency from its code or sign.

    >>> currency("$"), currency("eur")
    ('USD', 'EUR')
    """
    code = text.strip().upper()
    code = SIGNS.get(code, code)
    if not is_code(code):
        raise ValidationError(
            _("The currency “%(text)s” is not known. Write its code, like EUR or USD.") % {"text": text.strip()[:20]}
        )
    return code


def money(text, *, plain=False) -> tuple[Decimal, str]:
    """Return an amount, exact to the cent, and the code of the currency that stands beside it, if one does.

    Where one point or comma is followed by three digits it parts thousands, unless it is a `plain` number of a spreadsheet.

    >>> money("$22,700.00"), money("22.700,00 €"), money("CHF 1'200")
    ((Decimal('22700.00'), 'USD'), (Decimal('22700.00'), 'EUR'), (Decimal('1200'), 'CHF'))
    """
    match = _AMOUNT.fullmatch(text) if len(text) <= 60 else None
    if match is None:
        raise _no_amount(text)
    before, digits, after = match.groups()
    after = re.sub(r"^[.,][-–]+", "", after)  # as in *1.200,- €*
    if any(sign in before + after for sign in _MINUS):
        raise ValidationError(_("An amount is not negative."))
    signs = [part for part in (before.strip(), after.strip()) if part]
    if len(signs) > 1:
        raise _no_amount(text)
    return _decimal(digits, text, plain), currency(signs[0]) if signs else ""


def _no_amount(text):
    return ValidationError(_("“%(text)s” is no amount. Write it like 1234.56.") % {"text": text[:60]})


def _decimal(digits, text, plain):
    digits = re.sub(r"[’\s]", "'", digits)
    marks = [mark for mark in digits if mark in ".,"]
    point = ""
    if len(set(marks)) == 2 or (
        len(marks) == 1 and (plain or "'" in digits or not re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", digits))
    ):
        point = marks[-1]
    whole, _point, cents = digits.rpartition(point) if point else (digits, "", "")
    # Thousands are parted by one kind of mark, in threes.
    if (
        not re.fullmatch(r"[0-9]+|[0-9]{1,3}(?:([.,'])[0-9]{3})(?:\1[0-9]{3})*", whole)
        or (point and point in whole)
        or "'" in cents
    ):
        raise _no_amount(text)
    if len(cents.rstrip("0")) > 2:
        raise ValidationError(_("An amount has at most two decimals."))
    return Decimal(f"{re.sub(r'[^0-9]', '', whole)}.{cents[:2] or '0'}") if cents else Decimal(re.sub(r"[^0-9]", "", whole))


# --- Days and times ---------------------------------------------------------------------------------------------------

_TIME = re.compile(
    r"(?:^|[T ])(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$", re.ASCII
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})", re.ASCII)
_EITHER = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", re.ASCII)
_DAY_MONTH = re.compile(r"(?:[^\W\d]+,?\s+)?(\d{1,2})\.?[ -]([^\W\d]+)\.?,?[ -](\d{4})")
_MONTH_DAY = re.compile(r"([^\W\d]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")


@cache
def _months() -> dict[str, int]:
    names = {"sept": 9, "maerz": 3, "mrz": 3}
    for language in ("de", "en"):
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                found = get_month_names(width, context, language)
                names |= {fold(name).rstrip("."): number for number, name in found.items()}
    return names


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Tell from all dates of a column whether 3/4/2026 is in April; None where none of them says so, or they say both."""
    first = second = False
    for text in texts:
        if match := _EITHER.match(text):
            first, second = first or int(match[1]) > 12, second or int(match[2]) > 12
    return first if first != second else None


def moment(text, zone, day_first=None) -> tuple[datetime.date, datetime.datetime | None]:
    """Return the day that a text says, and the moment where it says a time as well; midnight is the day alone.

    >>> moment("15 Apr, 2021 00:02:00", datetime.UTC)[1].isoformat()
    '2021-04-15T00:02:00+00:00'
    """
    text = " ".join(text.split())
    time = _TIME.search(text) if len(text) <= 60 else None
    day_text = text[: time.start()].rstrip(", ") if time else text
    day = _day(day_text, text, day_first)
    if time is None:
        return day, None
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    if half := (time[4] or "").lower().replace(".", ""):
        hour = hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else 99
    if (hour, minute, second) == (0, 0, 0) and not time[5]:
        return day, None
    try:
        at = datetime.datetime.combine(day, datetime.time(hour, minute, second), _offset(time[5]) or zone)
    except ValueError as error:
        raise _no_date(text) from error
    return at.astimezone(zone).date(), at.astimezone(datetime.UTC)


def _day(text, whole, day_first) -> datetime.date:
    months = _months()
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = map(int, match.groups())
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = map(int, match.groups())
        year += 2000 if len(match[3]) == 2 else 0
    elif (match := _DAY_MONTH.fullmatch(text)) and fold(match[2]) in months:
        day, month, year = int(match[1]), months[fold(match[2])], int(match[3])
    elif (match := _MONTH_DAY.fullmatch(text)) and fold(match[1]) in months:
        day, month, year = int(match[2]), months[fold(match[1])], int(match[3])
    elif match := _EITHER.fullmatch(text):
        day, month, year = int(match[1]), int(match[2]), int(match[3])
        if day_first is None and day != month:
            raise ValidationError(_("“%(text)s” can be read as two dates. Write dates like 2026-01-31.") % {"text": whole[:60]})
        if not day_first:
            day, month = month, day
    else:
        raise _no_date(whole)
    try:
        found = datetime.date(year, month, day)
    except ValueError as error:
        raise _no_date(whole) from error
    if not 1900 < found.year < 9000:
        raise _no_date(whole)
    return found


def _offset(text):
    if not text:
        return None
    if text in {"Z", "UTC"}:
        return datetime.UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    return datetime.timezone((1 if text[0] == "+" else -1) * datetime.timedelta(hours=hours, minutes=minutes))


def _no_date(text):
    return ValidationError(_("“%(text)s” is no date. Write dates like 2026-01-31.") % {"text": text[:60]})


# --- Countries --------------------------------------------------------------------------------------------------------


def country_names() -> dict[str, str]:
    """Return folded name or code -> code, in both languages."""
    names = {code.lower(): code for code, _name in countries}
    for language in ("de", "en"):
        with translation.override(language):
            names |= {fold(str(name)): code for code, name in countries}
    return names | {"usa": "US", "uk": "GB", "grossbritannien": "GB", "great britain": "GB", "england": "GB"}
