"""Taking a change set back, without overwriting what came later (R16, settled 8)."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from crm import access
from crm.database import update_many
from crm.history.changes import AT_ONCE, Outcome, change, chunks, writing
from crm.history.models import Change, ChangeSet
from crm.history.triggers import watched_models
from crm.locks import lock_rows

#: record type -> function(ids): recompute what is derived from the fields an undo has written.
_derive: dict[str, Callable] = {}
#: record type -> function(ids) -> dict of id to a sentence: why a created record cannot be taken away again.
_built_on: dict[str, list[Callable]] = {}

#: see weighed_by.
_weights: list[Callable] = []

#: record type -> functions(plans): see guarded_by.
_guards: dict[str, list[Callable]] = {}


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


#: functions(change set): see after_undo.
_after: list[Callable] = []


def after_undo(function):
    """Register function(change set): take away what stands beside the records, once a change set has been undone."""
    _after.append(function)
    return function


def weighed_by(function):
    """Register function(change set ids) -> how many records beyond those with an entry an undo would rewrite."""
    _weights.append(function)
    return function


@dataclass(frozen=True)
class Beside:
    """A field that stands in a table of its own, and whose changes an action writes into the history itself."""

    label: Any
    write: Callable[[type[models.Model], int, str | None], None]
    words: Callable[[str | None], str]


#: name -> Beside: such fields, of any record type; see crm.external_ids.
beside: dict[str, Beside] = {}


def value_of(field, text):
    """Return the Python value of a column from the text the history keeps, alike on both databases."""
    if text is None:
        return None
    if isinstance(field, models.ForeignKey):
        return value_of(field.target_field, text)
    if isinstance(field, models.JSONField):
        return json.loads(text)
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


def undo(change_set, *, by, via, progress=None) -> Outcome:
    """Take a change set back, as far as no later change would be overwritten; return what was done and what was left.

    The undo is a change set of its own, so undoing it redoes. Records `by` may not change are left and listed; raise
    PermissionDenied if that is all of them. What somebody else has done is taken back by the rights for doing the opposite:
    who may not delete puts nothing into the bin by it. More than AT_ONCE records are chunks of their own transactions
    (settled 11); `is_large` tells a page to leave that to a job.
    """
    if change_set.action == "import" and by.pk != change_set.by_id:
        access.require(by, "may_import")
        access.require(by, "may_delete")  # what it brought is removed for good
    sets = family(change_set)
    params = {"of": change_set.action, **change_set.params}
    action = "redo" if change_set.action == "undo" else "undo"
    if is_large(change_set):
        return _undo_in_chunks(change_set, sets, action, params, by, via, progress)
    outcome = Outcome()
    with change(action, by=by, via=via, undoes=change_set, params=params) as mine:
        if not ChangeSet.objects.select_for_update().get(pk=change_set.pk).undoable:
            return outcome
        _lock(sets)
        plans = _planned(change_set, sets, outcome, by)
        _write_plans(plans, sets, outcome, by, remove=change_set.action == "import")
        _require_some(outcome)
        _mark(change_set, sets, outcome)
    outcome.change_set = mine if mine.pk else None
    return outcome


def _lock(sets):
    """Keep others from changing what these change sets touched until the undo is written, in the order of crm.locks."""
    touched = Change.objects.filter(change_set__in=sets)
    types = set(touched.values_list("record_type", flat=True).distinct())
    watched = [(record_type, model) for record_type, model in watched_models().items() if record_type in types]
    # What follows others comes after them.
    for record_type, model in sorted(watched, key=lambda one: bool(getattr(one[1], "follows_records", ()))):
        lock_rows(model._default_manager.filter(pk__in=touched.filter(record_type=record_type).values("record_id")))


def is_large(change_set):
    """Tell whether undoing this is more than one transaction should hold."""
    sets = family(change_set)
    entries = Change.objects.filter(change_set__in=sets).values("record_type", "record_id").distinct()
    return entries[: AT_ONCE + 1].count() > AT_ONCE or sum(weigh(sets) for weigh in _weights) > AT_ONCE


def _undo_in_chunks(change_set, sets, action, params, by, via, progress):
    outcome = Outcome()
    with transaction.atomic():
        if not ChangeSet.objects.select_for_update().get(pk=change_set.pk).undoable:
            return outcome
        # Claimed: nobody else can undo it at the same time.
        ChangeSet.objects.filter(pk=change_set.pk).update(undone=True)
        mine = ChangeSet.objects.create(
            action=action, by=by, via=via, undoes=change_set, params=params, state=ChangeSet.State.RUNNING
        )
    try:
        plans = _planned(change_set, sets, outcome, by)
        total, done = sum(len(plan.records() | plan.created) for plan in plans.values()), 0
        for record_type, plan in _in_order(plans):
            for ids in chunks(sorted(plan.records() | plan.created)):
                with writing(mine):
                    # Planned anew: somebody may have changed one of them while the chunks before were written.
                    lock_rows(watched_models()[record_type]._default_manager.filter(pk__in=ids))
                    part = _plan(sets, only=(record_type, ids))
                    part[record_type].drop(set(ids) - plan.records() - plan.created)
                    _write_plans(part, sets, outcome, by, remove=change_set.action == "import")
                done += len(ids)
                if progress:
                    progress(done, total)
    except BaseException:
        take_back(mine)
        ChangeSet.objects.filter(pk=change_set.pk).update(undone=False)
        raise
    with transaction.atomic():
        ChangeSet.objects.filter(pk=change_set.pk).update(undone=False)
        ChangeSet.objects.filter(pk=mine.pk).update(state=ChangeSet.State.DONE)
        _mark(change_set, sets, outcome)
    if not outcome.changed:
        # What was claimed is free again by now, also if this is refused.
        mine.delete()
        _require_some(outcome)
        return outcome
    mine.refresh_from_db()
    outcome.change_set = mine
    return outcome


def _mark(change_set, sets, outcome):
    """Note what is undone now. As long as somebody else may take back more of it, it is not."""
    if not outcome.changed:
        return
    whole = not any(_is_refusal(reason) for _id, reason in outcome.left)
    if whole:
        ChangeSet.objects.filter(pk__in=sets).update(undone=True)
    for function in _after:
        function(change_set)
    # What an undone undo had undone is in force again; and what that had undone in its turn is not.
    former, undone = change_set.undoes, False
    while former:
        if whole or not undone:
            ChangeSet.objects.filter(pk__in=_set_off(former)).update(undone=undone)
        former, undone = former.undoes, not undone


def _set_off(change_set):
    """Return the ids of the change set and of those it set off, save what was taken back by itself."""
    by_itself = ChangeSet.objects.filter(undoes__isnull=False, undone=False).values("undoes")
    ids, last = [change_set.pk], [change_set.pk]
    while last:
        children = ChangeSet.objects.filter(parent__in=last, state=ChangeSet.State.DONE).exclude(pk__in=by_itself)
        last = list(children.values_list("pk", flat=True))
        ids += last
    return ids


def _require_some(outcome):
    """Raise PermissionDenied if nothing was done, because nothing may be."""
    if not outcome.changed and outcome.left and all(_is_refusal(reason) for _id, reason in outcome.left):
        raise PermissionDenied(outcome.left[0][1])


def take_back(change_set):
    """Take back the finished part of a change set that failed or was cancelled, and what it set off; as if it never ran."""
    sets = family(change_set)
    plans = _plan(sets)
    for record_type, plan in _in_order(plans):
        for ids in chunks(sorted(plan.records() | plan.created)):
            with writing(change_set):
                part = _plan(sets, only=(record_type, ids))
                _write_plans(part, sets, Outcome(), None, remove=True)
    for function in _after:
        function(change_set)
    ChangeSet.objects.filter(pk__in=sets).update(state=ChangeSet.State.FAILED, undone=True)


def _not_allowed():
    return _("You may not change this record.")


def _may_not_delete():
    return _("Your role may not delete records.")


def _is_refusal(reason):
    """Tell whether this reason is one of permission: somebody else may not meet with it."""
    return reason in {_not_allowed(), _may_not_delete()}


def _in_order(plans):
    """Yield (record type, plan): fields written back from the lower records up, created records removed from the top."""
    for record_type, plan in plans.items():
        yield record_type, plan.without_created()
    for record_type, plan in reversed(plans.items()):
        yield record_type, plan.only_created()


def _planned(change_set, sets, outcome, by):
    """Return record type -> Plan for an undo by this user, from which what must be left is dropped, and listed."""
    plans = _plan(sets)
    for record_type, plan in plans.items():
        gone = _gone(watched_models()[record_type], plan.records() | plan.created)
        plan.drop(gone)
        outcome.leave(gone, _("It was removed for good."))
    if by.pk != change_set.by_id and not by.role.may_delete:
        for record_type, plan in plans.items():
            if hasattr(watched_models()[record_type], "owner_paths"):
                going = plan.going()
                plan.drop(going)
                outcome.leave(going, _may_not_delete())
    for record_type, plan in plans.items():
        for guard in _guards.get(record_type, []):
            refused = guard(plans)
            plan.drop(refused)
            for pk, reason in refused.items():
                outcome.leave([pk], reason)
    return plans


def _gone(model, ids):
    """Return those of the ids whose record was removed since, by a purge or with its import."""
    there = set()
    for chunk in chunks(sorted(ids)):
        there.update(model._default_manager.filter(pk__in=chunk).values_list("pk", flat=True))
    return ids - there


def _plan(sets, only=None):
    """Return record type -> Plan for these change sets; `only` restricts to (record type, ids)."""
    changes = Change.objects.filter(change_set__in=sets)
    if only:
        changes = changes.filter(record_type=only[0], record_id__in=only[1])
    later = Change.objects.filter(
        record_type=OuterRef("record_type"), record_id=OuterRef("record_id"), id__gt=OuterRef("id")
    ).exclude(change_set__in=sets)
    # What failed was taken back under its own change set: it came and went.
    later = later.exclude(change_set__in=ChangeSet.objects.filter(state=ChangeSet.State.FAILED).values("pk"))
    later_same = later.filter(field=OuterRef("field"), op="u")
    plans = {}
    for record_type in watched_models() if only is None else [only[0]]:
        of_type = changes.filter(record_type=record_type)
        created = set(of_type.filter(op="i", field="").values_list("record_id", flat=True))
        rows = of_type.filter(op="u").annotate(overwritten=Exists(later_same)).order_by("id")
        plan = Plan(created)
        for record_id, name, old, overwritten in rows.values_list("record_id", "field", "old", "overwritten").iterator(5_000):
            if record_id not in created:
                plan.add(record_id, name, old, overwritten)
        if plan.values or created or only:
            plans[record_type] = plan
    return plans


def _write_plans(plans, sets, outcome, by, remove):
    """Do what is planned, in one transaction; `by` None asks no permission, `remove` takes created records away for good."""
    touched = set()
    for record_type, plan in _in_order(plans):
        model = watched_models()[record_type]
        allowed = _allowed(model, plan.records() | plan.created, by)
        done = _write_back(model, plan.values, allowed, outcome)
        removed = _remove_created(model, record_type, plan.created, allowed, outcome, remove, sets)
        left = done if remove else done | removed
        if left and record_type in _derive:
            _derive[record_type](sorted(left))
        touched |= {(record_type, pk) for pk in done | removed}
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

    def going(self):
        """Return the ids of the records that it would put into the bin."""
        return self.created | {pk for pk, deleted_at in self.becomes("deleted_at").items() if deleted_at}

    def without_created(self):
        plan = Plan(set())
        plan.values = self.values
        return plan

    def only_created(self):
        return Plan(self.created)

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
    """Set the fields to their former values, in sets; return the ids written.

    What was written last is taken back first, and each record at once: the constraints hold at every step, as they did on
    the way there.
    """
    values = defaultdict(dict)
    for (record_id, name), (old, overwritten) in reversed(first.items()):
        if record_id not in allowed:
            outcome.leave([record_id], _not_allowed())
        elif overwritten:
            label = beside[name].label if name in beside else model._meta.get_field(name).verbose_name
            outcome.leave([record_id], _("“%(field)s” was changed again later.") % {"field": label})
        else:
            values[record_id][name] = old
    if _has_unique(model):
        _write_in_order(model, values)
    else:
        groups = defaultdict(list)
        for record_id, olds in values.items():
            groups[tuple(sorted(olds.keys() - beside.keys()))].append(record_id)
        for names, ids in groups.items():
            fields = [model._meta.get_field(name) for name in names]
            for chunk in chunks(sorted(ids)):
                # A record that was erased or purged since is simply not there.
                rows = [(pk, *(value_of(field, values[pk][field.name]) for field in fields)) for pk in chunk]
                update_many(model, rows, names)
    for record_id, olds in values.items():
        for name in olds.keys() & beside.keys():
            beside[name].write(model, record_id, olds[name])
    return set(values)


def _has_unique(model):
    """Tell whether one record may keep another from having a value: then they are written back one after the other."""
    unique = any(isinstance(one, models.UniqueConstraint) for one in model._meta.constraints)
    return unique or any(field.unique and not field.primary_key for field in model._meta.concrete_fields)


def _write_in_order(model, values):
    """Write fields back, by one statement for all records that get the same, those that were written last first."""
    groups = defaultdict(list)
    for record_id, olds in values.items():
        groups[tuple(sorted(olds.items()))].append(record_id)
    marks = model.edited()
    for olds, ids in groups.items():
        columns = {
            (field := model._meta.get_field(name)).attname: value_of(field, old) for name, old in olds if name not in beside
        }
        for chunk in chunks(sorted(ids)):
            model.objects.filter(pk__in=chunk).update(**columns, **marks)


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
    if remove:
        kept.update(_still_referred_to(model, ids - kept.keys()))
    for pk, reason in kept.items():
        outcome.leave([pk], reason)
    gone = ids - kept.keys()
    for chunk in chunks(sorted(gone)):
        if remove:
            forget(record_type, chunk)
            model.objects.filter(pk__in=chunk).delete()
        elif hasattr(model, "deleted_at"):
            model.objects.filter(pk__in=chunk).update(deleted_at=timezone.now(), **model.edited())
    return gone


def _still_referred_to(model, ids):
    """Return id -> reason for records that others, also some in the bin, still refer to: the database would not let them go."""
    kept = {}
    for relation in model._meta.related_objects:
        if relation.on_delete is models.PROTECT:
            others, name = relation.related_model._base_manager, relation.field.name
            for chunk in chunks(sorted(ids)):
                found = others.filter(**{f"{name}__in": chunk}).values_list(name, flat=True).distinct()
                kept.update(dict.fromkeys(found, _("Other records still refer to it.")))
    return kept


#: functions(record_type, ids): drop what stands beside a record (its search text) before it is removed.
_forget: list[Callable] = []


def forgotten_by(function):
    """Register what must go when records are removed for good."""
    _forget.append(function)
    return function


def forget(record_type, ids):
    """Drop what stands beside records that are about to be removed for good."""
    ExternalId = apps.get_model("crm.ExternalId")
    ExternalId.objects.filter(record_type=record_type, record_id__in=ids).delete()
    for function in _forget:
        function(record_type, ids)
