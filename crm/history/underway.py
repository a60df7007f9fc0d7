"""Long work that is being written just now: pages that would show it half-done say so (settled 11)."""

import json

from django.db import connection

from crm import records
from crm.history.triggers import watched_models

#: Record types that work writes whose name tells none: by the action.
_writes: dict[str, set[str]] = {}


def writes(action, record_types):
    """Tell which record types this kind of long work brings or changes."""
    _writes[action] = set(record_types)


def statement() -> str:
    """Return the select, for a statement that is asked anyway, that gives the actions of jobs under way as JSON.

    Its condition is that of the index that holds nothing but these, and that is empty most of the time.
    """
    gather, of = "json_agg(DISTINCT action)::text", "params->>'of'"
    if connection.vendor == "sqlite":
        gather, of = "json_group_array(DISTINCT action)", "json_extract(params, '$.of')"
    return (
        f"SELECT {gather} FROM (SELECT COALESCE({of}, action) AS action FROM crm_changeset"  # noqa: S608 (nothing is filled in)
        " WHERE state = 'running' AND job_id IS NOT NULL) running"
    )


def read(answer) -> set[str]:
    """Return the record types that the work of this answer concerns."""
    return {one for action in json.loads(answer or "[]") for one in _concerned(action)}


def record_types() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement())
        return read(cursor.fetchone()[0])


def _concerned(action):
    """Return the record types it writes itself, and those that belong to what it writes: the persons of a company."""
    if action in _writes:
        return _writes[action]
    changed = watched_models().get(action.partition(".")[0])
    return {
        one.name
        for one in records.every()
        if changed and (one.model is changed or any(field.related_model is changed for field in one.model._meta.fields))
    }
