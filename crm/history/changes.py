"""Opening change sets: the one door through which records are written (architecture, idea 3)."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from crm.history.models import ChangeSet, Transaction

AT_ONCE = 2_000  # records up to this number are one transaction; more are chunks of it (settled 11)
MAX_LISTED = 2_000  # records left unchanged, of which the reason is kept: of each type, for each reason


@dataclass
class Outcome:
    """What an action did: under which change set, to how many records, and which it left and why."""

    change_set: ChangeSet | None = None
    changed: int = 0
    left: list[tuple[int, str]] = field(default_factory=list)
    #: The same as record type -> reason -> ids, of an undo, which takes back what was done to records of several types.
    left_of: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    #: What a rule proposes to do, for the user to answer (leads.automation).
    proposals: list = field(default_factory=list)

    #: Which were left, as (record type, id): each counts once, whatever the number of its reasons.
    _known: set[tuple[str, int]] = field(default_factory=set, repr=False)

    def leave(self, ids: Iterable[int], reason, record_type="") -> None:
        """Note that these records were left, and why; of one that was left already the first reason stays."""
        ids = [pk for pk in sorted(set(ids)) if (record_type, pk) not in self._known]
        self._known.update((record_type, pk) for pk in ids)
        self.left.extend((pk, str(reason)) for pk in ids)
        if ids and record_type:
            self.left_of.setdefault(record_type, {}).setdefault(str(reason), []).extend(ids)

    def listed(self) -> dict:
        """Return what an undo left, short enough to be kept: see crm.tables.left. What is cut short is counted whole."""
        of = {name: {reason: ids[:MAX_LISTED] for reason, ids in found.items()} for name, found in self.left_of.items()}
        counts: Counter[str] = Counter()
        for found in self.left_of.values():
            counts.update({reason: len(ids) for reason, ids in found.items()})
        return {"count": len(self.left), "of": of, "counts": dict(counts)}


class Conflict(Exception):
    """Somebody else changed the record meanwhile (R17).

    `record` is as it is now; `fields` maps the name of each field that both changed to (current value, mine).
    """

    def __init__(self, record, fields=None):
        super().__init__(_("Somebody else has changed this record in the meantime."))
        self.record, self.fields = record, fields or {}


class TakenBack(Exception):
    """Somebody else has taken this work back, or does so now: who wrote it was thought to be dead, and may write no more."""


def running_id():
    """Return the id of the running change set of this transaction, or None."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nullif(current_setting('lotse.change_set', true), '')::bigint")
        else:
            cursor.execute("SELECT change_set_id FROM crm_runningchangeset WHERE id = 1")
        row = cursor.fetchone()
    return row[0] if row else None


def _set_running(pk):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT set_config('lotse.change_set', %s, true)", [str(pk or "")])
        else:
            cursor.execute("INSERT OR REPLACE INTO crm_runningchangeset(id, change_set_id) VALUES (1, %s)", [pk])


def as_known(change_set):
    """Return the row of long work that runs, if it is as its writer knows it: *undone* is what is being taken back."""
    return ChangeSet.objects.filter(pk=change_set.pk, state=ChangeSet.State.RUNNING, undone=change_set.undone)


@contextmanager
def writing(change_set):
    """Write in one transaction under this change set; the one that ran before is restored at its end.

    On an error the rollback restores it: on both databases the setting is part of the transaction. Raise TakenBack where it is
    long work that somebody else has taken over.
    """
    with transaction.atomic():
        before = running_id()
        _set_running(change_set.pk)
        # Long work is several transactions: who watches the history is to see each of them (crm.history.live). Who takes it back
        # waits for the one that holds this row, and lets none follow it (crm.history.undo).
        if change_set.state == ChangeSet.State.RUNNING and not as_known(change_set).update(transaction=Transaction()):
            raise TakenBack
        yield change_set
        _set_running(before)


@contextmanager
def change(action, *, by, via, params=None, undoes=None, parent=None):
    """Open a change set and a transaction; nested in another action it is that one's child, else that of `parent`.

    Leaves no empty change set behind: one under which nothing was written is deleted again. A `by` who is no stored user (who
    acts for a stranger) is nobody to the history.
    """
    with transaction.atomic():
        change_set = ChangeSet.objects.create(
            action=action,
            by=by if by and by.pk else None,
            via=via,
            params=params or {},
            undoes=undoes,
            parent_id=running_id() or (parent and parent.pk),
        )
        with writing(change_set):
            yield change_set
        if not change_set.changes.exists() and not change_set.children.exists():
            change_set.delete()


def ids_of(records) -> list[int]:
    """Return the ids of a record, a list of records or a queryset, in order: the frozen list an action works on."""
    if isinstance(records, models.Model):
        return [records.pk]
    if isinstance(records, models.QuerySet):
        return list(records.order_by("pk").values_list("pk", flat=True))
    return sorted(record.pk for record in records)


def chunks(ids: list[int], size: int = AT_ONCE):
    """Yield the ids in lists of at most `size`."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def act(
    records,
    step: Callable[[list[int], Outcome], None],
    *,
    action: str,
    by,
    via: str,
    params: dict | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run `step(ids, outcome)` over the records under one change set and return the outcome.

    Up to AT_ONCE records it is one transaction. More are chunks, one transaction each, under a change set marked
    *running*; an error (also one raised by `progress`, to cancel) takes the finished chunks back and is raised on.
    """
    ids = ids_of(records)
    outcome = Outcome()
    if not ids:
        return outcome
    if len(ids) <= AT_ONCE:
        with change(action, by=by, via=via, params=params) as change_set:
            step(ids, outcome)
        outcome.change_set = change_set if change_set.pk else None
        return outcome
    with long_change(action, by=by, via=via, params=params) as change_set:
        outcome.change_set = change_set
        done = 0
        for chunk in chunks(ids):
            with writing(change_set):
                step(chunk, outcome)
            done += len(chunk)
            if progress:
                progress(done, len(ids))
    if change_set.pk is None:
        outcome.change_set = None
    return outcome


@contextmanager
def long_change(action, *, by, via, params=None, at_end: Callable[[], None] = lambda: None):
    """Open a change set for work of several transactions, each a `writing(change_set)` of the caller's.

    It is marked *running* until the end; an error takes back what was written and is raised on. Leaves none behind under
    which nothing was written. `at_end` is called when it is marked *done*, or is gone, in the same transaction: whoever asks
    later, after the process has died at any place, finds both or neither. What was ended once it was done stays done, and what
    another worker has taken over is left to that one.
    """
    change_set = ChangeSet.objects.create(
        action=action, by=by, via=via, params=params or {}, state=ChangeSet.State.RUNNING, parent_id=running_id()
    )
    pk = change_set.pk
    try:
        yield change_set
        with transaction.atomic():
            if not as_known(change_set).update(state=ChangeSet.State.DONE):
                raise TakenBack
            change_set.state = ChangeSet.State.DONE
            if not (change_set.changes.exists() or change_set.children.exists()):
                change_set.delete()
            at_end()
    except BaseException:
        from crm.history.undo import take_back

        change_set.pk, change_set.state = pk, ChangeSet.State.RUNNING  # as it is again in the database
        if as_known(change_set).update(undone=True):
            if change_set.changes.exists() or change_set.children.exists():
                take_back(change_set)
            else:
                change_set.delete()
        raise
