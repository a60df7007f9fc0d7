"""Amounts, currencies and dates as other systems write them: read exactly, or refused in words (U3)."""

import datetime
import zoneinfo
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from exchange import values

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("$22,700.00", "22700", "USD"), ("22.700,00 €", "22700", "EUR"), ("€ 22.700", "22700", "EUR"), ("22,700", "22700", ""),
        ("1234.5", "1234.50", ""), ("1234,56", "1234.56", ""), ("0,5", "0.5", ""), ("0", "0", ""), ("12.345.678,90", "12345678.90", ""),
        ("12,345,678.9", "12345678.9", ""), ("CHF 1'234.50", "1234.50", "CHF"), ("1\u202f234,50 EUR", "1234.50", "EUR"),
        ("1 234", "1234", ""), ("US$ 5", "5", "USD"), ("£99.99", "99.99", "GBP"), ("1.200,- €", "1200", "EUR"), ("7 usd", "7", "USD"),
        ("1234.500", "1234.50", ""), ("99999999999.99", "99999999999.99", ""), ("1.234,000", "1234", ""),
    ],
)  # fmt: skip
def test_amounts_are_read_to_the_cent(text, amount, currency):
    assert values.money(text) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-5", "not negative"), ("(5.00)", "not negative"), ("$-22,700.00", "not negative"), ("5-", "not negative"), ("−5 €", "not negative"),
        ("1.2345", "two decimals"), ("0.001", "two decimals"), ("abc", "no amount"), ("1e5", "no amount"), ("12,34,56", "no amount"),
        ("1.23.456", "no amount"), ("1,234.567,89", "no amount"), ("5 kr", "“kr” is not known"), ("5 XYZ", "“XYZ” is not known"),
        ("€5$", "no amount"), ("٥", "no amount"), ("5" * 80, "no amount"), ("5 \x00", "not known"), ("NaN", "no amount"), ("∞", "no amount"),
        ("1'23", "no amount"), ("=5+5", "no amount"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text, message):
    with pytest.raises(ValidationError, match=message):
        values.money(text)


def test_a_number_of_a_spreadsheet_has_a_point_and_no_thousands():
    assert values.money("1.5", plain=True)[0] == Decimal("1.5")
    with pytest.raises(ValidationError, match="two decimals"):
        values.money("1.234", plain=True)


@pytest.mark.parametrize(
    ("text", "day", "time"),
    [
        ("15 Apr, 2021 00:02:00", "2021-04-15", "2021-04-14T22:02"), ("2021-04-15 23:03:00", "2021-04-15", "2021-04-15T21:03"),
        ("2021-04-15", "2021-04-15", None), ("2021-04-15 00:00:00", "2021-04-15", None), ("15.04.2021", "2021-04-15", None),
        ("15.4.21 14:30", "2021-04-15", "2021-04-15T12:30"), ("15. April 2021", "2021-04-15", None), ("3. März 2022", "2022-03-03", None),
        ("12 Dez 2022", "2022-12-12", None), ("Apr 15, 2021", "2021-04-15", None), ("April 15th, 2021 3:05 PM", "2021-04-15", "2021-04-15T13:05"),
        ("2021-04-15T23:30:00Z", "2021-04-16", "2021-04-15T23:30"), ("2021-04-15T23:30:00.000+02:00", "2021-04-15", "2021-04-15T21:30"),
        ("2021/04/15", "2021-04-15", None), ("Thu, 15 Apr 2021", "2021-04-15", None), ("04/04/2021", "2021-04-04", None),
        ("12:30", None, None), ("31.02.2021", None, None), ("2021-13-01", None, None), ("15 Foo 2021", None, None), ("0021-01-01", None, None),
        ("soon", None, None), ("45000", None, None), ("2021-04-15 25:00", None, None), ("٢٠٢١-٠٤-١٥", None, None), ("04/05/2021", None, None),
        ("2021-04-15 13:00 PM", None, None), ("9999-12-31", None, None), ("2021-04-15 10:00 +99:00", None, None), ("1" * 100, None, None),
    ],
)  # fmt: skip
def test_dates_are_read_as_they_come_or_refused(text, day, time):
    if day is None:
        with pytest.raises(ValidationError, match="date"):
            values.moment(text, BERLIN)
        return
    found, at = values.moment(text, BERLIN)
    assert (found.isoformat(), at and at.isoformat(timespec="minutes")[:16]) == (day, time)


def test_the_other_dates_of_a_column_say_what_comes_first():
    assert values.day_comes_first(["3/4/2021", "31/12/2021"]) is True
    assert values.day_comes_first(["3/4/2021", "12/31/2021"]) is False
    assert values.day_comes_first(["3/4/2021", ""]) is values.day_comes_first(["31/12/2021", "12/31/2021"]) is None
    assert values.moment("3/4/2021", BERLIN, True)[0] == datetime.date(2021, 4, 3)
    assert values.moment("3/4/2021", BERLIN, False)[0] == datetime.date(2021, 3, 4)


def test_a_currency_has_a_code_or_a_sign():
    assert [values.currency(text) for text in ("eur", " USD ", "€", "Fr.")] == ["EUR", "USD", "EUR", "CHF"]
    with pytest.raises(ValidationError, match="not known"):
        values.currency("Taler")
