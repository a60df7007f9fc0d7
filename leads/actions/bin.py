"""Into the bin and back, with all that belongs to a record (R18)."""

from collections import defaultdict
from collections.abc import Callable

from django.utils import timezone

from crm import access, search
from crm.history.changes import Outcome, act, chunks
from crm.history.models import Change
from crm.locks import lock_rows
from leads import lifecycle
from leads.actions.shared import answer, belongs_to_others, editable, model_of, not_allowed, params
from leads.models import Company, Person

#: What goes into the bin, and comes back, with a record: functions(ids, deleted_at) of the upper floors, by record type.
_goes_along: dict[str, list[Callable]] = defaultdict(list)
_comes_along: dict[str, list[Callable]] = defaultdict(list)
#: What deleting would take along, in words: see told_along.
_told_along: dict[str, list[Callable]] = defaultdict(list)
#: Which records cannot be deleted and why: functions(ids, by) -> {id: reason} of all floors, by record type.
_kept_by: dict[str, list[Callable]] = defaultdict(list)


def _registering(functions, record_type):
    """Return a decorator that adds its function to those of this record type."""

    def register(function):
        functions[record_type].append(function)
        return function

    return register


def goes_along(record_type):
    """Register function(ids, deleted_at): put into the bin what belongs to these records."""
    return _registering(_goes_along, record_type)


def comes_along(record_type):
    """Register function(ids, change_set_ids): restore what these change sets put into the bin with these records."""
    return _registering(_comes_along, record_type)


def told_along(record_type):
    """Register function(ids, keep_persons): say what belongs to these records and would go into the bin with them, as
    *12 follow-ups*, or nothing. With `keep_persons` the persons of companies stay, and what is theirs."""
    return _registering(_told_along, record_type)


def kept_by(record_type):
    """Register function(ids, by) -> {id: reason}: the records that this user must not delete, as long as others need them."""
    return _registering(_kept_by, record_type)


def along(record_type, ids, *, keep_persons=False) -> list[str]:
    """Return what would go into the bin along with these records, in words (settled 6)."""
    return [text for function in _told_along[record_type] if (text := function(ids, keep_persons))]


def kept_back(record_type, ids, by) -> dict[int, str]:
    """Return which of these records `by` must not delete, and why."""
    return {pk: reason for function in _kept_by[record_type] for pk, reason in function(ids, by).items()}


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
        kept = kept_back(record_type, live, by)
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


@kept_by("company")
def keep_with_persons(ids, by):
    return with_others(Person, "company", ids, by)


def with_others(model, link, ids, by) -> dict[int, str]:
    """Return, by id, that what belongs to a record is another's to change: a company of nobody's may have persons of somebody's."""
    belonging = model.objects.filter(**{f"{link}__in": ids}, deleted_at=None)
    others = belonging.exclude(pk__in=access.editable(belonging, by).values("pk"))
    return dict.fromkeys(others.values_list(f"{link}_id", flat=True).distinct(), belongs_to_others())


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
