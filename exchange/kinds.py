"""What a row of a file can be: which fields, links and ids each record type takes, and what columns of them are called elsewhere."""

from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from activities.models import Activity
from crm.models import User
from leads.models import Category, Company, Industry, LeadStatus, Person, Source
from sales.models import Sale, SaleReason, SaleStage, SaleType

#: Targets of a row beside the fields of the record itself: its own id, and what it names by an id, an address or a name.
EXTERNAL_ID = "external_id"
COMPANY_ID, COMPANY_NAME = "company.external_id", "company.name"
PERSON_ID, LEAD_ID, PERSON_EMAIL = "person.external_id", "lead.external_id", "person.email"
SALE_ID = "sale.external_id"
LINK_LABELS = {
    COMPANY_ID: _("Company: id in another system"), PERSON_ID: _("Person: id in another system"), LEAD_ID: _("Person: id as a lead"),
    PERSON_EMAIL: _("Person: e-mail"), SALE_ID: _("Sale: id in another system"), EXTERNAL_ID: _("Id in another system"),
}  # fmt: skip
#: The targets that hold ids of another system, each of which has a name (`mapping["sources"]`).
IDS = (EXTERNAL_ID, COMPANY_ID, PERSON_ID, LEAD_ID, SALE_ID)


class Done(models.TextChoices):
    """What a follow-up's status in another system comes to."""

    YES = "done", _("Done")
    NO = "open", _("Open")


#: What a stage of another system can become beside a stage of ours.
CLOSED_STAGES = {Sale.Status.WON: _("Won: the sale is closed"), Sale.Status.LOST: _("Lost: the sale is closed")}
#: The targets whose values are matched with items of a list, with users, or with what the code fixes.
LISTS: dict[str, Any] = {
    "lead_status": LeadStatus, "source": Source, "industry": Industry, "company.industry": Industry, "category": Category, "owner": User,
    "stage": SaleStage, "type": SaleType, "reason": SaleReason, "status": Sale.Status, "kind": Activity.Kind,
    "priority": Activity.Priority, "done": Done,
}  # fmt: skip
#: The lists to which an import may add; a status, a stage or a category is more than a name.
GROWING = (User, Source, Industry, SaleType, SaleReason)


@dataclass(frozen=True)
class Kind:
    """One kind of row."""

    name: str
    model: type[models.Model]
    label: Any
    fields: tuple[str, ...]
    needed: str
    synonyms: dict[str, list[str]]
    #: What the record's own id is called.
    ids: frozenset[str]
    #: Fields of its company that a row may bring along.
    of_company: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    #: New companies, or persons without one, may come with it: the mapping says in which category.
    brings_companies: bool = True
    #: How the counts of the report begin.
    plural: str = field(default="", kw_only=True)

    @property
    def targets(self):
        return (*self.fields, *(f"company.{name}" for name in self.of_company), *self.links, EXTERNAL_ID)


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
_OWNER = ["owner", "leadowner", "contactowner", "accountowner", "recordowner", "betreuer", "assignedto", "ownername", "zustandig",
          "potentialowner", "dealowner", "opportunityowner", "taskowner", "callowner", "eventowner", "activityowner", "hostname",
          "salesrep", "verkaufer"]  # fmt: skip
_COMPANY_NAMES = [
    "company",
    "companyname",
    "account",
    "accountname",
    "organization",
    "organisation",
    "firma",
    "unternehmen",
    "firmenname",
]
_COMPANY_IDS = ["accountid", "companyid", "firmenid", "organizationid", "organisationid"]
_SALE_IDS = ["potentialid", "dealid", "opportunityid", "saleid", "verkaufsid"]
_SOURCE = ["leadsource", "quelle", "leadquelle", "herkunft"]
_CREATED = ["createdtime", "createdat", "createdon", "createddate", "creationdate", "createdate", "erstellt", "erstelltam", "angelegt",
            "angelegtam", "erstellungsdatum"]  # fmt: skip
_LINKS = {
    COMPANY_NAME: _COMPANY_NAMES,
    COMPANY_ID: _COMPANY_IDS,
    PERSON_ID: ["contactid", "personid", "kontaktid"],
    LEAD_ID: ["leadid"],
    PERSON_EMAIL: ["email", "emailaddress", "emailadresse", "mail", "contactemail", "personemail"],
}
OF_COMPANY = ("name", "number", "email", "phone", "website", "street", "postal_code", "city", "country", "industry")

PERSON = Kind(
    "person", Person, _("Persons, with their companies"),
    ("first_name", "last_name", "title", "email", "phone", "mobile", "lead_status", "owner", "source", "former_employee"), "last_name",
    {
        "last_name": ["surname", "familyname", "nachname", "name", "lastname"],
        "first_name": ["givenname", "forename", "vorname", "firstname"],
        "title": ["title", "jobtitle", "position", "funktion", "designation", "role", "titel"],
        "email": ["mail", "emailaddress", "emailadresse", "mailadresse", "email1", "emailid"],
        "phone": ["telephone", "telefon", "phonenumber", "tel", "telefonnummer", "businessphone"],
        "mobile": ["mobilephone", "cell", "cellphone", "mobil", "handy", "mobiltelefon", "mobilenumber"],
        "lead_status": ["status", "leadstate"],
        "owner": _OWNER,
        "source": [*_SOURCE, "contactsource"],
        "former_employee": ["formeremployee", "ehemalig"],
        COMPANY_NAME: [*_COMPANY_NAMES, "employer"],
        COMPANY_ID: _COMPANY_IDS,
        **{f"company.{name}": words for name, words in _OF_COMPANIES.items()},
    },
    frozenset({"id", "leadid", "contactid", "personid", "recordid", "externalid"}),
    OF_COMPANY, (COMPANY_ID,), plural="persons",
)  # fmt: skip
COMPANY = Kind(
    "company", Company, _("Companies"),
    ("name", "number", "category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country", "industry", "stop",
     "no_mailings"), "name",
    {
        "name": [*_COMPANY_NAMES, "security"],
        "category": ["accounttype", "type", "typ", "companytype"],
        "owner": _OWNER,
        "phone": ["telephone", "telefon", "phonenumber", "tel", "telefonnummer"],
        "email": ["mail", "emailaddress", "emailadresse"],
        "no_mailings": ["nomailings", "keinemailings", "emailoptout"],
        **_OF_COMPANIES,
        "number": [*_OF_COMPANIES["number"], "number", "nummer", "symbol", "accountnumber"],
    },
    frozenset({"id", "recordid", "externalid", *_COMPANY_IDS}), plural="companies",
)  # fmt: skip
SALE = Kind(
    "sale", Sale, _("Sales"),
    ("name", "stage", "status", "amount", "currency", "expected_on", "closed_on", "type", "source", "reason", "owner", "created_at"), "name",
    {
        "name": ["potentialname", "dealname", "opportunityname", "salename", "deal", "opportunity", "title", "titel", "bezeichnung", "verkauf",
                 "verkaufschance"],
        "stage": ["dealstage", "salesstage", "pipelinestage", "phase", "verkaufsphase", "stufe"],
        "status": ["dealstatus", "opportunitystatus"],
        "amount": ["dealamount", "value", "dealvalue", "betrag", "wert", "summe", "auftragswert", "volumen"],
        "currency": ["currencycode", "wahrung", "waehrung", "currencyisocode"],
        "expected_on": ["closingdate", "closedate", "expectedclosedate", "expectedclosingdate", "expecteddate", "abschlussdatum",
                        "erwartetesabschlussdatum", "abschlussam", "geplanterabschluss", "erwartet"],
        "closed_on": ["closeddate", "closedtime", "wondate", "wontime", "abgeschlossenam", "gewonnenam"],
        "type": ["dealtype", "opportunitytype", "art", "typ", "verkaufstyp"],
        "source": [*_SOURCE, "dealsource"],
        "reason": ["reasonforloss", "lostreason", "closedlostreason", "verlustgrund"],
        "owner": _OWNER,
        "created_at": _CREATED,
        **_LINKS,
    },
    frozenset({"id", "recordid", "externalid", *_SALE_IDS}),
    ("name",), (COMPANY_ID, PERSON_ID, LEAD_ID, PERSON_EMAIL), plural="sales",
)  # fmt: skip
ACTIVITY = Kind(
    "activity", Activity, _("Follow-ups: calls, tasks, meetings, notes"),
    ("subject", "kind", "text", "owner", "priority", "due_at", "done", "done_at", "created_at"), "subject",
    {
        "subject": ["betreff", "title", "titel", "name", "thema", "topic", "eventtitle", "activityname"],
        "kind": ["activitytype", "aktivitatstyp", "art", "typ"],
        "text": ["description", "beschreibung", "note", "notes", "notiz", "notizen", "comment", "comments", "kommentar", "details"],
        "owner": _OWNER,
        "priority": ["prioritat", "taskpriority"],
        "due_at": ["duedate", "dueon", "callstarttime", "starttime", "startdatetime", "start", "date", "datum", "termin", "beginn", "falligam",
                   "falligkeit", "falligkeitsdatum"],
        "done": ["status", "taskstatus", "callstatus", "completed", "iscompleted"],
        "done_at": ["completedat", "completedon", "completeddate", "completedtime", "closedtime", "erledigtam", "abgeschlossenam"],
        "created_at": _CREATED,
        **_LINKS,
        SALE_ID: _SALE_IDS,
    },
    frozenset({"id", "taskid", "callid", "eventid", "activityid", "recordid", "externalid"}),
    ("name",), (COMPANY_ID, PERSON_ID, LEAD_ID, PERSON_EMAIL, SALE_ID), brings_companies=False, plural="activities",
)  # fmt: skip
KINDS = {kind.name: kind for kind in (PERSON, COMPANY, SALE, ACTIVITY)}
