"""Taking a change set back, without overwriting what came later (R16, settled 8)."""

from collections import defaultdict

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from crm import access
from crm.history.changes import Outcome, change, chunks, writing
from crm.history.models import Change, ChangeSet
from crm.history.triggers import watched_models

#: record type -> function(ids): recompute what is derived from the fields an undo has written.
_derive = {}
#: record type -> function(ids) -> dict of id to a sentence: why a created record cannot be taken away again.
_built_on = {}

#: record type -> functions(plans): see guarded_by.
_guards = {}


def derived_by(record_type):
    """Register the function that recomputes the derived columns of these records after an undo."""

    def register(function):
        _derive[record_type] = function
        return function

    return register


def guarded_by(record_type):
    """Register function(plans) -> {id: sentence}: records of this type that must be left, so that the data stays whole."""

    def register(function):
        _guards.setdefault(record_type, []).append(function)
        return function

    return register


def built_on_by(record_type):
    """Register the function that tells of which created records others have since made use."""

    def register(function):
        _built_on.setdefault(record_type, []).append(function)
        return function

    return register


def value_of(field, text):
    """Return the Python value of a column from the text the history keeps, alike on both databases."""
    if text is None:
        return None
    if isinstance(field, models.ForeignKey):
        return value_of(field.target_field, text)
    if isinstance(field, models.BooleanField):
        return text in {"1", "true", "t"}
    if isinstance(field, models.DateTimeField):
        moment = parse_datetime(text)
        return timezone.make_aware(moment, timezone.get_default_timezone()) if timezone.is_naive(moment) else moment
    return field.to_python(text)


def family(change_set):
    """Return the ids of the change set and of those it set off."""
    ids, last = [change_set.pk], [change_set.pk]
    while last:
        last = list(ChangeSet.objects.filter(parent__in=last, undone=False).values_list("pk", flat=True))
        ids += last
    return ids


def undo(change_set, *, by, via) -> Outcome:
    """Take a change set back, as far as no later change would be overwritten; return what was done and what was left.

    The undo is a change set of its own, so undoing it redoes. Records `by` may not change are left and listed; raise
    PermissionDenied if that is all of them.
    """
    outcome = Outcome()
    action = "redo" if change_set.undoes_id else "undo"
    with change(action, by=by, via=via, undoes=change_set, params={"of": change_set.action, **change_set.params}) as mine:
        locked = ChangeSet.objects.select_for_update().get(pk=change_set.pk)
        if not locked.undoable:
            outcome.change_set = None
            return outcome
        _take_back(change_set, outcome, by)
        if outcome.changed:
            ChangeSet.objects.filter(pk__in=family(change_set)).update(undone=True)
            if change_set.undoes_id:
                ChangeSet.objects.filter(pk=change_set.undoes_id).update(undone=False)
        elif outcome.left and all(reason == str(_not_allowed()) for _id, reason in outcome.left):
            raise PermissionDenied(_not_allowed())
    outcome.change_set = mine if mine.pk else None
    return outcome


def take_back(change_set):
    """Take back the finished part of a change set that failed or was cancelled; it is then as if it never ran."""
    ids = set(Change.objects.filter(change_set=change_set).values_list("record_type", "record_id").distinct())
    by_type = defaultdict(list)
    for record_type, record_id in ids:
        by_type[record_type].append(record_id)
    for record_type, record_ids in by_type.items():
        for chunk in chunks(sorted(record_ids)):
            with writing(change_set):
                _take_back(change_set, Outcome(), None, only=(record_type, chunk), remove=True)
    ChangeSet.objects.filter(pk=change_set.pk).update(state=ChangeSet.State.FAILED, undone=True)


def _not_allowed():
    return _("You may not change this record.")


def _take_back(change_set, outcome, by, only=None, remove=None):
    """Write the old values back; `by` None means without asking permission; `only` restricts to (type, ids)."""
    sets = family(change_set)
    changes = Change.objects.filter(change_set__in=sets)
    if only:
        changes = changes.filter(record_type=only[0], record_id__in=only[1])
    if remove is None:
        remove = change_set.action == "import"
    later = Change.objects.filter(
        record_type=OuterRef("record_type"), record_id=OuterRef("record_id"), id__gt=OuterRef("id")
    ).exclude(change_set__in=sets)
    later_same = later.filter(field=OuterRef("field"), op="u")
    plans = {}
    for record_type in watched_models():
        of_type = changes.filter(record_type=record_type)
        created = set(of_type.filter(op="i", field="").values_list("record_id", flat=True))
        rows = of_type.filter(op="u").annotate(overwritten=Exists(later_same)).order_by("id")
        plan = Plan(created)
        for record_id, name, old, overwritten in rows.values_list("record_id", "field", "old", "overwritten").iterator(5_000):
            if record_id not in created:
                plan.add(record_id, name, old, overwritten)
        if plan.values or created:
            plans[record_type] = plan
    touched = set()
    for record_type, plan in plans.items():
        model = watched_models()[record_type]
        if by is not None:
            for guard in _guards.get(record_type, []):
                refused = guard(plans)
                plan.drop(refused)
                for pk, reason in refused.items():
                    outcome.leave([pk], reason)
        allowed = _allowed(model, plan.records() | plan.created, by)
        done = _write_back(model, plan.values, allowed, outcome)
        done |= _remove_created(model, record_type, plan.created, allowed, outcome, remove, sets)
        if done and record_type in _derive:
            _derive[record_type](sorted(done))
        touched |= {(record_type, pk) for pk in done}
    outcome.changed += len(touched)


class Plan:
    """What an undo is about to do to the records of one type.

    `values` maps (record id, field name) to (the text it had before, whether somebody changed it since); `created` holds
    the ids of records the change set made.
    """

    def __init__(self, created):
        self.created = created
        self.values = {}

    def add(self, record_id, name, old, overwritten):
        before = self.values.get((record_id, name))
        self.values[record_id, name] = (before[0] if before else old, overwritten or bool(before and before[1]))

    def records(self):
        return {record_id for record_id, _name in self.values}

    def becomes(self, name):
        """Return record id -> the text this field will have, for those it will be written back for."""
        return {pk: old for (pk, field), (old, overwritten) in self.values.items() if field == name and not overwritten}

    def drop(self, record_ids):
        self.created = self.created - set(record_ids)
        self.values = {key: value for key, value in self.values.items() if key[0] not in record_ids}


def _allowed(model, ids, by):
    """Return those of the ids that `by` may change, in the bin or not."""
    if by is None or not hasattr(model, "owner_paths"):
        if by is not None:
            access.require(by, "administers")
        return ids
    found = set()
    for chunk in chunks(sorted(ids)):
        every = model.objects.filter(pk__in=chunk)
        found.update(access.editable(every, by).values_list("pk", flat=True))
        found.update(access.in_bin(every, by).values_list("pk", flat=True))
    return found


def _write_back(model, first, allowed, outcome):
    """Set each field to its former value, in one statement per field and value; return the ids written."""
    groups = defaultdict(list)
    for (record_id, name), (old, overwritten) in first.items():
        if record_id not in allowed:
            outcome.leave([record_id], _not_allowed())
        elif overwritten:
            label = model._meta.get_field(name).verbose_name
            outcome.leave([record_id], _("“%(field)s” was changed again later.") % {"field": label})
        else:
            groups[name, old].append(record_id)
    by_field = defaultdict(list)
    for (name, old), ids in groups.items():
        by_field[name].append((old, ids))
    done = set()
    marks = model.edited()
    for name, values in by_field.items():
        field = model._meta.get_field(name)
        for old, ids in values:
            for chunk in chunks(sorted(ids)):
                # A record that was erased or purged since is simply not there.
                model.objects.filter(pk__in=chunk).update(**{field.attname: value_of(field, old)}, **marks)
            done.update(ids)
    return done


def _remove_created(model, record_type, created, allowed, outcome, remove, sets):
    """Put created records into the bin (those of an import: remove them), unless somebody has built on them."""
    if not created:
        return set()
    outcome.leave(created - allowed, _not_allowed())
    ids = created & allowed
    kept = {}
    for chunk in chunks(sorted(ids)):
        changed_since = (
            Change.objects.filter(record_type=record_type, record_id__in=chunk, op="u")
            .exclude(change_set__in=sets)
            .exclude(Q(change_set__undone=True) | Q(change_set__undoes__isnull=False))
            .values_list("record_id", flat=True)
        )
        kept.update(dict.fromkeys(changed_since, _("It was changed since.")))
        for tell in _built_on.get(record_type, []):
            kept.update(tell([pk for pk in chunk if pk not in kept], sets))
    for pk, reason in kept.items():
        outcome.leave([pk], reason)
    gone = ids - kept.keys()
    for chunk in chunks(sorted(gone)):
        if remove:
            for forget in _forget:
                forget(record_type, chunk)
            model.objects.filter(pk__in=chunk).delete()
        elif hasattr(model, "deleted_at"):
            model.objects.filter(pk__in=chunk).update(deleted_at=timezone.now(), **model.edited())
    return gone


#: functions(record_type, ids): drop what stands beside a record (search text, external ids) before it is removed.
_forget = []


def forgotten_by(function):
    """Register what must go when records are removed for good."""
    _forget.append(function)
    return function
