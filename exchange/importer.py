"""Bringing a file's rows in: checked whole first, then written in batches under one change set (I1, settled 11, 17, 18).

A row finds its person by the id of the other system, then by e-mail, then by being the same row as before; its company by that
id, then by name. Matching considers all records; one that the importer may not change is reported as *exists already* and left
alone. Within a file each field of a record comes from the first row that has it; later rows only fill gaps.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from crm import access
from crm.history.changes import writing
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
MAX_NOTES = 200
KEPT_ROWS = 50_000  # failed rows that are kept to be given back
#: The key of the advisory lock that lets one import at a time match and create (settled 17).
LOCK = 0x10753
COUNTS = ("persons_created", "persons_updated", "companies_created", "companies_updated", "unchanged", "duplicates", "failed")
EMPTY = (None, "", False)


@dataclass
class Report:
    """What happened, or would happen: the counts, what is to be noted about rows, and the rows left out with the reason."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    rows: int = 0
    differences: int = 0
    notes: list[tuple[int, str]] = field(default_factory=list)
    failed: list[tuple[int, list[str], str]] = field(default_factory=list)

    def note(self, row, text):
        if len(self.notes) < MAX_NOTES:
            self.notes.append((row.number, str(text)))

    def fail(self, row, reason):
        self.counts["failed"] += 1
        if len(self.failed) < KEPT_ROWS:
            self.failed.append((row.number, [storable(cell) for cell in row.cells], str(reason)))

    def as_json(self):
        return {**self.counts, "rows": self.rows, "differences": self.differences, "notes": self.notes}


class Importer:
    """One file, one mapping, one user. `check` only counts, `write` writes; both go through the same matching."""

    def __init__(self, reader: RowReader):
        self.reader, self.record_type, self.by = reader, reader.record_type, reader.by
        mapping = reader.mapping
        self.overwrite = mapping["policy"] == "overwrite"
        self.category = Category.objects.get(pk=mapping["category"])
        self.source = mappings.source_of(mapping, EXTERNAL_ID) if EXTERNAL_ID in reader.places else ""
        self.company_source = mappings.source_of(mapping, COMPANY_ID) if COMPANY_ID in reader.places else ""
        self._hashed = sorted(reader.places.values())
        self._fields = {
            (model, name): model._meta.get_field(name)
            for model, names in ((Person, (*mappings.PERSON_TARGETS, "company")), (Company, mappings.COMPANY_TARGETS))
            for name in names
        }

    def check(self, progress: Callable[[int], None] | None = None) -> Report:
        """Read and match every row without writing; return what would happen."""
        return self._run(None, progress)

    def write(self, change_set, progress: Callable[[int], None] | None = None) -> Report:
        """Write all good rows under this change set, a transaction a batch."""
        return self._run(change_set, progress)

    def _run(self, change_set, progress):
        report, seen = Report(), Seen()
        self._seen = seen
        batch: list[Row] = []
        try:
            for row in self.reader.rows():
                report.rows += 1
                if row.error:
                    report.fail(row, row.error)
                else:
                    batch.append(row)
                if len(batch) == BATCH:
                    self._batch(batch, change_set, report)
                    batch = []
                if progress and report.rows % BATCH == 0:
                    progress(report.rows)
            if batch:
                self._batch(batch, change_set, report)
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
            _one_at_a_time()
            self._match(rows, report, change_set)

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
        marks = {
            row.number: ([("id", external)] if external and source else [])
            + ([("name", fold(values["name"]))] if values.get("name") else [])
            for row, values, external in wanted
        }
        every = {mark for found in marks.values() for mark in found}
        known: dict[tuple[str, str], Company] = self._planned(Company, every)
        live = Company.objects.filter(deleted_at=None).select_related("category")
        for company in live.filter(name_key__in={text for kind, text in every if kind == "name"}).order_by("-pk"):
            known["name", company.name_key] = company
        by_pk = {company.pk: company for company in known.values() if company.pk}
        ids = _external_records(source, "company", {text for kind, text in every if kind == "id"})
        by_pk |= live.in_bulk(set(ids.values()) - by_pk.keys())
        known |= {("id", external): by_pk[pk] for external, pk in ids.items() if pk in by_pk}
        given = _Given(self._seen, Company, by_pk)
        allowed = _editable_ids(Company, by_pk, self.by)
        created, changes, new_ids = [], defaultdict(set), {}
        for row, values, external in wanted:
            company = next((known[mark] for mark in marks[row.number] if mark in known), None)
            if company is None and not values.get("name"):
                report.note(row, _("The company %(id)s is not known; the person comes without one.") % {"id": external})
                continue
            if company is None:
                company = Company(**{"owner": self.by, "category": self.category, **values})
                company.name_key = fold(company.name)
                created.append(company)
                report.counts["companies_created"] += 1
            elif not company.pk:  # made by an earlier row of this batch, or of a dry run
                self._complete(company, values, True, report)
                report.counts["duplicates"] += own
            elif company.pk not in allowed:
                if own:
                    report.counts["duplicates"] += 1
                    report.note(row, _("Exists already, and is not yours to change."))
                    continue
            else:
                again = given.again(company)
                if changed := self._complete(company, values, again, report):
                    changes[company] |= changed
                elif own:
                    report.counts["duplicates" if again else "unchanged"] += 1
            row.found_company = company
            if external and source and external not in ids:
                new_ids.setdefault(external, company)
            for mark in marks[row.number]:
                known.setdefault(mark, company)
        report.counts["companies_updated"] += given.keep(changes)
        if change_set is None:
            self._plan(Company, known)
            return
        bulk.create_companies(created)
        given.made(created)
        bulk.update_companies(changes)
        _keep_external_ids(source, "company", new_ids, change_set)

    # --- Persons ----------------------------------------------------------------------------------------------------------

    def _persons(self, rows, report, change_set):
        marks = self._marks(rows)
        every = {mark for found in marks.values() for mark in found}
        known: dict[tuple[str, str], Person] = self._planned(Person, every)
        live = Person.objects.filter(deleted_at=None).select_related("company__category", "category")
        for person in live.filter(email_key__in={text for kind, text in every if kind == "email"}).order_by("-pk"):
            known["email", person.email_key] = person
        by_pk = {person.pk: person for person in known.values() if person.pk}
        kept = {}
        for kind, source in (("person", self.source), ("row", "row")):
            wanted = {text for kind_, text in every if kind_ == kind}
            kept |= {(kind, text): pk for text, pk in _external_records(source, "person", wanted).items()}
        by_pk |= live.in_bulk(set(kept.values()) - by_pk.keys())
        known |= {mark: by_pk[pk] for mark, pk in kept.items() if pk in by_pk}
        given = _Given(self._seen, Person, by_pk)
        allowed = _editable_ids(Person, by_pk, self.by)
        created, changes, new_ids = [], defaultdict(set), {"person": {}, "row": {}}
        for row in rows:
            person = next((known[mark] for mark in marks[row.number] if mark in known), None)
            if person is None:
                person = self._new_person(row, report)
                created.append(person)
                report.counts["persons_created"] += 1
            elif not person.pk:  # made by an earlier row of this batch, or of a dry run
                self._complete(person, self._fitting(person, row, report), True, report)
                report.counts["duplicates"] += 1
            elif person.pk not in allowed:
                report.counts["duplicates"] += 1
                report.note(row, _("Exists already, and is not yours to change."))
                continue
            else:
                again = given.again(person)
                if changed := self._complete(person, self._fitting(person, row, report), again, report):
                    changes[person] |= changed
                else:
                    report.counts["duplicates" if again else "unchanged"] += 1
            for mark in marks[row.number]:
                known.setdefault(mark, person)
                if mark[0] in new_ids and mark not in kept:
                    new_ids[mark[0]].setdefault(mark[1], person)
        report.counts["persons_updated"] += given.keep(changes)
        if change_set is None:
            self._plan(Person, known)
            return
        bulk.create_persons(created)
        given.made(created)
        bulk.update_persons(changes)
        _keep_external_ids(self.source, "person", new_ids["person"], change_set)
        _keep_external_ids("row", "person", new_ids["row"], change_set)

    def _marks(self, rows) -> dict[int, list[tuple[str, str]]]:
        """Return what the person of each row is known by, the surest first."""
        marks, digests = {}, {}
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

    def _planned(self, model, marks) -> dict[tuple[str, str], Any]:
        """Return stand-ins for what a dry run would have created by now, with the category it would have."""
        keys = {f"{model.__name__} {kind} {text}": (kind, text) for kind, text in marks}
        found = self._seen.find(keys)
        categories = Category.objects.in_bulk(set(found.values())) if found else {}
        return {keys[key]: model(category=categories[category]) for key, category in found.items()}

    def _plan(self, model, known):
        self._seen.add({f"{model.__name__} {kind} {text}": record.category_id for (kind, text), record in known.items()
                        if not record.pk})  # fmt: skip

    def _new_person(self, row, report):
        category = row.found_company.category if row.found_company else self.category
        values = {"owner": self.by, **self._with_status(row.values, category, row, report)}
        person = Person(**values, company=row.found_company)
        person.category, person.is_lead = category, category.lead_status_enabled
        return person

    def _fitting(self, person, row, report):
        """Return the row's values for a person who is there: with the company, and a status only where one applies (R6)."""
        values = row.values | ({"company": row.found_company} if row.found_company else {})
        joins = row.found_company is not None and (person.company_id is None or self.overwrite)
        return self._with_status(values, row.found_company.category if joins else person.category, row, report, person)

    def _with_status(self, values, category, row, report, person=None):
        status = values.get("lead_status")
        if status is None or category.lead_status_enabled:
            return values
        if person is None or person.lead_status_id != status.pk:
            report.note(row, lifecycle.why_no_status(category))
        return {name: value for name, value in values.items() if name != "lead_status"}

    # --- Both -------------------------------------------------------------------------------------------------------------

    def _complete(self, record, values, touched, report) -> set[str]:
        """Set on the record what the row adds; return the names of the changed fields."""
        changed = set()
        model = type(record)
        for name, value in values.items():
            if value in EMPTY or (name == "name" and model is Company):
                continue  # a company was found by its name
            described = self._fields[model, name]
            # By the id: asking for the record behind it would be a query for each row.
            current, new = getattr(record, described.attname), value.pk if described.is_relation else value
            if current == new and new is not None:
                continue
            if name == "category" and (touched or not self.overwrite):
                continue  # R12: a company keeps the category it has, unless one asks to overwrite
            if current in EMPTY or (self.overwrite and not touched):
                changed.add(name)
                setattr(record, name, value)
            elif touched:
                report.differences += 1
        return changed


class _Given:
    """Which records rows of this file were given to before, and which were changed by one."""

    def __init__(self, seen, model, ids):
        self._seen, self._name = seen, model.__name__
        self._before = seen.find(f"{self._name} {pk}" for pk in ids)

    def again(self, record) -> bool:
        """Note that a row is given to this record; return whether one was before."""
        key = f"{self._name} {record.pk}"
        again = key in self._before
        self._before.setdefault(key, 0)
        return again

    def keep(self, changes) -> int:
        """Remember what was noted; return how many of the changed records are changed for the first time."""
        changed = [key for record in changes if not self._before[key := f"{self._name} {record.pk}"]]
        self._before.update(dict.fromkeys(changed, 1))
        self._seen.add(self._before)
        return len(changed)

    def made(self, records):
        self._seen.add({f"{self._name} {record.pk}": 1 for record in records})


def _one_at_a_time():
    """Let no other import match its batch at the same time (settled 17), until the transaction ends; SQLite has one writer."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _external_records(source, record_type, ids) -> dict[str, int]:
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


def _editable_ids(model, ids, by) -> set[int]:
    return set(access.editable(model.objects.filter(pk__in=ids), by).values_list("pk", flat=True)) if ids else set()
