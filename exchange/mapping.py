"""What each column of a file becomes: guessed from its name and values, then chosen by the user.

A mapping is JSON:
- `columns`: name of a column -> target, empty to leave it out;
- `category`: id of the category of new companies, and of persons without a company;
- `values`: target -> folded value of the file -> id of what it becomes, *create*, *me* (owners), or empty to leave it out;
- `policy`: what happens to records that are here already: *gaps* fills what is empty, *overwrite* takes the file's values;
- `sources`: target -> what the system is called whose ids a column holds; by default the column's own name;
- `partial`: import the good rows although others have errors.

A mapping written by hand may give names instead of ids.
"""

import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _

from crm import records
from crm.models import User
from crm.text import fold
from leads import lifecycle
from leads.models import Category, Industry, LeadStatus, Source

#: Targets of a row beside the fields of the record itself.
EXTERNAL_ID = "external_id"
COMPANY_ID = "company.external_id"
CREATE, ME, NOTHING = "create", "me", ""
#: The targets whose values are matched with items of a list, or with users.
LISTS: dict[str, Any] = {"lead_status": LeadStatus, "source": Source, "industry": Industry, "company.industry": Industry,
                         "category": Category, "owner": User}  # fmt: skip
#: The lists to which an import may add; a status or a category is more than a name.
GROWING = (User, Source, Industry)
PERSON_TARGETS = ("first_name", "last_name", "title", "email", "phone", "mobile", "lead_status", "owner", "source",
                  "former_employee")  # fmt: skip
COMPANY_TARGETS = ("name", "number", "category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country",
                   "industry", "stop", "no_mailings")  # fmt: skip
OF_COMPANY = ("name", "number", "email", "phone", "website", "street", "postal_code", "city", "country", "industry")
#: Names that columns go by, beside the catalogue's own labels in both languages; as `key_of` gives them.
_OF_COMPANIES = {
    "number": ["companynumber", "customernumber", "customerno", "kundennummer", "firmennummer", "kundennr"],
    "website": ["web", "url", "homepage", "webseite", "internet", "companywebsite", "domain"],
    "industry": ["branche", "gicssector", "sector"],
    "city": ["ort", "stadt", "town", "headquarterslocation", "headquarters", "billingcity", "mailingcity"],
    "country": ["land", "billingcountry", "mailingcountry", "staat"],
    "postal_code": ["zip", "zipcode", "plz", "postcode", "billingcode", "billingzip"],
    "street": ["address", "strasse", "adresse", "billingstreet", "strassehausnummer", "anschrift"],
}
_OWNER = ["owner", "leadowner", "contactowner", "accountowner", "recordowner", "betreuer", "assignedto", "ownername", "zustandig"]
SYNONYMS: dict[str, dict[str, list[str]]] = {
    "person": {
        "last_name": ["surname", "familyname", "nachname", "name", "lastname"],
        "first_name": ["givenname", "forename", "vorname", "firstname"],
        "title": ["jobtitle", "position", "funktion", "designation", "role", "titel"],
        "email": ["mail", "emailaddress", "emailadresse", "mailadresse", "email1", "emailid"],
        "phone": ["telephone", "telefon", "phonenumber", "tel", "telefonnummer", "businessphone"],
        "mobile": ["mobilephone", "cell", "cellphone", "mobil", "handy", "mobiltelefon", "mobilenumber"],
        "lead_status": ["status", "leadstate"],
        "owner": _OWNER,
        "source": ["leadsource", "quelle", "leadquelle", "herkunft", "contactsource"],
        "former_employee": ["formeremployee", "ehemalig"],
        "company.name": ["company", "companyname", "account", "accountname", "organization", "organisation", "firma", "unternehmen",
                         "employer", "firmenname"],
        COMPANY_ID: ["accountid", "companyid", "firmenid", "organizationid", "organisationid"],
        **{f"company.{name}": words for name, words in _OF_COMPANIES.items()},
    },
    "company": {
        "name": ["accountname", "company", "companyname", "security", "firma", "organization", "organisation", "unternehmen",
                 "account", "firmenname"],
        "category": ["accounttype", "type", "typ", "companytype"],
        "owner": _OWNER,
        "phone": ["telephone", "telefon", "phonenumber", "tel", "telefonnummer"],
        "email": ["mail", "emailaddress", "emailadresse"],
        "no_mailings": ["nomailings", "keinemailings", "emailoptout"],
        **_OF_COMPANIES,
        "number": [*_OF_COMPANIES["number"], "number", "nummer", "symbol", "accountnumber"],
    },
}  # fmt: skip
_IDS = {"person": {"id", "leadid", "contactid", "personid", "recordid", "externalid"},
        "company": {"id", "accountid", "companyid", "recordid", "externalid", "organizationid", "organisationid", "firmenid"}}  # fmt: skip
#: Words in a lead status of another system -> our kind; the first that is found decides.
_STATUS_WORDS = [
    ("not contacted", "open"), ("nicht kontaktiert", "open"), ("disqual", "disqualified"), ("unqual", "disqualified"),
    ("not qualified", "disqualified"), ("junk", "disqualified"), ("lost", "disqualified"), ("verloren", "disqualified"),
    ("qualif", "qualified"), ("future", "nurture"), ("nurture", "nurture"), ("later", "nurture"), ("spater", "nurture"),
    ("attempt", "working"), ("contact", "working"), ("working", "working"), ("kontakt", "working"), ("progress", "working"),
    ("new", "open"), ("neu", "open"), ("open", "open"), ("offen", "open"),
]  # fmt: skip
_CATEGORY_WORDS = {"former": "Former customer", "ehemalig": "Former customer", "prospect": "Lead", "interessent": "Lead",
                   "customer": "Customer", "kunde": "Customer", "partner": "Partner", "vendor": "Supplier", "supplier": "Supplier",
                   "lieferant": "Supplier", "competitor": "Other", "wettbewerb": "Other"}  # fmt: skip


def targets(record_type) -> list[tuple[str, str]]:
    """Return (target, label) of all a column can become."""
    catalogue = records.get(record_type).fields
    own = PERSON_TARGETS if record_type == "person" else COMPANY_TARGETS
    offered = [(name, str(catalogue[name].label)) for name in own]
    if record_type == "person":
        of_company = records.get("company").fields
        offered += [(f"company.{name}", _("Company: %(field)s") % {"field": of_company[name].label}) for name in OF_COMPANY]
        offered.append((COMPANY_ID, _("Company: id in another system")))
    return [*offered, (EXTERNAL_ID, _("Id in another system"))]


def key_of(name) -> str:
    """Return a column's name as letters and digits alone; of an id it is the source as well.

    >>> key_of("Straße / Hausnr."), key_of("LEAD ID")
    ('strassehausnr', 'leadid')
    """
    return re.sub(r"[^a-z0-9]", "", fold(name))


def needed(record_type) -> str:
    """Return the target without which there is no record."""
    return "last_name" if record_type == "person" else "name"


def source_of(mapping, target) -> str:
    """Return what the system is called whose ids this target holds."""
    named = str(mapping.get("sources", {}).get(target) or "").strip()
    column = next((name for name, becomes in mapping["columns"].items() if becomes == target), "")
    return (fold(named) or key_of(column) or fold(column))[:60]


def guess(record_type, head, category=None) -> dict:
    """Return the mapping the page offers and the command uses: columns by their names, values by theirs later."""
    words = {}
    for language in ("de", "en"):
        with translation.override(language):
            words |= {key_of(label): target for target, label in targets(record_type)}
    words |= {word: target for target, known in SYNONYMS[record_type].items() for word in known}
    if record_type == "person":
        # A person's file names fields of the company plainly: *Website*, *City*.
        words = {**_company_words(), **words}
    words |= dict.fromkeys(_IDS[record_type], EXTERNAL_ID)
    columns: dict[str, str] = {}
    for name in head:
        target = words.get(key_of(name), "")
        columns[name] = target if target not in columns.values() else ""
    category = category or lifecycle.default_category()
    return {"columns": columns, "category": category.pk, "values": {}, "policy": "gaps", "sources": {}, "partial": False}


def _company_words() -> dict[str, str]:
    """Return the names of the company's fields, in both languages -> the target in a file of persons."""
    catalogue, words = records.get("company").fields, {}
    for language in ("de", "en"):
        with translation.override(language):
            for name in OF_COMPANY:
                words |= {key_of(str(catalogue[name].label)): f"company.{name}", key_of(name): f"company.{name}"}
    return words


# --- Values of lists --------------------------------------------------------------------------------------------------


def guess_values(mapping, found: dict[str, Iterable[str]], by, unlisted=()) -> dict:
    """Return the mapping with a guess for every value that has none yet; `found` maps a target to the file's values.

    Nothing is created for the `unlisted` targets: of a column with hundreds of values nobody has looked at each.
    """
    values = {target: dict(chosen) for target, chosen in mapping.get("values", {}).items()}
    for target, texts in found.items():
        chosen, known = values.setdefault(target, {}), None
        for text in texts:
            if (key := fold(text)) not in chosen:
                known = _known(target) if known is None else known
                chosen[key] = known.get(key) or _guess_value(target, key, by, target not in unlisted)
    return {**mapping, "values": values}


def _known(target) -> dict[str, int]:
    model = LISTS[target]
    if model is User:
        users = User.objects.filter(is_active=True).order_by("-pk")
        return {key: user.pk for user in users for key in (user.name_key, fold(user.username), fold(user.email))}
    items = model.objects.selectable().order_by("-rank", "-pk")
    return {fold(name): item.pk for item in items for name in (item.name_de, item.name_en)}


def _guess_value(target, text, by, listed):
    create = listed and by.role.administers
    if target == "owner":
        return CREATE if create else ME
    if target == "lead_status":
        kind = next((kind for word, kind in _STATUS_WORDS if word in text), "open")
        status = LeadStatus.objects.selectable().filter(kind=kind).first()
        return status.pk if status else lifecycle.default_status().pk
    if target == "category":
        name = next((name for word, name in _CATEGORY_WORDS.items() if word in text), "")
        item = Category.objects.selectable().filter(name_en=name).first()
        return item.pk if item else NOTHING
    return CREATE if create else NOTHING


def options(target, by) -> list[tuple[str, str]]:
    """Return (value, label) of all that a value of this list can become."""
    model = LISTS[target]
    offered = [(NOTHING, {"owner": _("nobody"), "lead_status": _("the default status"), "category": _("the category of the file")}.get(
        target, _("leave empty")))]  # fmt: skip
    if model is User:
        offered.append((ME, _("me (%(name)s)") % {"name": by.name}))
    if by.role.administers and model in GROWING:
        offered.append((CREATE, _("create a user") if model is User else _("add to the list")))
    if model is User:
        return [*offered, *((str(user.pk), user.name) for user in User.objects.filter(is_active=True).order_by("name_key"))]
    return [*offered, *((str(item.pk), item.name) for item in model.objects.selectable())]


# --- Checking ---------------------------------------------------------------------------------------------------------


def check(record_type, mapping, head, by) -> dict:
    """Return the mapping, whole and with ids; raise ValidationError where it names what is not there."""
    if not isinstance(mapping, dict) or not isinstance(mapping.get("columns"), dict):
        raise ValidationError(_("This is no mapping."))
    columns = _columns(record_type, mapping["columns"], head)
    policy = mapping.get("policy") or "gaps"
    if policy not in {"gaps", "overwrite"}:
        raise ValidationError(_("Choose what happens to records that are here already."))
    sources = mapping.get("sources") or {}
    if not isinstance(sources, dict) or not all(isinstance(name, str) and len(name) <= 60 for name in sources.values()):
        raise ValidationError(_("The name of the other system is too long."))
    return {
        "columns": columns,
        "category": _category(mapping.get("category")).pk,
        "values": _values(mapping.get("values") or {}, by),
        "policy": policy,
        "sources": {target: name.replace("\x00", "") for target, name in sources.items() if target in {EXTERNAL_ID, COMPANY_ID}},
        "partial": mapping.get("partial") is True,
    }


def _columns(record_type, given, head):
    labels = dict(targets(record_type))
    columns = {name: given.get(name) or "" for name in head}
    if unknown := sorted(str(target) for target in columns.values() if target and target not in labels):
        raise ValidationError(_("A column cannot become “%(target)s”.") % {"target": unknown[0][:60]})
    if absent := sorted(str(name) for name in given if name not in columns and given[name]):
        raise ValidationError(_("The file has no column “%(name)s”.") % {"name": absent[0][:100]})
    chosen = [target for target in columns.values() if target]
    if twice := [target for target in labels if chosen.count(target) > 1]:
        raise ValidationError(_("Two columns become “%(target)s”; choose one.") % {"target": labels[twice[0]]})
    if needed(record_type) not in chosen:
        raise ValidationError(_("One column has to become “%(target)s”.") % {"target": labels[needed(record_type)]})
    return columns


def _category(given) -> Category:
    items = list(Category.objects.selectable())
    for item in items:
        if given == item.pk and not isinstance(given, bool):
            return item
    named = [item for item in items if isinstance(given, str) and fold(given) in {fold(item.name_en), fold(item.name_de)}]
    if not named:
        raise ValidationError(_("Choose the category of new companies."))
    return named[0]


def _values(given, by) -> dict[str, dict[str, int | str]]:
    """Return the chosen values by folded text, as ids; what does not exist (any more), or may not be, is refused."""
    if not isinstance(given, dict) or not all(isinstance(chosen, dict) for chosen in given.values()):
        raise ValidationError(_("This is no mapping."))
    values: dict[str, dict[str, int | str]] = {}
    for target, chosen in given.items():
        if target not in LISTS:
            raise ValidationError(_("A column cannot become “%(target)s”.") % {"target": str(target)[:60]})
        names = _known(target)
        ids = set(names.values())
        values[target] = {}
        for text, value in chosen.items():
            if isinstance(value, str) and value not in {CREATE, ME, NOTHING}:
                value = int(value) if value.isdecimal() and len(value) < 19 else names.get(fold(value))
            allowed = value in ids if isinstance(value, int) and not isinstance(value, bool) else (
                value == NOTHING or (value == ME and target == "owner")
                or (value == CREATE and LISTS[target] in GROWING and by.role.administers)
            )  # fmt: skip
            if not allowed:
                raise ValidationError(_("What “%(text)s” was to become cannot be chosen.") % {"text": str(text)[:60]})
            values[target][fold(text)] = value
    return values
