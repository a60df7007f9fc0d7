"""What a file knows of the records it has met: found by their marks, remembered on disk from batch to batch."""

import json
from dataclasses import dataclass
from typing import Any

from crm import access
from crm.models import ExternalId
from exchange.links import external_records
from exchange.rows import Row
from leads.models import Company

#: What a record is known by: its kind and its text.
Mark = tuple[str, str]


@dataclass
class Trace:
    """What the rows of this file have done to one record so far."""

    given: bool = False
    made: bool = False
    changed: bool = False
    #: Its lead status is the default one because no row has given it another.
    default_status: bool = False
    #: That it is not the importer's to change has been said.
    noted: bool = False
    #: In a dry run the columns it would have by now; None where the database has them.
    values: dict | None = None
    row: Row | None = None

    def set(self, attname, value):
        if self.values is not None:
            self.values[attname] = value if value is None or isinstance(value, (bool, int)) else str(value)


class Traces:
    """The traces of the records of one type, kept on disk from batch to batch; in a dry run with the records themselves."""

    def __init__(self, seen, model, categories, *, dry):
        self._seen, self._model, self._categories, self._dry = seen, model, categories, dry
        self._made = 0
        self._columns = {column.attname: column for column in model._meta.concrete_fields}
        self._categorised = "category_id" in self._columns

    def find(self, marks, live, keys, sources):
        """Return the records behind these marks, each with its trace, and the marks that are ids which are known already.

        `keys` maps a kind of mark to the column that holds it, `sources` to the name of the system whose ids they are.
        """
        wanted: dict[str, set[str]] = {}
        for kind, text in {mark for found in marks.values() for mark in found}:
            wanted.setdefault(kind, set()).add(text)
        by_pk: dict[int, Any] = {}
        at: dict[Mark, int] = {}
        for kind, column in keys.items():
            if texts := wanted.get(kind):
                # The oldest of several wins.
                for record in live.filter(**{f"{column}__in": texts}).order_by("-pk"):
                    by_pk[record.pk] = record
                    at[kind, getattr(record, column)] = record.pk
        ids = {}
        for kind, source in sources.items():
            found = external_records(source, self._model.history.record_type, wanted.get(kind))
            ids |= {(kind, text): pk for text, pk in found.items()}
        if self._dry:
            planned = self._seen.find(f"{self._name} {kind} {text}" for kind, texts in wanted.items() for text in texts)
            for key, pk in planned.items():
                kind, _space, text = key.removeprefix(f"{self._name} ").partition(" ")
                at.setdefault((kind, text), pk)
        by_pk |= live.in_bulk([pk for pk in {*ids.values(), *at.values()} if pk > 0 and pk not in by_pk])
        by_pk |= {pk: self._model(pk=pk) for pk in at.values() if pk < 0}
        # The id of a record that is in the bin, or gone, will belong to its successor.
        ids = {mark: pk for mark, pk in ids.items() if pk in by_pk}
        self._recall(by_pk)
        return {mark: by_pk[pk] for mark, pk in {**at, **ids}.items() if pk in by_pk}, ids

    @property
    def _name(self):
        return self._model.__name__

    def _recall(self, by_pk):
        kept = self._seen.find(f"{self._name} {pk}" for pk in by_pk)
        for pk, record in by_pk.items():
            flags, values = json.loads(kept.get(f"{self._name} {pk}", "[[], null]"))
            record.trace = Trace(*flags, values=(values or {}) if self._dry else None)
            for attname, value in (values or {}).items():
                setattr(record, attname, self._columns[attname].to_python(value))
            if self._categorised:
                # Not by a join: there are few categories, and many records.
                record.category = self._categories.get(record.category_id) or record.category

    def make(self, record, values):
        """Give a new record its trace, and in a dry run its id; return it."""
        record.trace = Trace(given=True, made=True, values={} if self._dry else None)
        if self._dry:
            self._made -= 1
            record.pk = self._made
            also = {"category": record.category} if self._categorised else {}
            for name, value in {**also, "owner": record.owner, **values}.items():
                described = self._model._meta.get_field(name)
                record.trace.set(described.attname, value.pk if described.is_relation and value is not None else value)
            if self._model is Company:
                record.trace.set("name_key", record.name_key)
        return record

    def editable(self, records, by) -> set[int]:
        """Return the ids of those that the importer may change."""
        ids = {record.pk for record in records if record.pk > 0}
        return set(access.editable(self._model.objects.filter(pk__in=ids), by).values_list("pk", flat=True)) if ids else set()

    def keep(self, known):
        """Remember the records of a batch; once they are written."""
        kept: dict[str, Any] = {}
        for record in {id(record): record for record in known.values()}.values():
            trace = record.trace
            if trace.given or trace.noted:
                flags = [trace.given, trace.made, trace.changed, trace.default_status, trace.noted]
                kept[f"{self._name} {record.pk}"] = json.dumps([flags, trace.values])
        if self._dry:
            kept |= {f"{self._name} {kind} {text}": record.pk for (kind, text), record in known.items()}
        self._seen.add(kept)


def first(known, marks):
    """Return the record of the first of these marks that leads to one, or None."""
    return next((known[mark] for mark in marks if mark in known and holds(known[mark], mark)), None)


def holds(record, mark):
    """Tell whether a record goes by this name or address; found by an id it may not, and an address may be overwritten."""
    kind, text = mark
    if kind == "email":
        return record.email.strip().lower() == text
    return kind != "name" or record.name_key == text


def keep_external_ids(source, record_type, records, change_set):
    """Remember external id -> record for the next file, under this change set."""
    if source and records:
        rows = [
            ExternalId(
                source=source, record_type=record_type, record_id=record.pk, external_id=external, change_set_id=change_set.pk
            )
            for external, record in records.items()
        ]
        # An id of a record that is in the bin, or gone, now belongs to its successor.
        ExternalId.objects.bulk_create(
            rows, batch_size=1_000, update_conflicts=True, unique_fields=["source", "record_type", "external_id"],
            update_fields=["record_id", "change_set"],
        )  # fmt: skip
