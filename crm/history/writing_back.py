"""Writing back what is planned: former values in sets, created records into the bin or away."""

import json
from collections import defaultdict

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from crm import access
from crm.database import update_many
from crm.history import hooks
from crm.history.changes import chunks
from crm.history.hooks import beside, forget
from crm.history.models import Change
from crm.history.plans import changed_again, in_order, not_allowed
from crm.history.triggers import watched_models


def write_plans(plans, sets, outcome, by, remove):
    """Do what is planned, in one transaction; `by` None asks no permission, `remove` takes created records away for good."""
    touched = set()
    for record_type, plan in in_order(plans):
        model = watched_models()[record_type]
        allowed = _allowed(model, plan.records() | plan.created, by)
        done = _write_back(model, plan.values, allowed, outcome)
        removed = _remove_created(model, record_type, plan.created, allowed, outcome, remove, sets)
        left = done if remove else done | removed
        if left and record_type in hooks.derive:
            hooks.derive[record_type](sorted(left))
        touched |= {(record_type, pk) for pk in done | removed}
    outcome.changed += len(touched)


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
    values, left = defaultdict(dict), {}  # a record is left once, whatever the number of its fields
    for (record_id, name), (old, overwritten) in reversed(first.items()):
        if record_id not in allowed:
            left[record_id] = not_allowed()
        elif overwritten:
            left[record_id] = changed_again(model, name)
        else:
            values[record_id][name] = old
    for record_id, reason in left.items():
        outcome.leave([record_id], reason, model.history.record_type)
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
    """Put created records into the bin (those of an import, and those of lists without one: remove them), unless somebody has built on them."""
    if not created:
        return set()
    outcome.leave(created - allowed, not_allowed(), record_type)
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
        for tell in hooks.built_on.get(record_type, []):
            kept.update(tell([pk for pk in chunk if pk not in kept], sets))
    remove = remove or not hasattr(model, "deleted_at")  # what knows no bin goes for good, as when it is deleted
    if remove:
        kept.update(_still_referred_to(model, ids - kept.keys()))
    for pk, reason in kept.items():
        outcome.leave([pk], reason, record_type)
    gone = ids - kept.keys()
    for chunk in chunks(sorted(gone)):
        if remove:
            forget(record_type, chunk)
            model.objects.filter(pk__in=chunk).delete()
        else:
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
