"""What the rooms say about undo: what it must recompute, leave or take along. An undo asks here, so that it knows no room."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

#: record type -> function(ids): recompute what is derived from the fields an undo has written.
derive: dict[str, Callable] = {}
#: record type -> functions(ids, change set ids) -> {id: sentence}: why a created record cannot be taken away again.
built_on: dict[str, list[Callable]] = {}
#: functions(change set ids) -> number: see weighed_by.
weights: list[Callable] = []
#: record type -> functions(plans): see guarded_by.
guards: dict[str, list[Callable]] = {}
#: functions(change set): see after_undo.
after: list[Callable] = []
#: functions(record_type, ids): see forgotten_by.
forgotten: list[Callable] = []


def derived_by(record_type):
    """Register the function that recomputes the derived columns of these records after an undo."""

    def register(function):
        derive[record_type] = function
        return function

    return register


def guarded_by(record_type):
    """Register function(plans) -> {id: sentence}: records of this type that must be left, so that the data stays whole."""

    def register(function):
        guards.setdefault(record_type, []).append(function)
        return function

    return register


def built_on_by(record_type):
    """Register the function that tells of which created records others have since made use."""

    def register(function):
        built_on.setdefault(record_type, []).append(function)
        return function

    return register


def after_undo(function):
    """Register function(change set): take away what stands beside the records, once a change set has been undone."""
    after.append(function)
    return function


def weighed_by(function):
    """Register function(change set ids) -> how many records beyond those with an entry an undo would rewrite."""
    weights.append(function)
    return function


def forgotten_by(function):
    """Register what must go when records are removed for good."""
    forgotten.append(function)
    return function


def forget(record_type, ids):
    """Drop what stands beside records that are about to be removed for good."""
    ExternalId = apps.get_model("crm.ExternalId")
    ExternalId.objects.filter(record_type=record_type, record_id__in=ids).delete()
    for function in forgotten:
        function(record_type, ids)


@dataclass(frozen=True)
class Beside:
    """A field that stands in a table of its own, and whose changes an action writes into the history itself."""

    label: Any
    write: Callable[[type[models.Model], int, str | None], None]
    words: Callable[[str | None], str]


#: name -> Beside: such fields, of any record type; see crm.external_ids.
beside: dict[str, Beside] = {}
