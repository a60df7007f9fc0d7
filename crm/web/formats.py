"""Dates, times and numbers as the user reads them: in their language and zone, near days by name (interface: *Numbers and dates*)."""

import datetime

from babel import Locale, numbers
from django.utils import formats, timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

#: Django's format letters: a date with its year, and without.
WITH_YEAR = {"de": "j. N Y", "en": "j M Y"}
WITHOUT_YEAR = {"de": "j. N", "en": "j M"}


def local(moment):
    return timezone.localtime(moment) if isinstance(moment, datetime.datetime) and timezone.is_aware(moment) else moment


def date(value):
    """Return a date in words of the language, e.g. *15. Jan. 2027*."""
    if value is None:
        return ""
    return formats.date_format(local(value), WITH_YEAR.get(get_language(), "Y-m-d"))


def moment(value):
    """Return a moment with its time, exact to the minute."""
    if value is None:
        return ""
    value = local(value)
    return f"{date(value)}, {value:%H:%M}"


def near(value, all_day=False):
    """Return a moment as people say it: *today, 14:00*, *yesterday*, *Fri, 09:00*, *15 Jan*, else with the year."""
    if value is None:
        return ""
    value = local(value)
    today = timezone.localdate()
    day = value.date() if isinstance(value, datetime.datetime) else value
    days = (day - today).days
    if days in {-1, 0, 1}:
        text = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}[days]
    elif 1 < days < 7:
        text = formats.date_format(day, "D")
    elif day.year == today.year:
        text = formats.date_format(day, WITHOUT_YEAR.get(get_language(), "Y-m-d"))
        all_day = all_day or abs(days) > 7
    else:
        return date(value)
    if isinstance(value, datetime.datetime) and not all_day:
        text += f", {value:%H:%M}"
    return text


def day_count(since):
    """Return for how many days something has been so, short: *4 d*."""
    if since is None:
        return ""
    days = max(0, (timezone.localdate() - local(since).date()).days)
    return ngettext("%(days)s d", "%(days)s d", days) % {"days": number(days)}


def number(value):
    """Return a number with the language's separators."""
    if value is None:
        return ""
    return formats.number_format(value, use_l10n=True, force_grouping=True)


def money(amount, currency):
    """Return an amount with its currency, the cents only where there are some: *1.250 €*, *$99.50*."""
    if amount is None:
        return ""
    language = get_language() or "en"
    pattern = Locale.parse(language).currency_formats["standard"].pattern
    if numbers.get_currency_symbol(currency, language) == currency:
        pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
    if amount == amount.to_integral_value():
        pattern = pattern.replace(".00", "")
    return numbers.format_currency(amount, currency, pattern, locale=language, currency_digits=False)


def in_sentence(label):
    """Return a label as it stands within a sentence: German nouns keep their capital."""
    label = str(label)
    return label if get_language() == "de" else label[:1].lower() + label[1:]


def first_line(text):
    return (text or "").strip().split("\n", 1)[0]


def domain(website):
    """Return a link's address for a stored web address; it always begins with http."""
    return website if website.lower().startswith(("http://", "https://")) else f"https://{website}"
