"""Fields of one record, and one field of many."""

from functools import partial

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import access, external_ids, search
from crm.history.changes import Conflict, Outcome, act, change
from crm.locks import lock_rows
from leads import automation, bulk, lifecycle
from leads.actions.shared import (
    answer,
    category_is_the_companys,
    check_reason,
    clean,
    editable,
    known,
    model_of,
    params,
    unchanged_since,
)
from leads.models import Company, Person

PERSON_FIELDS = ("first_name", "last_name", "title", "email", "phone", "mobile", "company", "category", "lead_status",
                 "disqualify_reason", "owner", "source", "former_employee")  # fmt: skip
#: Those that can be changed without another one.
PERSON_FIELDS_ALONE = tuple(name for name in PERSON_FIELDS if name not in {"company", "lead_status", "disqualify_reason"})
COMPANY_FIELDS = ("name", "number", "category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country",
                  "industry", "stop", "no_mailings")  # fmt: skip


def edit_company(company, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one company; its category takes the persons along (R7). See edit."""
    return edit(company, values, names=COMPANY_FIELDS, write=_write, by=by, via=via, version=version, was=was)


def edit_companies(companies, name, new, **how) -> Outcome:
    """Change one field of many companies; see edit_many."""
    return edit_many(companies, name, new, names=COMPANY_FIELDS, checks=_checks, write=bulk.update_companies, **how)


def edit_persons(persons, name, new, *, by, via, **how) -> Outcome:
    """Change one field of many persons; see edit_many. A lead status, and joining a company, are actions of their own."""
    write = partial(bulk.update_persons, by=by, via=via)
    return edit_many(persons, name, new, names=PERSON_FIELDS_ALONE, checks=_checks, write=write, by=by, via=via, **how)


def edit_person(person, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one person: also their company, own category and lead status. See edit."""

    def before():
        if values.get("lead_status"):
            automation.hold([person.pk], values["lead_status"])

    def after(current, changed, outcome):
        if changed.get("lead_status"):
            automation.status_set([current.pk], changed["lead_status"], by=by, via=via, outcome=outcome)

    how = {"by": by, "via": via, "version": version, "was": was}
    return edit(person, values, names=PERSON_FIELDS, write=_write, before=before, after=after, **how)


def edit(record, values, *, names, write, by, via, version=None, was=None, before=None, after=None) -> Outcome:
    """Change fields of one record: `names` are those there are, `write(current, changed, by)` writes what is new of a locked record.

    `after(current, changed, outcome)` is called when something was written, within the change set; `before()` locks what a rule
    may change, before the record itself (crm.locks).
    `version` is the one the editor saw. If it is stale: without `was` raise Conflict; with `was` (the values the editor
    saw) both changes are kept where they touch different fields, and Conflict is raised for the fields that both changed.
    """
    model = type(record)
    params = {"name": str(record), "fields": sorted(values)}
    ids = values.get(external_ids.FIELD)
    values = {name: value for name, value in values.items() if name != external_ids.FIELD}
    known(names, values)
    outcome = Outcome()
    with change(f"{model._meta.model_name}.edit", by=by, via=via, params=params) as change_set:
        if isinstance(values.get("company"), Company):
            lock_rows(Company.objects.filter(pk=values["company"].pk))
        if before:
            before()
        current = model.objects.select_for_update(no_key=True).filter(pk=record.pk, deleted_at=None).first()
        if current is None:
            raise Conflict(record)
        access.require_edit(current, by)
        if version is not None and version != current.version:
            values = check_stale(current, values, was)
        changed = {name: value for name, value in values.items() if getattr(current, name) != value}
        if changed:
            write(current, changed, by)
            outcome.changed = 1
            if after:
                after(current, changed, outcome)
        if ids is not None and external_ids.write(current, ids):
            if not changed:
                model.objects.filter(pk=current.pk).update(**model.edited())
            outcome.changed = 1
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def edit_many(records, name, new, *, names, checks, write, by, via, as_of=None, progress=None, said=None) -> Outcome:
    """Change one field of many records of one type, in sets: `new(current)` gives the value of each, as `edit` would write it (S8).

    Each goes through the rules of an edit of its own; whom a rule or permission keeps from it is left, with the reason, and so is
    who had the field changed since `as_of`. `names` are the fields that can be changed for themselves, `checks(records, name)` returns
    function(current, changed, by) that sets the value or raises ValidationError, and `write(changes)` writes
    {record: names of the fields} with what follows, and returns those written.
    """
    model = model_of(records)
    record_type = model.history.record_type
    known(names, {name: None})
    column = model._meta.get_field(name).attname

    def step(ids, outcome):
        ids = editable(model, ids, by, outcome)
        ids = unchanged_since(as_of, record_type, name, ids, outcome)
        found, changes = list(model.objects.filter(pk__in=ids, deleted_at=None).order_by("pk")), {}
        check = checks(found, name)
        for current in found:
            before, value = vars(current)[column], new(current)
            if before == (value.pk if isinstance(value, models.Model) else value):
                continue
            try:
                check(current, {name: value}, by)
            except ValidationError as error:
                outcome.leave([current.pk], " ".join(error.messages))
                continue
            if vars(current)[column] != before:
                changes[current] = {name}
        if changes:
            outcome.changed += len(write(changes))

    told = {"field": name} | params(records, said)
    outcome = act(records, step, action=f"{record_type}.edit", by=by, via=via, progress=progress, params=told)
    return answer(outcome, name)


def check_stale(current, values, was):
    """Return the values the editor changed, of all that their form sent; raise Conflict unless what they did not see are
    other fields than those (settled 10)."""
    if was is None:
        raise Conflict(current)
    values = {name: value for name, value in values.items() if name not in was or was[name] != value}
    both = {
        name: (getattr(current, name), value)
        for name, value in values.items()
        if getattr(current, name) != value and (name not in was or was[name] != getattr(current, name))
    }
    if both:
        raise Conflict(current, both)
    return values


def _check(current, changed, by):
    """Set the values on a record; raise ValidationError by field unless they may stand in it."""
    if type(current) is Person:
        _check_person_category(current, changed)
    for name, value in changed.items():
        setattr(current, name, value)
    clean(current, changed, by, required=("name",) if type(current) is Company else ("last_name",))


def _checks(found, name):
    """Return how the values of these records are checked, all that it takes being read."""
    if name == "category" and found and type(found[0]) is Person:
        models.prefetch_related_objects(found, "company")  # a reason names it
    return _check


def _write(current, changed, by):
    """Write changed fields of one locked record, and what follows from them."""
    model = type(current)
    old_category = current.category_id
    _check(current, changed, by)
    columns = {model._meta.get_field(name).attname: getattr(current, model._meta.get_field(name).attname) for name in changed}
    if model is Company:
        columns |= lifecycle.company_keys(current.name, current.city)
        Company.objects.filter(pk=current.pk).update(**columns, **Company.edited())
        if "category" in changed:
            lifecycle.settle(lifecycle.persons_of([current.pk]))
        if changed.keys() & {"name", "country"}:
            lifecycle.copy_from_company(Person.objects.filter(company=current.pk))
        if changed.keys() & lifecycle.SEARCHED[Company]:
            search.refresh("company", [current.pk])
            if "name" in changed:
                lifecycle.renamed([current.pk])
        return
    columns |= lifecycle.person_keys(current.first_name, current.last_name, current.email)
    category = current.company.category if current.company_id else current.category
    columns["category_id"] = category.pk
    if "lead_status" in changed:
        if not category.lead_status_enabled:
            raise ValidationError({"lead_status": lifecycle.why_no_status(category)})
        if current.lead_status_id is None:
            raise ValidationError({"lead_status": _("A lead always has a status; choose another one.")})
        columns |= {"lead_status_since": timezone.now()}
        if "disqualify_reason" not in changed and (gone := lifecycle.reason_with(current.lead_status)):
            columns |= gone
    if "disqualify_reason" in changed and not category.lead_status_enabled:
        raise ValidationError({"disqualify_reason": lifecycle.why_no_status(category)})  # it belongs to the status (R6)
    if current.disqualify_reason_id and "disqualify_reason" in changed:
        check_reason(current.lead_status)
    Person.objects.filter(pk=current.pk).update(**columns, **Person.edited())
    if changed.keys() & {"company", "category"}:
        lifecycle.settle([current.pk], came_from={current.pk: old_category})
    if changed.keys() & lifecycle.SEARCHED[Person]:
        search.refresh("person", [current.pk])


def _check_person_category(person, changed):
    """A person with a company cannot have their category edited (R4); on leaving they keep the company's (settled 3)."""
    if "category" in changed:
        company = changed.get("company", person.company)
        if company is not None:
            raise ValidationError({"category": category_is_the_companys(company)})
        if changed["category"] is None:
            raise ValidationError({"category": _("A person without a company needs a category.")})
