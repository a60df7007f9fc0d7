"""Dates, times and numbers as the user reads them: in their language and zone, near days by name (interface: *Numbers and dates*)."""

import datetime
import re
from functools import lru_cache

from babel import Locale, numbers
from django.conf import settings
from django.utils import formats, timezone, translation
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

#: Django's format letters: a date with its year, and without.
WITH_YEAR = {"de": "j. N Y", "en": "j M Y"}
WITHOUT_YEAR = {"de": "j. N", "en": "j M"}
WITH_WEEKDAY = {"de": "l, j. F", "en": "l, j F"}
SHORT_DAY = {"de": "D., j. N", "en": "D, j M"}
NEAR_DAY = {"de": "D.", "en": "D"}


def local(moment):
    return timezone.localtime(moment) if isinstance(moment, datetime.datetime) and timezone.is_aware(moment) else moment


@lru_cache(4_096)
def _written(day, pattern, language):
    """Return a day as this pattern writes it; `language` is the one in use. A list writes the same days again and again."""
    return formats.date_format(day, pattern)


def date(value):
    """Return a date in words of the language, e.g. *15. Jan. 2027*."""
    if value is None:
        return ""
    value, language = local(value), get_language()
    day = value.date() if isinstance(value, datetime.datetime) else value
    return _written(day, WITH_YEAR.get(language, "Y-m-d"), language)


def date_without_year(day):
    """Return a day in words without its year, e.g. *15. Jan.*"""
    language = get_language()
    return _written(day, WITHOUT_YEAR.get(language, "Y-m-d"), language)


def in_language(language, format, value):
    """Return the value as this format writes it in another language."""
    with translation.override(language):
        return format(value)


def in_languages(said):
    """Return what a function says, or a lazy text reads, in each language of Lotse: kept, it is told to everyone in their own."""
    return {
        language: in_language(language, lambda text: str(text() if callable(text) else text), said)
        for language, _name in settings.LANGUAGES
    }


def in_own(words):
    """Return of what in_languages has kept what the reader understands; a plain text, as older rows have, stays as it is."""
    return words if isinstance(words, str) else words.get(get_language()) or words.get("en", "")


def moment(value):
    """Return a moment with its time, exact to the minute."""
    if value is None:
        return ""
    value = local(value)
    return f"{date(value)}, {value:%H:%M}"


def exact(value):
    """Return a day or a moment as it is, whether near or not."""
    return moment(value) if isinstance(value, datetime.datetime) else date(value)


def weekday(day):
    """Return a day with the name of its weekday, as *Wednesday, 25 November*."""
    return formats.date_format(day, WITH_WEEKDAY.get(get_language(), "l, Y-m-d"))


def clock(value):
    """Return the time of day of a moment: *10:32*."""
    return f"{local(value):%H:%M}"


def month(day):
    """Return the month of a day with its year: *Nov 2026*."""
    return formats.date_format(day, "N Y" if get_language() == "de" else "M Y")


def short_day(day):
    """Return a day short, with its weekday: *Thu, 26 Nov*."""
    return formats.date_format(day, SHORT_DAY.get(get_language(), "D, Y-m-d"))


def near(value, all_day=False):
    """Return a moment as people say it: *today, 14:00*, *yesterday*, *Fri, 09:00* (*Fr., 09:00*), *15 Jan*, else with the year."""
    if value is None:
        return ""
    value = local(value)
    today = timezone.localdate()
    day = value.date() if isinstance(value, datetime.datetime) else value
    days = (day - today).days
    if days in {-1, 0, 1}:
        text = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}[days]
    elif 1 < days < 7:
        language = get_language()
        text = _written(day, NEAR_DAY.get(language, "D"), language)
    elif day.year == today.year:
        text = date_without_year(day)
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
    # Most numbers of a page are small, and need neither separators nor the time it takes to find out.
    if type(value) is int and 0 <= value < 1_000:
        return str(value)
    return formats.number_format(value, use_l10n=True, force_grouping=True)


@lru_cache
def _percent_pattern(language):
    return Locale.parse(language).percent_formats[None].pattern


def percent(value):
    """Return so many percent, with the decimals they come with: *63%*, *63 %*."""
    return _percent_pattern(get_language() or "en").replace("#,##0", number(value)) if value is not None else ""


def money(amount, currency, *, aligned=False):
    """Return an amount with its currency, the cents only where there are some: *1.250 €*, *$99.50*.

    Where amounts stand below one another (`aligned`) all have their cents, so that digits of one worth are in one line: *1.250,00 €*.
    """
    if amount is None:
        return ""
    language = get_language() or "en"
    pattern = Locale.parse(language).currency_formats["standard"].pattern
    if numbers.get_currency_symbol(currency, language) == currency:
        pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
    if amount == amount.to_integral_value() and not (aligned and numbers.get_currency_precision(currency)):
        pattern = pattern.replace(".00", "")
    return numbers.format_currency(amount, currency, pattern, locale=language, currency_digits=False)


def in_sentence(label):
    """Return a label as it stands within a sentence: German nouns keep their capital."""
    label = str(label)
    return label if get_language() == "de" else label[:1].lower() + label[1:]


#: What is taken for a web address in a text; what ends a sentence does not belong to it.
_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_AFTER_ADDRESS = ".,;:!?"


def linked(text):
    """Return a plain text for a page: escaped, with its web addresses as links.

    >>> str(linked("<b> see www.example.com."))
    '&lt;b&gt; see <a href="https://www.example.com" target="_blank" rel="noopener noreferrer">www.example.com</a>.'
    """
    parts, end = [], 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(_AFTER_ADDRESS)
        if address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(_AFTER_ADDRESS)
        parts.append(conditional_escape(text[end : found.start()]))
        link = '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
        parts.append(format_html(link, domain(address), address))
        end = found.start() + len(address)
    return mark_safe("".join([*parts, conditional_escape(text[end:])]))  # noqa: S308 (each part is escaped)


def first_line(text):
    return (text or "").strip().split("\n", 1)[0]


def domain(website):
    """Return a link's address for a stored web address; it always begins with http."""
    return website if website.lower().startswith(("http://", "https://")) else f"https://{website}"


def dialled(number):
    """Return a phone number as it is dialled: with a country's code the (0) is left out."""
    plain, extension = re.fullmatch(r"(.*?)(?: ?(?:x|ext\.?) ?(\d+))?", number.strip(), re.DOTALL).groups()
    if plain.startswith(("+", "00")):
        plain = re.sub(r"\(\s*0\s*\)", "", plain)
    return re.sub(r"(?<!^)\+|[^\d+]", "", plain) + (f";ext={extension}" if extension else "")
