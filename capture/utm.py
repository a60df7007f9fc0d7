"""Links that tell where a visitor came from: the team's naming of what stands in them, and how they are put together (C4).

Values are written as the naming says while one types (`written`); what no writing can mend is told at the field (`wrong`).
"""

import csv
import re
import unicodedata
from dataclasses import dataclass, field
from io import StringIO
from urllib.parse import quote, unquote_plus, urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from capture.models import MAX_LINK, MAX_TARGET, CampaignLink, Naming, PersonOrigin, UtmMedium, UtmSource
from capture.touches import LENGTHS, PARAMS, UNSEEN
from crm.database import distinct, is_indexed
from crm.text import fold

MOST_VALUES = 300  # values of a touch by which lists are grouped and which are offered; those beyond stand with the rest
NEEDED = ("source", "medium", "campaign")
LISTS = {"source": UtmSource, "medium": UtmMedium}
WRITTEN_OUT = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe", "å": "aa", "ł": "l", "đ": "d"}
_OUT = str.maketrans(
    {**WRITTEN_OUT, **{big.upper(): out.capitalize() for big, out in WRITTEN_OUT.items() if len(big.upper()) == 1}}
)
_HOST = re.compile(r"([0-9a-f:.]*:[0-9a-f:.]*|localhost|[^\s./:@?#\[\]]+(\.[^\s./:@?#\[\]]+)+)", re.I)


def naming() -> Naming:
    """Return the team's naming; that of a new installation until an administrator has said otherwise."""
    return Naming.objects.first() or Naming(pk=1)


# --- Values ---------------------------------------------------------------------------------------------------------------


def written(text, rules) -> str:
    """Return a value as the naming writes it.

    >>> written(" Frühjahrs-Messe 2026! ", Naming())
    'fruehjahrs-messe-2026'
    """
    text = " ".join(UNSEEN.sub(" ", unicodedata.normalize("NFC", text)).split())
    if rules.umlauts:
        text = "".join(one for one in unicodedata.normalize("NFKD", text.translate(_OUT)) if not unicodedata.combining(one))
    if rules.lower_case:
        text = text.lower()
    if rules.plain:
        text = "".join(one if one.isalnum() or one in " -_." else " " for one in text)
    text = re.sub(r"\s+", rules.blank, text.strip())
    # A sign that was taken out between two blanks leaves no two of them.
    return re.sub(r"([-_.])\1+", r"\1", text).strip("-_.") if rules.plain else text


def spelling(value) -> str:
    """Return what values that differ in nothing but their spelling have in common: *Frühjahr 2026*, *fruehjahr_2026*."""
    return re.sub(r"[\s._+-]+", "-", fold(value.lower().translate(_OUT))).strip("-")


def joined(values) -> str:
    """Return several values as one text, as people type and read them: *linkedin, "halle 3, stand 5"*."""
    text = StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def split(text) -> list[str]:
    """Return the values of such a text; raise ValidationError."""
    try:
        return [one.strip() for one in next(csv.reader([text], skipinitialspace=True), [])]
    except csv.Error:
        raise ValidationError(_("Enter the values with commas between them.")) from None


# --- The target ------------------------------------------------------------------------------------------------------------


def clean_target(text) -> str:
    """Return the address of the page a link leads to; raise ValidationError. Without its beginning it gets https://."""
    text = text.strip()
    if not text:
        raise ValidationError(_("Enter the page the link leads to."))
    if re.search(r"[\s\x00-\x1f\x7f<>\"\\]", text):
        raise ValidationError(_("An address has no blanks or quotation marks. Copy it from the browser's address bar."))
    if not re.match(r"[a-z][a-z0-9+.-]*:(?!\d)", text, re.I):
        text = f"https://{text.lstrip('/')}"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError(_("This is no address of a page. Example: https://www.example.com/offer")) from None
    if parts.scheme not in {"http", "https"}:
        raise ValidationError(_("A link leads to a page: its address begins with https://."))
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("This address contains a user name or password. Take it out."))
    if not _HOST.fullmatch(host):
        raise ValidationError(_("This is no address of a page. Example: https://www.example.com/offer"))
    if len(text) > MAX_TARGET:
        raise ValidationError(_("This address is too long."))
    return text


def link_of(target, values) -> str:
    """Return the target with these values; its own query and fragment stay as they are, other values of the same name go."""
    address, hash_sign, fragment = target.partition("#")
    base, _mark, query = address.partition("?")
    given = {PARAMS[name]: value for name, value in values.items() if value}
    kept = [one for one in query.split("&") if one and unquote_plus(one.partition("=")[0]).lower() not in given]
    made = [f"{param}={quote(value, safe='')}" for param, value in given.items()]
    path = base if urlsplit(base).path else f"{base}/"
    return f"{path}?{'&'.join([*kept, *made])}{hash_sign}{fragment}"


def told_by(target) -> list[str]:
    """Return the names of the values that an address tells already."""
    query = target.partition("#")[0].partition("?")[2]
    there = {unquote_plus(one.partition("=")[0]).lower() for one in query.split("&")}
    return [name for name, param in PARAMS.items() if param in there]


# --- The whole ---------------------------------------------------------------------------------------------------------------


@dataclass
class Built:
    """What somebody has typed, as a link: `values` are written as the naming says, `hints` and `errors` stand at their fields; of
    those with errors `missing` are empty."""

    target: str = ""
    values: dict[str, str] = field(default_factory=dict)
    url: str = ""
    hints: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def build(given, known=None, campaigns=()) -> Built:
    """Return the link of what was typed. `known` are the values of the lists, `campaigns` those there are."""
    rules, built = naming(), Built()
    known = listed() if known is None else known
    try:
        built.target = clean_target(given.get("target", ""))
    except ValidationError as error:
        built.errors["target"] = error.messages
    for name in PARAMS:
        typed = given.get(name, "")
        value = built.values[name] = written(typed, rules)
        if message := _wrong(name, typed, value, rules, known):
            built.errors[name] = [message]
        elif hint := _hint(name, typed, value, known, campaigns):
            built.hints[name] = hint
    if replaced := [PARAMS[name] for name in told_by(built.target) if built.values[name]]:
        built.hints["target"] = _("Its own %(params)s is replaced.") % {"params": ", ".join(replaced)}
    if not built.errors:
        built.url = link_of(built.target, built.values)
        if len(built.url) > MAX_LINK:
            built.url, built.errors["target"] = "", [_("This link is too long. Shorten the address or the values.")]
    built.missing = [name for name in built.errors if not given.get(name, "").strip()]
    return built


def _wrong(name, typed, value, rules, known) -> str:
    """Return what makes a value impossible, in a sentence."""
    if not typed.strip():
        return _("This is required.") if name in NEEDED else ""
    if "@" in typed:
        return _("No e-mail addresses: everybody who gets the link can read them.")
    if not value:
        return _("None of these characters can be used in a link. Use letters and digits.")
    if len(value) > LENGTHS[name]:
        return _("At most %(count)s characters.") % {"count": LENGTHS[name]}
    if rules.plain and (strange := sorted({one for one in value if not (one.isascii() and one.isalnum()) and one not in "-_."})):
        return _("Letters from a to z and digits only, not %(signs)s.") % {"signs": " ".join(strange[:5])}
    if name in LISTS and rules.listed_only and value not in known[name]:
        return _("This is not in the team's list. Choose one of those offered.")
    return ""


def _hint(name, typed, value, known, campaigns) -> str:
    """Return what one should know of a value, in a sentence."""
    if not value:
        return ""
    others = campaigns if name == "campaign" else known.get(name, ())
    close = spelling(value).replace("-", "")
    alike = next((one for one in others if one != value and spelling(one).replace("-", "") == close), "")
    if alike and value not in others:
        return _("“%(alike)s” already exists. Did you mean that?") % {"alike": alike}
    if value != typed:
        return _("In the link: %(value)s") % {"value": value}
    if name in LISTS and known[name] and value not in known[name]:
        return _("New: not in the team's list.")
    return ""


def listed() -> dict[str, dict[str, str]]:
    """Return {source or medium: {value: its name}} of the team's lists, in their order."""
    return {name: {one.value: one.name for one in model.objects.selectable()} for name, model in LISTS.items()}


def values_of(model, column) -> list[str]:
    """Return the values there are in a column of a touch, at most `MOST_VALUES`."""
    if is_indexed(model, column):
        return [value for value in distinct(model, column) if value][:MOST_VALUES]
    found = model.objects.exclude(**{column: ""}).order_by(column).values_list(column, flat=True).distinct()
    return list(found[:MOST_VALUES])


def campaigns_known(user, most=MOST_VALUES) -> list[str]:
    """Return the campaigns there are, to be offered: those of links the user sees, the latest first, then those that brought leads."""
    links = CampaignLink.objects.visible_to(user).order_by("-pk").values_list("campaign", flat=True)[:most]
    return list(dict.fromkeys([*links, *values_of(PersonOrigin, "lead_campaign")]))[:most]
