"""Every change to companies and persons, for one or for a hundred thousand (architecture, idea 3).

All actions are keyword-only in `by` (a user) and `via` (the way in, `crm.history.models.Via`), write one change set, check
permission and rules, and return an `Outcome`. They raise `ValidationError` (by field) for a value that breaks a rule,
`PermissionDenied` when not one of the records may be changed, and `Conflict` for a stale version (R17). Beside a record's
fields, creating and editing take `external_ids`: what other systems call it (settled 18).
"""

from collections import defaultdict
from collections.abc import Callable
from functools import partial

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import access, external_ids, search
from crm.history.changes import Conflict, Outcome, act, change, chunks, ids_of
from crm.history.models import Change
from crm.locks import lock_rows
from crm.models import ListItem, Record, User
from leads import automation, bulk, lifecycle
from leads.models import Company, LeadStatus, Person

PERSON_FIELDS = ("first_name", "last_name", "title", "email", "phone", "mobile", "company", "category", "lead_status",
                 "disqualify_reason", "owner", "source", "former_employee")  # fmt: skip
#: Those that can be changed without another one.
PERSON_FIELDS_ALONE = tuple(name for name in PERSON_FIELDS if name not in {"company", "lead_status", "disqualify_reason"})
COMPANY_FIELDS = ("name", "number", "category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country",
                  "industry", "stop", "no_mailings")  # fmt: skip

#: What goes into the bin, and comes back, with a record: functions(ids, deleted_at) of the upper floors, by record type.
_goes_along: dict[str, list[Callable]] = defaultdict(list)
_comes_along: dict[str, list[Callable]] = defaultdict(list)
#: What deleting would take along, in words: see told_along.
_told_along: dict[str, list[Callable]] = defaultdict(list)


#: What plans that somebody gets in touch with leads again: functions(person ids, day, by) of the upper floors.
_taken_up: list[Callable] = []


def taken_up(function):
    """Register function(ids, day, by): plan that these leads are taken up again on that day, under the running change set."""
    _taken_up.append(function)
    return function


def goes_along(record_type):
    """Register function(ids, deleted_at): put into the bin what belongs to these records."""

    def register(function):
        _goes_along[record_type].append(function)
        return function

    return register


def comes_along(record_type):
    """Register function(ids, change_set_ids): restore what these change sets put into the bin with these records."""

    def register(function):
        _comes_along[record_type].append(function)
        return function

    return register


def told_along(record_type):
    """Register function(ids, keep_persons): say what belongs to these records and would go into the bin with them, as
    *12 follow-ups*, or nothing. With `keep_persons` the persons of companies stay, and what is theirs."""

    def register(function):
        _told_along[record_type].append(function)
        return function

    return register


#: Which records cannot be deleted and why: functions(ids) -> {id: reason} of the upper floors, by record type.
_kept_by: dict[str, list[Callable]] = defaultdict(list)


def kept_by(record_type):
    """Register function(ids) -> {id: reason}: the records that must not be deleted as long as others need them."""

    def register(function):
        _kept_by[record_type].append(function)
        return function

    return register


def along(record_type, ids, *, keep_persons=False) -> list[str]:
    """Return what would go into the bin along with these records, in words (settled 6)."""
    return [text for function in _told_along[record_type] if (text := function(ids, keep_persons))]


# --- Creating ---------------------------------------------------------------------------------------------------------


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
                raise ValidationError({"category": _category_is_the_companys(person.company)})
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
            _check_reason(person.lead_status)
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


# --- Editing one record -----------------------------------------------------------------------------------------------


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
    if current.disqualify_reason_id and "disqualify_reason" in changed:
        _check_reason(current.lead_status)
    Person.objects.filter(pk=current.pk).update(**columns, **Person.edited())
    if changed.keys() & {"company", "category"}:
        lifecycle.settle([current.pk], came_from={current.pk: old_category})
    if changed.keys() & lifecycle.SEARCHED[Person]:
        search.refresh("person", [current.pk])


def _check_reason(status):
    if status is None or status.kind != LeadStatus.Kind.DISQUALIFIED:
        raise ValidationError({"disqualify_reason": _("Only who is disqualified has a reason for it.")})


def _check_person_category(person, changed):
    """A person with a company cannot have their category edited (R4); on leaving they keep the company's (settled 3)."""
    if "category" in changed:
        company = changed.get("company", person.company)
        if company is not None:
            raise ValidationError({"category": _category_is_the_companys(company)})
        if changed["category"] is None:
            raise ValidationError({"category": _("A person without a company needs a category.")})


def _category_is_the_companys(company):
    return _("The category is that of the company %(company)s; change it there.") % {"company": company.name}


# --- Changing many ----------------------------------------------------------------------------------------------------


def set_lead_status(persons, status, *, by, via, reason=None, again_on=None, as_of=None, progress=None) -> Outcome:
    """Give persons this lead status; those to whom none applies are left, with the reason (R6).

    `reason` says why they are disqualified; it goes when the status becomes one of another kind. `again_on` is the day on
    which somebody is to get in touch again: a follow-up of the same change set. `as_of` is the id of the last change the user
    saw: who got another status since is left and listed (settled 10).
    """
    if status is None or status.deleted_at:
        raise ValidationError({"lead_status": _("This lead status was deleted; choose another one.")})
    if reason is not None:
        _check_reason(status)
        selectable(reason, "disqualify_reason")

    def step(ids, outcome):
        automation.hold(ids, status)
        ids = editable(Person, ids, by, outcome)
        ids = unchanged_since(as_of, "person", "lead_status", ids, outcome)
        not_applying = Person.objects.filter(pk__in=ids, is_lead=False).select_related("category")
        for person in not_applying.only("pk", "category"):
            outcome.leave([person.pk], lifecycle.why_no_status(person.category))
        leads = Person.objects.filter(pk__in=ids, is_lead=True)
        others = leads.filter(Q(lead_status=None) | ~Q(lead_status=status))
        others = list(others.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        values = lifecycle.with_status(status) | ({"disqualify_reason": reason} if reason else {})
        outcome.changed += Person.objects.filter(pk__in=others).update(**values, **Person.edited())
        if reason:
            # Disqualified already: then it is the reason that was chosen anew.
            same = leads.filter(lead_status=status).exclude(pk__in=others).exclude(disqualify_reason=reason)
            outcome.changed += same.update(disqualify_reason=reason, **Person.edited())
        if again_on:
            for function in _taken_up:
                function(others, again_on, by)
        automation.status_set(others, status, by=by, via=via, outcome=outcome)

    outcome = act(persons, step, action="person.set_lead_status", by=by, via=via, progress=progress,
                  params=params(persons, {"de": status.name_de, "en": status.name_en}))  # fmt: skip
    return answer(outcome, "lead_status")


def set_category(companies, category, *, by, via, as_of=None, progress=None) -> Outcome:
    """Move companies to this category; their persons follow (R6, R7)."""
    selectable(category, "category")

    def step(ids, outcome):
        ids = editable(Company, ids, by, outcome)
        ids = unchanged_since(as_of, "company", "category", ids, outcome)
        moved = list(Company.objects.filter(pk__in=ids).exclude(category=category).values_list("pk", flat=True))
        outcome.changed += Company.objects.filter(pk__in=moved).update(category=category, **Company.edited())
        lifecycle.settle(lifecycle.persons_of(moved))

    outcome = act(companies, step, action="company.set_category", by=by, via=via, progress=progress,
                  params=params(companies, {"de": category.name_de, "en": category.name_en}))  # fmt: skip
    return answer(outcome, "category")


def set_owner(records, owner, *, by, via, as_of=None, progress=None) -> Outcome:
    """Give records of one type to this user, or to nobody."""
    if owner is not None and not owner.is_active:
        raise ValidationError({"owner": _("This user is switched off; choose another one.")})
    model = model_of(records)
    record_type = model.history.record_type

    def step(ids, outcome):
        ids = editable(model, ids, by, outcome)
        ids = unchanged_since(as_of, record_type, "owner", ids, outcome)
        others = ~Q(owner=owner) | Q(owner=None) if owner else Q(owner__isnull=False)
        outcome.changed += model.objects.filter(others, pk__in=ids).update(owner=owner, **model.edited())

    name = owner.name if owner else ""
    outcome = act(records, step, action=f"{record_type}.set_owner", by=by, via=via, progress=progress,
                  params=params(records, {"de": name, "en": name}))  # fmt: skip
    return answer(outcome, "owner")


def delete(records, *, by, via, keep_persons=False, progress=None) -> Outcome:
    """Put records of one type into the bin (R18), with all that belongs to them, as one change set.

    With `keep_persons` a company's persons stay, without a company, and keep its category as their own (settled 6).
    """
    access.require(by, "may_delete")
    model = model_of(records)
    record_type = model.history.record_type

    def step(ids, outcome):
        ids = editable(model, ids, by, outcome)
        now = timezone.now()
        live = list(model.objects.filter(pk__in=ids, deleted_at=None).values_list("pk", flat=True))
        for function in _kept_by[record_type]:
            kept = function(live)
            for pk, reason in kept.items():
                outcome.leave([pk], reason)
            live = [pk for pk in live if pk not in kept]
        if model is Company:
            persons = Person.objects.filter(company__in=live, deleted_at=None)
            if keep_persons:
                lock_rows(persons)
                stay = list(persons.values_list("pk", flat=True))
                persons.update(company=None, **Person.edited())
                lifecycle.copy_from_company(Person.objects.filter(pk__in=stay))
                search.refresh("person", stay)
            else:
                to_bin(Person, list(persons.values_list("pk", flat=True)), now)
        outcome.changed += to_bin(model, live, now)

    outcome = act(records, step, action=f"{record_type}.delete", by=by, via=via, params=params(records), progress=progress)
    return answer(outcome, None)


def to_bin(model, ids, now):
    """Put these into the bin with what belongs to them, under the running change set; return how many."""
    count = 0
    for chunk in chunks(sorted(ids)):
        lock_rows(model.objects.filter(pk__in=chunk))
        for function in _goes_along[model.history.record_type]:
            function(chunk, now)
        count += model.objects.filter(pk__in=chunk, deleted_at=None).update(deleted_at=now, **model.edited())
    return count


def restore(records, *, by, via) -> Outcome:
    """Bring records back from the bin, with all that went in with them; the company they belong to comes back too."""
    model = model_of(records)
    record_type = model.history.record_type

    def step(ids, outcome):
        allowed = set(access.in_bin(model.objects.filter(pk__in=ids), by).values_list("pk", flat=True))
        outcome.leave(set(ids) - allowed, not_allowed())
        sets = _deleted_in(record_type, allowed)
        if model is not Company and "company" in model.history.fields:
            companies = Company.objects.filter(pk__in=model.objects.filter(pk__in=allowed).values("company")).exclude(
                deleted_at=None
            )
            lock_rows(companies)
            companies.update(deleted_at=None, **Company.edited())
        elif model is Company:
            persons = Person.objects.filter(company__in=allowed).exclude(deleted_at=None).values_list("pk", flat=True)
            along = _deleted_in("person", persons)
            back = [pk for pk, change_set in along.items() if change_set in set(sets.values())]
            _from_bin(Person, back, sets.values())
        outcome.changed += _from_bin(model, sorted(allowed), sets.values())

    outcome = act(records, step, action=f"{record_type}.restore", by=by, via=via, params=params(records))
    return answer(outcome, None)


def _deleted_in(record_type, ids):
    """Return for each record the change set that put it into the bin."""
    rows = Change.objects.filter(record_type=record_type, record_id__in=ids, field="deleted_at", old=None, new__isnull=False)
    return dict(rows.order_by("id").values_list("record_id", "change_set_id"))


def _from_bin(model, ids, change_sets):
    count = 0
    for chunk in chunks(sorted(ids)):
        for function in _comes_along[model.history.record_type]:
            function(chunk, list(change_sets))
        count += model.objects.filter(pk__in=chunk).update(deleted_at=None, **model.edited())
    return count


# --- What the actions share -------------------------------------------------------------------------------------------


def model_of(records):
    """Return the model of a record, a list of records or a queryset."""
    if isinstance(records, models.QuerySet):
        return records.model
    if isinstance(records, models.Model):
        return type(records)
    return type(records[0]) if records else Person


def not_allowed():
    return _("You may not change this record.")


def params(records, value=None):
    """Return what the history's sentence needs: how many, or whose name, and the value in each language."""
    if isinstance(records, models.Model):
        found = {"count": 1, "name": str(records)}
    else:
        ids = ids_of(records)
        found = {"count": len(ids)}
        if len(ids) == 1:
            found["name"] = str(model_of(records).objects.get(pk=ids[0]))
    return found | ({"value": value} if value else {})


def editable(model, ids, by, outcome):
    """Return those of the ids that `by` may change, locked; the others are left."""
    lock_rows(model.objects.filter(pk__in=ids))
    allowed = set(access.editable(model.objects.filter(pk__in=ids), by).values_list("pk", flat=True))
    outcome.leave(set(ids) - allowed, not_allowed())
    return sorted(allowed)


def unchanged_since(as_of, record_type, field, ids, outcome):
    """Return the ids without those whose field changed after the user saw it."""
    if as_of is None:
        return ids
    since = Change.objects.filter(record_type=record_type, record_id__in=ids, field=field, id__gt=as_of)
    changed = set(since.values_list("record_id", flat=True))
    outcome.leave(changed, _("Somebody else changed it meanwhile."))
    return [pk for pk in ids if pk not in changed]


def answer(outcome, field):
    """Raise what an action on one record must say loudly; for many the outcome lists it."""
    if not outcome.changed and len(outcome.left) == 1:
        reason = outcome.left[0][1]
        if reason == not_allowed():
            raise PermissionDenied(reason)
        if field:
            raise ValidationError({field: reason})
    return outcome


def known(names, values):
    """Raise ValidationError for values of fields there are not."""
    if unknown := set(values) - set(names):
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})


def selectable(item, field):
    """Raise ValidationError unless this item can be chosen."""
    if item is None or item.deleted_at:
        raise ValidationError({field: _("This item was deleted; choose another one.")})


def clean(record, values, by, required=()):
    """Raise ValidationError by field unless the given values may stand in the record, and the required ones do."""
    errors = {}
    for name, value in values.items():
        if isinstance(value, str):
            setattr(record, name, value.strip())
    exclude = {field.name for field in record._meta.fields if field.name not in values or field.is_relation}
    exclude -= set(required)
    try:
        record.clean_fields(exclude=exclude)
    except ValidationError as error:
        errors.update(error.message_dict)
    for name, value in values.items():
        if isinstance(value, ListItem) and value.deleted_at:
            errors[name] = [_("This item was deleted; choose another one.")]
        elif isinstance(value, User) and not value.is_active:
            errors[name] = [_("This user is switched off; choose another one.")]
        elif isinstance(value, Record) and not access.visible(type(value)._default_manager.filter(pk=value.pk), by).exists():
            errors[name] = [_("This company does not exist.") if isinstance(value, Company) else _("This is no valid choice.")]
    if errors:
        raise ValidationError(errors)
