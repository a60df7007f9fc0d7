"""What each column of a file becomes: guessed from its name and values, then chosen by the user.

A mapping is JSON: `columns` (name of a column -> target, empty to leave it out), `category` (id, for new companies and for persons
without one), `values` (target -> folded value of the file -> id, *create*, *me* or empty), `policy` (*gaps* fills what is empty,
*overwrite* takes the file's values), `partial` (import the good rows although others failed).
"""

import re
from collections import defaultdict

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import records
from crm.models import User
from crm.text import fold
from leads import lifecycle
from leads.models import Category, Industry, LeadStatus, Source

#: Targets of a row beside the fields of the record itself.
EXTERNAL_ID = "external_id"
COMPANY_ID = "company.external_id"
LISTS = {"lead_status": LeadStatus, "source": Source, "industry": Industry, "company.industry": Industry, "category": Category,
         "owner": User}  # fmt: skip
PERSON_TARGETS = (
    "first_name",
    "last_name",
    "title",
    "email",
    "phone",
    "mobile",
    "lead_status",
    "owner",
    "source",
    "former_employee",
)
COMPANY_TARGETS = ("name", "number", "category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country",
                   "industry", "stop", "no_mailings")  # fmt: skip
OF_COMPANY = ("name", "number", "phone", "website", "street", "postal_code", "city", "country", "industry")
#: Names columns go by, beside the catalogue's own labels; folded, letters and digits only.
SYNONYMS = {
    "last_name": ["lastname", "surname", "familyname", "nachname", "name"],
    "first_name": ["firstname", "givenname", "vorname"],
    "title": ["jobtitle", "position", "funktion", "designation", "titel"],
    "email": ["email", "mail", "emailaddress", "emailadresse"],
    "phone": ["phone", "telephone", "telefon", "phonenumber", "tel"],
    "mobile": ["mobile", "mobilephone", "cell", "mobil", "handy"],
    "lead_status": ["leadstatus", "status"],
    "owner": ["owner", "leadowner", "contactowner", "accountowner", "betreuer", "assignedto"],
    "source": ["leadsource", "source", "quelle", "leadquelle"],
    "former_employee": ["formeremployee"],
    "company.name": ["company", "companyname", "account", "accountname", "organization", "organisation", "firma", "unternehmen"],
    "company.website": ["website", "web", "url", "homepage", "internet"],
    "company.industry": ["industry", "branche"],
    "company.city": ["city", "ort", "stadt"], "company.country": ["country", "land"],
    "company.postal_code": ["postalcode", "zip", "plz", "postleitzahl"], "company.street": ["street", "address", "strasse", "adresse"],
    COMPANY_ID: ["accountid", "companyid", "firmenid"],
}  # fmt: skip
COMPANY_SYNONYMS = {
    "name": ["name", "accountname", "company", "companyname", "security", "firma", "organization", "organisation"],
    "number": ["number", "nummer", "customernumber", "kundennummer", "symbol"], "category": ["category", "accounttype", "kategorie", "type"],
    "industry": ["industry", "branche", "gicssector", "sector"], "city": ["city", "ort", "stadt", "headquarterslocation", "headquarters"],
    "website": ["website", "web", "url", "homepage"], "owner": ["owner", "accountowner", "betreuer"], "phone": ["phone", "telefon"],
    "email": ["email", "mail"], "street": ["street", "strasse", "address"], "postal_code": ["postalcode", "zip", "plz"],
    "country": ["country", "land"], "stop": ["stop"], "no_mailings": ["nomailings"],
}  # fmt: skip
#: Words in a lead status of another system -> our kind; the first that is found decides.
STATUS_WORDS = [
    ("not contacted", "open"), ("nicht kontaktiert", "open"), ("disqual", "disqualified"), ("unqual", "disqualified"), ("junk", "disqualified"),
    ("lost", "disqualified"), ("verloren", "disqualified"), ("qualif", "qualified"), ("future", "nurture"), ("nurture", "nurture"),
    ("later", "nurture"), ("attempt", "working"), ("contact", "working"), ("working", "working"), ("kontakt", "working"), ("new", "open"),
    ("neu", "open"), ("open", "open"), ("offen", "open"),
]  # fmt: skip
CATEGORY_WORDS = {"prospect": "Lead", "interessent": "Lead", "customer": "Customer", "kunde": "Customer", "partner": "Partner",
                  "vendor": "Supplier", "supplier": "Supplier", "competitor": "Other"}  # fmt: skip


def targets(record_type):
    """Return (target, label) of all a column can become."""
    catalogue = records.get(record_type).fields
    own = PERSON_TARGETS if record_type == "person" else COMPANY_TARGETS
    offered = [(name, str(catalogue[name].label)) for name in own]
    if record_type == "person":
        of_company = records.get("company").fields
        offered += [(f"company.{name}", _("Company: %(field)s") % {"field": of_company[name].label}) for name in OF_COMPANY]
        offered.append((COMPANY_ID, _("Company: its id in the other system")))
    return [*offered, (EXTERNAL_ID, _("Id in the other system"))]


def key_of(name):
    """Return a column's name as letters and digits alone; of an id it is the source as well."""
    return re.sub(r"[^a-z0-9]", "", fold(name))


def guess(record_type, head, category=None):
    """Return the mapping the page offers and the command uses: columns by their names, values by theirs later."""
    synonyms = SYNONYMS if record_type == "person" else COMPANY_SYNONYMS
    labels = {key_of(label): target for target, label in targets(record_type)}
    named = {word: target for target, words in synonyms.items() for word in words}
    columns, taken = {}, set()
    for name in head:
        key = key_of(name)
        target = named.get(key) or labels.get(key) or ""
        if not target and key in {"id", "leadid", "contactid", "personid", "recordid", f"{record_type}id"}:
            target = EXTERNAL_ID
        if record_type == "company" and key in {"accountid", "companyid"}:
            target = EXTERNAL_ID
        columns[name] = target if target and target not in taken else ""
        taken.add(target)
    category = category or lifecycle.default_category()
    return {"columns": columns, "category": category.pk, "values": {}, "policy": "gaps", "partial": False}


def guess_values(mapping, found, by):
    """Return the mapping with a guess for every value of a list column that has none yet; `found` maps target -> values."""
    values = {target: dict(chosen) for target, chosen in mapping.get("values", {}).items()}
    for target, texts in found.items():
        chosen = values.setdefault(target, {})
        known = _known(target)
        for text in texts:
            if fold(text) not in chosen:
                chosen[fold(text)] = known.get(fold(text)) or _guess_value(target, fold(text), by)
    return {**mapping, "values": values}


def _known(target):
    model = LISTS[target]
    if model is User:
        users = User.objects.filter(is_active=True)
        return {key: user.pk for user in users for key in (user.name_key, fold(user.username), fold(user.email))}
    return {fold(name): item.pk for item in model.objects.filter(deleted_at=None) for name in (item.name_de, item.name_en)}


def _guess_value(target, text, by):
    if target == "owner":
        return "create" if by.role.administers else "me"
    if target == "lead_status":
        kind = next((kind for word, kind in STATUS_WORDS if word in text), "open")
        status = LeadStatus.objects.filter(deleted_at=None, kind=kind).order_by("rank").first()
        return status.pk if status else lifecycle.default_status().pk
    if target == "category":
        name = next((name for word, name in CATEGORY_WORDS.items() if word in text), "")
        item = Category.objects.filter(deleted_at=None, name_en=name).first()
        return item.pk if item else ""
    return "create" if by.role.administers else ""


def check(record_type, mapping, head):
    """Return the mapping, whole; raise ValidationError where it names what is not there."""
    known = {target for target, _label in targets(record_type)}
    columns = {name: mapping.get("columns", {}).get(name, "") for name in head}
    if unknown := {target for target in columns.values() if target} - known:
        raise ValidationError(_("A column cannot become “%(target)s”.") % {"target": sorted(unknown)[0][:60]})
    counts: dict[str, int] = defaultdict(int)
    for target in columns.values():
        counts[target] += bool(target)
    if twice := [target for target, count in counts.items() if count > 1]:
        raise ValidationError(
            _("Two columns become “%(target)s”; choose one.") % {"target": dict(targets(record_type))[twice[0]]}
        )
    needed = "last_name" if record_type == "person" else "name"
    if needed not in columns.values():
        raise ValidationError(_("One column has to become “%(target)s”.") % {"target": dict(targets(record_type))[needed]})
    category = (
        Category.objects.filter(pk=mapping.get("category"), deleted_at=None).first()
        if str(mapping.get("category", "")).isdecimal()
        else None
    )
    if category is None:
        raise ValidationError(_("Choose the category for new companies."))
    policy = mapping.get("policy", "gaps")
    if policy not in {"gaps", "overwrite"}:
        raise ValidationError(_("This is no valid choice."))
    values = mapping.get("values", {})
    if not isinstance(values, dict) or not all(isinstance(chosen, dict) for chosen in values.values()):
        raise ValidationError(_("This is no valid choice."))
    return {
        "columns": columns,
        "category": category.pk,
        "values": values,
        "policy": policy,
        "partial": bool(mapping.get("partial")),
    }
