"""Writing many companies and persons whose values were checked before, as imports and changes of a field do, batch by batch.

The caller checks permissions and values and has a change set open. What follows from the values (effective category, lead
status, keys, copies, search texts) follows here as everywhere, by `leads.lifecycle`; the cost is a few statements a batch.
"""

from collections import defaultdict

from django.utils import timezone

from crm import search
from crm.database import insert_many, update_many
from crm.history.changes import Outcome
from leads import automation, lifecycle
from leads.models import Category, Company, Person


def create_companies(companies):
    """Create these companies; each has its category."""
    for company in companies:
        for key, value in lifecycle.company_keys(company.name, company.city).items():
            setattr(company, key, value)
    insert_many(companies)
    search.refresh("company", [company.pk for company in companies])


def create_persons(persons, *, by, via):
    """Create these persons; each has a company, or a category of their own. A lead without a status gets the default (R5)."""
    given = defaultdict(list)
    for person in persons:
        if person.lead_status_id:
            given[person.lead_status].append(person)
    categories, default, now = Category.objects.in_bulk(), lifecycle.default_status(), timezone.now()
    for person in persons:
        lifecycle.begin(person, categories[person.company.category_id if person.company_id else person.category_id], default, now)
    insert_many(persons)
    ids = [person.pk for person in persons]
    # A company, or a category's lead status, may have changed since the caller read it.
    if behind := lifecycle.drift(ids):
        lifecycle.settle(behind)
    search.refresh("person", ids)
    _set_off({status: [person.pk for person in some] for status, some in given.items()}, by, via)


def update_companies(changes):
    """Write the fields that were set on these companies: company -> names of the fields. Their persons follow (R7)."""
    changes = still_as_read(Company, changes)
    for company in changes:
        for key, value in lifecycle.company_keys(company.name, company.city).items():
            setattr(company, key, value)
    write(Company, changes, {"name_key", "city_key"})
    if moved := _having(changes, {"category"}):
        lifecycle.settle(lifecycle.persons_of(moved))
    if shown := _having(changes, {"name", "country"}):
        lifecycle.copy_from_company(Person.objects.filter(company__in=shown))
    search.refresh("company", _having(changes, lifecycle.SEARCHED[Company]))
    if renamed := _having(changes, {"name"}):
        lifecycle.renamed(renamed)
    return changes


def update_persons(changes, *, by, via):
    """Write the fields that were set on these persons: person -> names of the fields.

    Who joins another company follows its category (R7); a status is written after that, where one applies (R6).
    """
    changes = still_as_read(Person, changes)
    statuses = defaultdict(list)
    for person, names in changes.items():
        for key, value in lifecycle.person_keys(person.first_name, person.last_name, person.email).items():
            setattr(person, key, value)
        if "lead_status" in names:
            statuses[person.lead_status].append(person.pk)
    moved = _having(changes, {"company", "category"})
    came_from = dict(Person.objects.filter(pk__in=moved).values_list("pk", "category_id"))
    fields = {person: names - {"lead_status"} for person, names in changes.items()}
    for person in fields:
        if person.pk in came_from and person.company_id:
            # In one statement with the company: so the history keeps the category of their own that is cleared (settled 3).
            person.category_id = person.company.category_id
            fields[person] |= {"category"}
    write(Person, fields, {"name_key", "email_key"})
    if moved:
        lifecycle.settle(moved, came_from)
    written = {}
    for status, ids in statuses.items():
        leads = Person.objects.filter(pk__in=ids, is_lead=True).exclude(lead_status=status)
        written[status] = list(leads.values_list("pk", flat=True))
        Person.objects.filter(pk__in=written[status]).update(**lifecycle.with_status(status), **Person.edited())
    search.refresh("person", _having(changes, lifecycle.SEARCHED[Person]))
    _set_off(written, by, via)
    return changes


def _set_off(statuses, by, via):
    """Let the rules run for the statuses that were set: status -> ids. What they propose waits under the bell."""
    outcome = Outcome()
    with automation.as_one(by=by, via=via, outcome=outcome):
        for status, ids in statuses.items():
            automation.status_set(ids, status, by=by, via=via, outcome=outcome)


def _having(changes, names):
    return [record.pk for record, changed in changes.items() if changed & names]


def still_as_read(model, changes):
    """Return the changes of the records that nobody else has changed since they were read, and lock these (R17)."""
    locked = model.objects.select_for_update().filter(pk__in=[record.pk for record in changes], deleted_at=None).order_by("pk")
    versions = dict(locked.values_list("pk", "version"))
    return {record: names for record, names in changes.items() if versions.get(record.pk) == record.version}


def write(model, changes, keys):
    """Write the fields that were set on these records, and their keys, by a statement for all that have the same fields."""
    groups = defaultdict(list)
    for record, names in changes.items():
        if names:
            record.version += 1
            groups[tuple(sorted(names | keys))].append(record)
    for names, records in groups.items():
        columns = [model._meta.get_field(name).attname for name in names]
        # What a field's descriptor makes of the value is not what is stored.
        update_many(model, [[record.pk, *(vars(record)[column] for column in columns)] for record in records], names)
