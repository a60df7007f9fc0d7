"""Taking a change set back, without overwriting what came later (R16, settled 8)."""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from crm import access
from crm.history import hooks
from crm.history.changes import AT_ONCE, Outcome, TakenBack, as_known, change, chunks, writing
from crm.history.models import Change, ChangeSet
from crm.history.plans import in_order, is_refusal, plan_for, planned
from crm.history.triggers import watched_models
from crm.history.writing_back import write_plans
from crm.locks import lock_rows


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
    params.pop("left", None)
    action = "redo" if change_set.action == "undo" else "undo"
    if is_large(change_set):
        return _undo_in_chunks(change_set, sets, action, params, by, via, progress)
    outcome = Outcome()
    with change(action, by=by, via=via, undoes=change_set, params=params) as mine:
        if not ChangeSet.objects.select_for_update().get(pk=change_set.pk).undoable:
            return outcome
        _lock(sets)
        plans = planned(change_set, sets, outcome, by)
        write_plans(plans, sets, outcome, by, remove=change_set.action == "import")
        _require_some(outcome)
        _mark(change_set, sets, outcome)
        _keep_left(mine, outcome)
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
    return entries[: AT_ONCE + 1].count() > AT_ONCE or sum(weigh(sets) for weigh in hooks.weights) > AT_ONCE


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
        plans = planned(change_set, sets, outcome, by)
        total, done = sum(len(plan.records() | plan.created) for plan in plans.values()), 0
        for record_type, plan in in_order(plans):
            for ids in chunks(sorted(plan.records() | plan.created)):
                with writing(mine):
                    # Planned anew: somebody may have changed one of them while the chunks before were written.
                    lock_rows(watched_models()[record_type]._default_manager.filter(pk__in=ids))
                    part = plan_for(sets, only=(record_type, ids))
                    part[record_type].drop(set(ids) - plan.records() - plan.created)
                    write_plans(part, sets, outcome, by, remove=change_set.action == "import")
                done += len(ids)
                if progress:
                    progress(done, total)
    except BaseException:
        if as_known(mine).update(undone=True):
            take_back(mine)
            ChangeSet.objects.filter(pk=change_set.pk).update(undone=False)
        raise
    with transaction.atomic():
        if not as_known(mine).update(state=ChangeSet.State.DONE):
            raise TakenBack
        ChangeSet.objects.filter(pk=change_set.pk).update(undone=False)
        _mark(change_set, sets, outcome)
        _keep_left(mine, outcome)
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
    whole = not any(is_refusal(reason) for _id, reason in outcome.left)
    if whole:
        ChangeSet.objects.filter(pk__in=sets).update(undone=True)
    for function in hooks.after:
        function(change_set)
    # What an undone undo had undone is in force again; and what that had undone in its turn is not.
    former, undone = change_set.undoes, False
    while former:
        if whole or not undone:
            ChangeSet.objects.filter(pk__in=_set_off(former)).update(undone=undone)
        former, undone = former.undoes, not undone


def _keep_left(mine, outcome):
    """Keep with the undo, or with what was taken back, which records were left, and why (settled 8)."""
    if outcome.left:
        mine.params = {**mine.params, "left": outcome.listed()}
        ChangeSet.objects.filter(pk=mine.pk).update(params=mine.params)


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
    if not outcome.changed and outcome.left and all(is_refusal(reason) for _id, reason in outcome.left):
        raise PermissionDenied(outcome.left[0][1])


def take_back(change_set):
    """Take back the finished part of a change set that failed or was cancelled, and what it set off; as if it never ran.

    What others have changed or built on since is left, and listed with it (settled 8).
    """
    # Its writer may be alive after all: its last transaction is waited for, and it gets no other (crm.history.changes.writing).
    ChangeSet.objects.filter(pk=change_set.pk).update(undone=True)
    change_set.undone = True
    sets = family(change_set)
    plans, outcome = plan_for(sets), Outcome()
    try:
        for record_type, plan in in_order(plans):
            for ids in chunks(sorted(plan.records() | plan.created)):
                with writing(change_set):
                    part = plan_for(sets, only=(record_type, ids))
                    write_plans(part, sets, outcome, None, remove=True)
    except TakenBack:
        if not ChangeSet.objects.filter(pk=change_set.pk, state=ChangeSet.State.FAILED).exists():
            raise
        # Another one who took it back came to the end first, and said what had to be left.
        change_set.state = ChangeSet.State.FAILED
        return
    for function in hooks.after:
        function(change_set)
    with transaction.atomic():
        ChangeSet.objects.filter(pk__in=sets).update(state=ChangeSet.State.FAILED, undone=True)
        _keep_left(change_set, outcome)
    change_set.state = ChangeSet.State.FAILED
