"""New companies and persons."""

from collections import defaultdict

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import external_ids, search
from crm.history.changes import Outcome, change
from crm.locks import lock_rows
from leads import automation, lifecycle
from leads.actions.editing import COMPANY_FIELDS, PERSON_FIELDS
from leads.actions.shared import category_is_the_companys, check_reason, clean, known
from leads.models import Company, Person


def create_company(values, *, by, via) -> Company:
    """Create one company; see create_companies."""
    return create_companies([values], by=by, via=via)[0]


def create_companies(many, *, by, via) -> list[Company]:
    """Create companies from dicts of field values and return them, under one change set.

    Without a category it is the installation's default, without an owner `by`. Raise ValidationError by field for the
    first that is not valid.
    """
    may_create(by)
    default = None
    made, ids = [], []
    for given in many:
        values = {name: value for name, value in given.items() if name != external_ids.FIELD}
        known(COMPANY_FIELDS, values)
        ids.append(given.get(external_ids.FIELD))
        company = Company(**{"owner": by, **values})
        if company.category_id is None:
            default = default or lifecycle.default_category()
            company.category = default
        clean(company, values, by, required=("name",))
        for key, value in lifecycle.company_keys(company.name, company.city).items():
            setattr(company, key, value)
        made.append(company)
    params = {"count": len(made)} | ({"name": made[0].name} if len(made) == 1 else {})
    with change("company.create", by=by, via=via, params=params):
        Company.objects.bulk_create(made, batch_size=1_000)
        write_external_ids(made, ids)
        search.refresh("company", [company.pk for company in made])
    return made


def create_person(values, *, by, via, outcome=None) -> Person:
    """Create one person; see create_persons."""
    return create_persons([values], by=by, via=via, outcome=outcome)[0]


def create_persons(many, *, by, via, outcome=None) -> list[Person]:
    """Create persons from dicts of field values and return them, under one change set.

    The effective category is the company's, else the one given, else the installation's default (settled 3); a lead
    without a status starts at the default one (R5). Without an owner it is `by`. An `outcome` that is given gets what
    rules propose for statuses that were set.
    """
    may_create(by)
    outcome = outcome or Outcome()
    statuses = defaultdict(list)
    default_category, default_status = None, None
    now = timezone.now()
    made, ids = [], []
    for given in many:
        values = {name: value for name, value in given.items() if name != external_ids.FIELD}
        known(PERSON_FIELDS, values)
        ids.append(given.get(external_ids.FIELD))
        person = Person(**{"owner": by, **values})
        if person.company_id:
            if values.get("category") and values["category"] != person.company.category:
                raise ValidationError({"category": category_is_the_companys(person.company)})
            person.category_id = person.company.category_id
        elif person.category_id is None:
            default_category = default_category or lifecycle.default_category()
            person.category = default_category
        clean(person, values, by, required=("last_name",))
        category = person.company.category if person.company_id else person.category
        if person.lead_status_id and not category.lead_status_enabled:
            raise ValidationError({"lead_status": lifecycle.why_no_status(category)})
        if person.lead_status_id:
            statuses[person.lead_status].append(person)
        if person.disqualify_reason_id:
            check_reason(person.lead_status)
        default_status = default_status or lifecycle.default_status()
        lifecycle.begin(person, category, default_status, now)
        made.append(person)
    params = {"count": len(made)} | ({"name": made[0].name} if len(made) == 1 else {})
    with change("person.create", by=by, via=via, params=params):
        hold_companies({person.company_id for person in made if person.company_id})
        Person.objects.bulk_create(made, batch_size=1_000)
        write_external_ids(made, ids)
        # A company, or a category's lead status, may have changed since the caller read it.
        if behind := lifecycle.drift([person.pk for person in made]):
            lifecycle.settle(behind)
            for person in made:
                if person.pk in behind:
                    person.refresh_from_db()
        search.refresh("person", [person.pk for person in made])
        with automation.as_one(by=by, via=via, outcome=outcome):
            for status, persons in statuses.items():
                automation.status_set([person.pk for person in persons], status, by=by, via=via, outcome=outcome)
    return made


def hold_companies(ids):
    """Keep these companies from being changed or deleted while something comes to them (R4, R18)."""
    if ids:
        lock_rows(Company.objects.filter(pk__in=ids))
        if Company.objects.filter(pk__in=ids).exclude(deleted_at=None).exists():
            raise ValidationError({"company": _("This company does not exist.")})


def write_external_ids(records, wanted):
    """Write what other systems call these new records; it is part of their creation."""
    for record, ids in zip(records, wanted, strict=True):
        if ids:
            external_ids.write(record, ids)


def may_create(by):
    if by.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
