"""Bringing a file's rows in: checked whole first, then written in batches under one change set (I1, settled 11, 17, 18).

A row finds its person by the id of the other system, then by e-mail, then by being the same row as before; its company by that
id, then by name. Matching considers all records; one that the importer may not change is reported as *exists already* and left
alone. Within a file each field of a record comes from the first row that has it; later rows only fill gaps.

Checking goes through the same code and counts the same. What it would have made or changed by now it keeps on disk
(`exchange.seen`): new records have negative ids there.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from crm import access
from crm.history.changes import writing
from crm.locks import hold_every_key
from crm.models import ExternalId
from crm.text import fold
from exchange import mapping as mappings
from exchange.mapping import COMPANY_ID, EXTERNAL_ID
from exchange.reading import storable
from exchange.rows import Row, RowReader
from exchange.seen import Seen
from leads import bulk, lifecycle
from leads.models import Category, Company, Person

BATCH = 2_000
PAUSE = 0.12  # seconds
#: How many of the notes, of the differences, and of the rows with errors are kept.
MAX_NOTES, MAX_DIFFERENCES, MAX_FAILED = 200, 200, 50_000
COUNTS = ("persons_created", "persons_updated", "companies_created", "companies_updated", "unchanged", "duplicates", "failed")

Mark = tuple[str, str]
Failed = tuple[int, list[str], str]


@dataclass
class Report:
    """What happened, or would happen: the counts, and what is to be noted about rows.

    Each row is counted once: with the record it made or changed first, as unchanged, as a duplicate, or as failed.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    rows: int = 0
    differences: int = 0
    notes: list[tuple[int, str]] = field(default_factory=list)
    differing: list[tuple[int, str]] = field(default_factory=list)

    @property
    def failed(self):
        return self.counts["failed"]

    def note(self, row, text):
        if len(self.notes) < MAX_NOTES:
            self.notes.append((row.number, str(text)))

    def differ(self, row, label):
        self.differences += 1
        if len(self.differing) < MAX_DIFFERENCES:
            self.differing.append(
                (row.number, _("%(field)s: an earlier row has another value, and keeps it.") % {"field": label})
            )

    def as_json(self):
        return {**self.counts, "rows": self.rows, "differences": self.differences, "notes": self.notes,
                "differing": self.differing}  # fmt: skip


class Importer:
    """One file, one mapping, one user. `check` only counts, `write` writes; both go through the same matching.

    `keep` is given the rows with errors, batch by batch: (number, cells, reason).
    """

    def __init__(self, reader: RowReader, keep: Callable[[list[Failed]], None] = lambda rows: None):
        self.reader, self.record_type, self.by, self._keep = reader, reader.record_type, reader.by, keep
        mapping = reader.mapping
        self.overwrite = mapping["policy"] == "overwrite"
        self.source = mappings.source_of(mapping, EXTERNAL_ID) if EXTERNAL_ID in reader.places else ""
        self.company_source = mappings.source_of(mapping, COMPANY_ID) if COMPANY_ID in reader.places else ""
        self._categories, self._default_status = Category.objects.in_bulk(), lifecycle.default_status()
        self.category = self._categories[mapping["category"]]
        self._hashed = sorted(reader.places.values())
        labels = dict(mappings.targets(self.record_type))
        self._fields = {}
        for model, names in ((Person, (*mappings.PERSON_TARGETS, "company")), (Company, mappings.COMPANY_TARGETS)):
            for name in names:
                described = model._meta.get_field(name)
                prefix = "company." if model is Company and self.record_type == "person" else ""
                label = labels.get("company.name" if name == "company" else prefix + name, name)
                self._fields[model, name] = (described.attname, described.is_relation, label)

    def check(self, progress: Callable[[int], None] | None = None) -> Report:
        """Read and match every row without writing; return what would happen."""
        return self._run(None, progress)

    def write(self, change_set, progress: Callable[[int], None] | None = None) -> Report:
        """Write all good rows under this change set, a transaction a batch."""
        return self._run(change_set, progress)

    def _run(self, change_set, progress):
        report, seen = Report(), Seen()
        self._seen = seen
        self._traces = {model: _Traces(seen, model, self._categories, dry=change_set is None) for model in (Person, Company)}
        batch: list[Row] = []
        failed: list[Failed] = []
        try:
            for row in self.reader.rows():
                report.rows += 1
                if not row.error:
                    batch.append(row)
                else:
                    report.counts["failed"] += 1
                    if report.failed <= MAX_FAILED:
                        failed.append((row.number, [storable(cell) for cell in row.cells], row.error))
                if len(batch) == BATCH:
                    self._batch(batch, change_set, report)
                    batch = []
                if len(failed) == BATCH:
                    self._keep(failed)
                    failed = []
                if progress and report.rows % BATCH == 0:
                    progress(report.rows)
            if batch:
                self._batch(batch, change_set, report)
            self._keep(failed)
            if progress:
                progress(report.rows)
        finally:
            seen.close()
        return report

    def _batch(self, rows, change_set, report):
        if change_set is None:
            self._match(rows, report, None)
            return
        with writing(change_set):
            hold_every_key()  # nobody else matches or creates meanwhile (settled 17)
            self._match(rows, report, change_set)
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            # There is one writer, and who waits looks again ten times a second: a click, or the lease of this very job.
            time.sleep(PAUSE)

    def _match(self, rows, report, change_set):
        if self.record_type == "company":
            self._companies([(row, row.values, row.external_id) for row in rows], report, change_set, self.source)
            return
        wanted = [(row, row.company, row.company_id) for row in rows if row.company.get("name") or row.company_id]
        self._companies(wanted, report, change_set, self.company_source)
        self._persons(rows, report, change_set)

    # --- Companies --------------------------------------------------------------------------------------------------------

    def _companies(self, wanted, report, change_set, source):
        """Find, create and complete the companies of a batch; each row's `found_company` is set."""
        own = self.record_type == "company"
        traces = self._traces[Company]
        marks: dict[int, list[Mark]] = {
            row.number: ([("id", external)] if external and source else [])
            + ([("name", fold(values["name"]))] if values.get("name") else [])
            for row, values, external in wanted
        }
        live = Company.objects.filter(deleted_at=None)
        known, ids = traces.find(marks, live, {"name": "name_key"}, {"id": source})
        allowed = traces.editable(known.values(), self.by)
        created, new_ids = [], {}
        changes: dict[Company, set[str]] = {}
        for row, values, external in wanted:
            company = _first(known, marks[row.number])
            if company is None and not values.get("name"):
                report.note(row, _("The company %(id)s is not known; the person comes without one.") % {"id": external})
                continue
            if company is None:
                # A person's company is looked after by whoever looks after the person.
                owner = row.values.get("owner") or self.by
                company = Company(**{"owner": owner, "category": self.category, **values})
                company.name_key = fold(company.name)
                created.append(traces.make(company, values))
                report.counts["companies_created"] += 1
            elif not (company.trace.given or company.pk in allowed):
                if own:
                    report.counts["duplicates"] += 1
                if own or not company.trace.noted:
                    report.note(row, _("Exists already, and is not yours to change.") if own else _(
                        "The company exists already, and is not yours to change."))  # fmt: skip
                company.trace.noted = True
                if own:
                    continue
            else:
                self._give(company, values, row, report, "companies_updated", own, changes)
            row.found_company = company
            if external and source and ("id", external) not in ids:
                new_ids.setdefault(external, company)
            for mark in marks[row.number]:
                if _first(known, [mark]) is None and _holds(company, mark):
                    known[mark] = company
        if change_set is not None:
            bulk.create_companies(created)
            self._left_alone(changes, bulk.update_companies(changes), "companies_updated", own, report)
            _keep_external_ids(source, "company", new_ids, change_set)
        traces.keep(known)

    # --- Persons ----------------------------------------------------------------------------------------------------------

    def _persons(self, rows, report, change_set):
        traces = self._traces[Person]
        marks = self._marks(rows)
        live = Person.objects.filter(deleted_at=None)
        known, ids = traces.find(marks, live, {"email": "email_key"}, {"person": self.source, "row": "row"})
        allowed = traces.editable(known.values(), self.by)
        created: list[Person] = []
        new_ids: dict[str, dict[str, Person]] = {"person": {}, "row": {}}
        changes: dict[Person, set[str]] = {}
        for row in rows:
            person = _first(known, marks[row.number])
            if person is None:
                created.append(person := self._new_person(row, report))
                report.counts["persons_created"] += 1
            elif not (person.trace.given or person.pk in allowed):
                report.counts["duplicates"] += 1
                report.note(row, _("Exists already, and is not yours to change."))
                continue
            else:
                values = self._fitting(person, row, report)
                other = _first(known, [mark for mark in marks[row.number] if mark[0] == "email"])
                if other is not None and other is not person:
                    report.note(row, _("Another person has this e-mail address; it was not taken."))
                    values = {name: value for name, value in values.items() if name != "email"}
                self._give(person, values, row, report, "persons_updated", True, changes)
            for mark in marks[row.number]:
                if _first(known, [mark]) is None and _holds(person, mark):
                    known[mark] = person
                if mark[0] in new_ids and mark not in ids:
                    new_ids[mark[0]].setdefault(mark[1], person)
        if change_set is not None:
            bulk.create_persons(created, by=self.by, via="import")
            self._left_alone(changes, bulk.update_persons(changes, by=self.by, via="import"), "persons_updated", True, report)
            _keep_external_ids(self.source, "person", new_ids["person"], change_set)
            _keep_external_ids("row", "person", new_ids["row"], change_set)
        traces.keep(known)

    def _marks(self, rows) -> dict[int, list[Mark]]:
        """Return what the person of each row is known by, the surest first."""
        marks: dict[int, list[Mark]] = {}
        digests = {}
        for row in rows:
            marks[row.number] = [("person", row.external_id)] if row.external_id and self.source else []
            if email := row.values.get("email"):
                marks[row.number].append(("email", email.lower()))
            if not marks[row.number]:
                text = "\x1f".join(row.cells[place] for place in self._hashed)
                digests[row.number] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        # Known by all its values, and by which of several equal rows it is (settled 18).
        before = self._seen.find({f"equal {digest}" for digest in digests.values()})
        for number, digest in digests.items():
            before[f"equal {digest}"] = before.get(f"equal {digest}", 0) + 1
            marks[number].append(("row", f"{digest}:{before[f'equal {digest}']}"))
        self._seen.add(before)
        return marks

    def _new_person(self, row, report):
        category = row.found_company.category if row.found_company else self.category
        values = self._with_status(row.values, category, row, report)
        person = Person(**{"owner": self.by, **values}, company=row.found_company)
        person.category, person.is_lead = category, category.lead_status_enabled
        self._traces[Person].make(person, values | ({"company": row.found_company} if row.found_company else {}))
        self._begin(person)
        return person

    def _begin(self, person):
        """Let a lead without a status have the default one, as they will once they are written, until a row gives another."""
        if person.category.lead_status_enabled and person.lead_status_id is None:
            person.lead_status = self._default_status
            person.trace.set("lead_status_id", person.lead_status_id)
            person.trace.default_status = True

    def _fitting(self, person, row, report):
        """Return the row's values for a person who is there: with the company, and a status only where one applies (R6)."""
        company = row.found_company
        if company is None:
            return self._with_status(row.values, person.category, row, report, person)
        joins = person.company_id is None or (self.overwrite and not person.trace.given)
        category = company.category if joins else person.category
        return self._with_status({**row.values, "company": company}, category, row, report, person)

    def _with_status(self, values, category, row, report, person=None):
        status = values.get("lead_status")
        if status is None or category.lead_status_enabled:
            return values
        if person is None or person.lead_status_id != status.pk:
            report.note(row, lifecycle.why_no_status(category))
        return {name: value for name, value in values.items() if name != "lead_status"}

    # --- Both -------------------------------------------------------------------------------------------------------------

    def _give(self, record, values, row, report, updated, counted, changes):
        """Give a row's values to a record that is there, and count the row where it is the record's own (`counted`)."""
        trace = record.trace
        again, trace.given = trace.given, True
        changed = self._complete(record, values, again, row, report)
        if again and counted:
            report.counts["duplicates"] += 1
        if changed:
            if record.pk is not None:
                changes[record] = changes.get(record, set()) | changed
                trace.row = row
            if not (trace.made or trace.changed):
                trace.changed = True
                report.counts[updated] += 1
                if again and counted:
                    report.counts["unchanged"] -= 1  # as which an earlier row was counted
        elif counted and not again:
            report.counts["unchanged"] += 1

    def _complete(self, record, values, again, row, report) -> set[str]:
        """Set on the record what the row adds; return the names of the changed fields."""
        changed = set()
        model, trace = type(record), record.trace
        for name, value in values.items():
            if value is None or value == "" or (name == "name" and model is Company):
                continue  # a company was found by its name
            attname, is_relation, label = self._fields[model, name]
            # By the id: asking for the record behind it would be a query for each row.
            current, new = getattr(record, attname), value.pk if is_relation else value
            if name == "lead_status" and trace.default_status:
                current = None  # nobody gave it
            if current == new:
                continue
            # A category is never empty: a company keeps the one it has, unless one asks to overwrite (R12).
            if current in (None, "", False) or (self.overwrite and not again):
                changed.add(name)
                setattr(record, name, value)
                trace.set(attname, new)
                if name == "company":
                    self._joined(record)
                elif name == "lead_status":
                    trace.default_status = False
            elif again:
                report.differ(row, label)
        return changed

    def _joined(self, person):
        """Let a person have the category of the company they join, and a lead status if they have none (R7)."""
        person.category = person.company.category
        person.trace.set("category_id", person.category_id)
        self._begin(person)

    def _left_alone(self, changes, written, updated, counted, report):
        """Note what somebody else changed between our reading and writing it: it stays as they made it (R17)."""
        for record in changes.keys() - written.keys():
            report.note(record.trace.row, _("Somebody else changed it at the same time; it was left as they made it."))
            if record.trace.changed:
                record.trace.changed = False
                report.counts[updated] -= 1
                report.counts["unchanged"] += counted


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


class _Traces:
    """The traces of the records of one type, kept on disk from batch to batch; in a dry run with the records themselves."""

    def __init__(self, seen, model, categories, *, dry):
        self._seen, self._model, self._categories, self._dry = seen, model, categories, dry
        self._made = 0

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
            found = _external_records(source, self._model.history.record_type, wanted.get(kind))
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
                setattr(record, attname, value)
            # Not by a join: there are few categories, and many records.
            record.category = self._categories.get(record.category_id) or record.category

    def make(self, record, values):
        """Give a new record its trace, and in a dry run its id; return it."""
        record.trace = Trace(given=True, made=True, values={} if self._dry else None)
        if self._dry:
            self._made -= 1
            record.pk = self._made
            for name, value in {"category": record.category, "owner": record.owner, **values}.items():
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


def _first(known, marks):
    """Return the record of the first of these marks that leads to one, or None."""
    return next((known[mark] for mark in marks if mark in known and _holds(known[mark], mark)), None)


def _holds(record, mark):
    """Tell whether a record goes by this name or address; found by an id it may not, and an address may be overwritten."""
    kind, text = mark
    if kind == "email":
        return record.email.strip().lower() == text
    return kind != "name" or record.name_key == text


def _external_records(source, record_type, ids: Iterable[str] | None) -> dict[str, int]:
    """Return external id -> record id of those that are known."""
    if not ids or not source:
        return {}
    rows = ExternalId.objects.filter(source=source, record_type=record_type, external_id__in=ids)
    return dict(rows.values_list("external_id", "record_id"))


def _keep_external_ids(source, record_type, records, change_set):
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
