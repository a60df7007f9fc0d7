"""The rows behind a selection: its parts and members, which follow what the history knows of it (docs/decisions/0017).

A change of members is one statement in the database that notes which ids come and go (a `SelectionStep`), and one that writes
the rows from that note. Undo sets the selection's step back, and the rows follow it along the steps.
"""

import json

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from crm import records
from crm.history.hooks import built_on_by, derived_by, forgotten_by, guarded_by
from crm.locks import hold
from crm.text import fold
from selections.models import RecordKind, Selection, SelectionEvent, SelectionMember, SelectionPart, SelectionStep

PARTS_LOCK = "selection parts"


def _sql(postgresql, sqlite):
    return postgresql if connection.vendor == "postgresql" else sqlite


# --- Members ----------------------------------------------------------------------------------------------------------


def take_step(selection, *, adds=None, removes=None) -> SelectionStep | None:
    """Add the records of one queryset and remove those of another, of a locked selection; None if that changes nothing."""
    step = SelectionStep(selection=selection, before_id=selection.step_id)
    step.added, step.added_count = _ids_as_json(selection, adds, there=False)
    step.removed, step.removed_count = _ids_as_json(selection, removes, there=True)
    if not step.added_count and not step.removed_count:
        return None
    step.save()
    _write(selection, step, forwards=True)
    step.members = SelectionMember.objects.filter(selection=selection.pk).count()
    step.save(update_fields=["members"])
    Selection.objects.filter(pk=selection.pk).update(step=step, rows_at=step.pk, **Selection.edited())
    selection.step, selection.rows_at = step, step.pk
    return step


def _ids_as_json(selection, queryset, *, there):
    """Return (JSON text, number) of the ids of the queryset that are, or are not yet, members."""
    if queryset is None:
        return "[]", 0
    try:
        sql, params = queryset.order_by().values(record=F("pk")).query.sql_with_params()
    except EmptyResultSet:
        return "[]", 0
    gather = _sql("json_agg(q.record)::text", "json_group_array(q.record)")
    # Of our own texts; values are parameters.
    statement = (
        f"SELECT coalesce({gather}, '[]'), count(*) FROM ({sql}) q WHERE {'' if there else 'NOT '}EXISTS"
        " (SELECT 1 FROM selections_selectionmember m WHERE m.selection_id = %s AND m.record_id = q.record)"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, selection.pk])
        return cursor.fetchone()


def _write(selection, step, *, forwards):
    """Let the rows go through a step, or back."""
    comes, goes = ("added", "removed") if forwards else ("removed", "added")
    table = connection.ops.quote_name(records.get(selection.record_type).model._meta.db_table)

    def ids(column):
        return _sql(
            f"SELECT j.value::bigint AS value FROM selections_selectionstep s CROSS JOIN LATERAL json_array_elements_text(s.{column}::json) j(value) WHERE s.id = %s",
            f"SELECT j.value AS value FROM selections_selectionstep s, json_each(s.{column}) j WHERE s.id = %s",
        )

    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM selections_selectionmember WHERE selection_id = %s AND record_id IN ({ids(goes)})",
            [selection.pk, step.pk],
        )
        # Whoever was purged or erased since does not come back.
        cursor.execute(
            f"INSERT INTO selections_selectionmember (selection_id, record_id) SELECT %s, v.value FROM ({ids(comes)}) v"
            f" WHERE EXISTS (SELECT 1 FROM {table} r WHERE r.id = v.value) ON CONFLICT DO NOTHING",
            [selection.pk, step.pk],
        )


def _follow_steps(selection):
    """Let the member rows go to the step the selection is at, back and forth along the steps."""
    if selection.rows_at == selection.step_id:
        return
    before = dict(SelectionStep.objects.filter(selection=selection.pk).values_list("pk", "before_id"))

    def way_back(pk):
        way = []
        while pk is not None and pk in before:
            way.append(pk)
            pk = before[pk]
        return way

    back, forth = way_back(selection.rows_at), way_back(selection.step_id)
    shared = set(back) & set(forth)
    light = SelectionStep.objects.defer("added", "removed")
    for pk in [one for one in back if one not in shared]:
        _write(selection, light.get(pk=pk), forwards=False)
    for pk in reversed([one for one in forth if one not in shared]):
        _write(selection, light.get(pk=pk), forwards=True)
    Selection.objects.filter(pk=selection.pk).update(rows_at=selection.step_id)


# --- Parts ------------------------------------------------------------------------------------------------------------


def hold_parts():
    """Wait until nobody else changes which selections are parts of which: two changes at once could close a circle."""
    hold(PARTS_LOCK)


def write_parts(selection):
    """Let the rows follow `part_ids`."""
    wanted = list(selection.part_ids or [])
    there = list(SelectionPart.objects.filter(whole=selection.pk).order_by("rank").values_list("part_id", flat=True))
    if wanted != there:
        SelectionPart.objects.filter(whole=selection.pk).delete()
        SelectionPart.objects.bulk_create(SelectionPart(whole=selection, part_id=pk, rank=rank) for rank, pk in enumerate(wanted))


def within(ids) -> set[int]:
    """Return the ids of all selections inside these, however deep, and their own."""
    found, last = set(ids), set(ids)
    while last:
        last = set(SelectionPart.objects.filter(whole__in=last).values_list("part_id", flat=True)) - found
        found |= last
    return found


def depth_of(pk) -> int:
    """Return how many selections stand within each other from this one down."""
    parts = SelectionPart.objects.filter(whole=pk).values_list("part_id", flat=True)
    return 1 + max((depth_of(part) for part in parts), default=0)


def used_by(ids) -> dict[int, str]:
    """Return id -> reason for selections that are part of one that is not deleted (settled 5)."""
    rows = SelectionPart.objects.filter(part__in=ids, whole__deleted_at=None).exclude(whole__in=ids).select_related("whole")
    return {row.part_id: _("It is part of the selection “%(name)s”.") % {"name": row.whole.name} for row in rows}


# --- After an undo ----------------------------------------------------------------------------------------------------


@derived_by("selection")
def follow(ids):
    """Let keys, parts and members follow what an undo has written back."""
    for selection in Selection.objects.filter(pk__in=ids):
        key = fold(selection.name)
        if key != selection.name_key:
            Selection.objects.filter(pk=selection.pk).update(name_key=key)
        write_parts(selection)
        _follow_steps(selection)


@guarded_by("selection")
def no_circle(plans):
    """Return the selections whose former parts would by now contain them, or are gone."""
    refused = {}
    plan = plans.get("selection")
    if plan is None:
        return refused
    hold_parts()
    for pk, text in plan.becomes("part_ids").items():
        parts = text if isinstance(text, list) else json.loads(text or "[]")
        if pk in within(parts) or Selection.objects.filter(pk__in=parts).count() < len(parts):
            refused[pk] = _("Its former parts contain it by now, or are gone.")
    return refused


@built_on_by("selection")
def parts_stay(ids, sets):
    return used_by(ids)


@forgotten_by
def forget_members(record_type, ids):
    """Records that are removed for good are in no selection any more (settled 12)."""
    if record_type in RecordKind.values:
        for model in (SelectionMember, SelectionEvent):
            model.objects.filter(record_id__in=ids, selection__record_type=record_type).delete()
    elif record_type == "selection":
        SelectionPart.objects.filter(part__in=ids).delete()
