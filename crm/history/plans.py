"""What an undo is about to do: the values to write back, the records to take away, and what must be left."""

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from crm.history import hooks
from crm.history.changes import chunks
from crm.history.models import Change, ChangeSet
from crm.history.triggers import watched_models


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


def planned(change_set, sets, outcome, by):
    """Return record type -> Plan for an undo by this user, from which what must be left is dropped, and listed."""
    plans = plan_for(sets)
    for record_type, plan in plans.items():
        gone = _gone(watched_models()[record_type], plan.records() | plan.created)
        # What an import had brought was to go: an earlier undo, which left the rest, has removed it.
        removed = plan.created if change_set.action == "import" else set()
        plan.drop(gone)
        outcome.leave(gone - removed, _("It was removed for good."), record_type)
    if by.pk != change_set.by_id and not by.role.may_delete:
        for record_type, plan in plans.items():
            if hasattr(watched_models()[record_type], "owner_paths"):
                going = plan.going()
                plan.drop(going)
                outcome.leave(going, may_not_delete(), record_type)
    for record_type, plan in plans.items():
        for guard in hooks.guards.get(record_type, []):
            refused = guard(plans)
            plan.drop(refused)
            for pk, reason in refused.items():
                outcome.leave([pk], reason, record_type)
    return plans


def _gone(model, ids):
    """Return those of the ids whose record was removed since, by a purge or with its import."""
    there = set()
    for chunk in chunks(sorted(ids)):
        there.update(model._default_manager.filter(pk__in=chunk).values_list("pk", flat=True))
    return ids - there


def plan_for(sets, only=None):
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


def in_order(plans):
    """Yield (record type, plan): fields written back from the lower records up, created records removed from the top."""
    for record_type, plan in plans.items():
        yield record_type, plan.without_created()
    for record_type, plan in reversed(plans.items()):
        yield record_type, plan.only_created()


def not_allowed():
    return _("You may not change this record.")


def changed_again(model, name):
    label = hooks.beside[name].label if name in hooks.beside else model._meta.get_field(name).verbose_name
    return _("“%(field)s” was changed again later.") % {"field": label}


def may_not_delete():
    return _("Your role may not delete records.")


def is_refusal(reason):
    """Tell whether this reason is one of permission: somebody else may not meet with it."""
    return reason in {not_allowed(), may_not_delete()}
