"""Bringing a file's rows in: checked whole first, then written in batches under one change set (I1, settled 11, 17, 18).

A row finds its person by the id of the other system, then by e-mail; its company by that id, then by name. Matching considers all
records; one that the importer may not change is reported as *exists already* and left alone. Within a file each field of a
record comes from the first row that has it, later rows only fill gaps.
"""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django_countries import countries

from crm import access, search
from crm.history.changes import writing
from crm.models import ExternalId, Role, User
from crm.text import fold
from exchange import mapping as mappings
from exchange.mapping import COMPANY_ID, EXTERNAL_ID, LISTS, key_of
from leads import lifecycle
from leads.models import Category, Company, Person

BATCH = 2_000
MAX_LISTED = 200
COUNTS = ("persons_created", "persons_updated", "companies_created", "companies_updated", "unchanged", "duplicates", "failed")
YES = {"1", "yes", "true", "ja", "y", "x", "wahr", "on"}
NO = {"", "0", "no", "false", "nein", "n", "falsch", "off"}


@dataclass
class Row:
    """One row as the records take it: values of the person or company, and of the person's company."""

    number: int
    cells: list[str]
    values: dict = field(default_factory=dict)
    company: dict = field(default_factory=dict)
    external_id: str = ""
    company_id: str = ""
    error: str = ""


@dataclass
class Report:
    """What happened, or would happen."""

    counts: dict = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    rows: int = 0
    differences: int = 0
    notes: list = field(default_factory=list)
    failed: list = field(default_factory=list)  # (row number, cells, reason)

    def note(self, number, text):
        if len(self.notes) < MAX_LISTED:
            self.notes.append([number, str(text)])

    def fail(self, row, reason):
        self.counts["failed"] += 1
        self.failed.append((row.number, row.cells, str(reason)))

    def as_json(self):
        return {**self.counts, "rows": self.rows, "differences": self.differences, "notes": self.notes}


class Importer:
    """One file, one mapping, one user."""

    def __init__(self, table, record_type, mapping, by):
        self.table, self.record_type, self.by = table, record_type, by
        self.head = table.head()
        self.mapping = mappings.check(record_type, mapping, self.head)
        self.places = {target: self.head.index(name) for name, target in self.mapping["columns"].items() if target}
        self.category = Category.objects.get(pk=self.mapping["category"])
        self.categories = Category.objects.in_bulk()
        self.overwrite = self.mapping["policy"] == "overwrite"
        names = {target: name for name, target in self.mapping["columns"].items() if target}
        self.source = key_of(names.get(EXTERNAL_ID, ""))[:60]
        self.company_source = key_of(names.get(COMPANY_ID, ""))[:60]
        self.default_status = lifecycle.default_status()
        self.created_users: list[int] = []
        self.created_items: dict = {}
        self._fields = {
            (model, name): model._meta.get_field(name)
            for model, targets in ((Person, mappings.PERSON_TARGETS), (Company, mappings.COMPANY_TARGETS))
            for name in targets
        }
        self._country_names = {fold(name): code for code, name in countries} | {code.lower(): code for code, _name in countries}
        self._items: dict[str, dict] = {}
        self._to_come: dict = {}

    # --- Reading a row ----------------------------------------------------------------------------------------------------

    def list_values(self):
        """Return target -> the values the file has for it, most frequent first, for the value matching."""
        found: dict[str, Counter] = {target: Counter() for target in self.places if target in LISTS}
        if found:
            for _number, cells in self.table.records():
                for target, counter in found.items():
                    if text := cells[self.places[target]]:
                        counter[text] += 1
        return {target: [text for text, _count in counter.most_common(500)] for target, counter in found.items()}

    def prepare_values(self):
        """Guess what no one has chosen, and load the chosen items."""
        self.mapping = mappings.guess_values(self.mapping, self.list_values(), self.by)
        for target, chosen in self.mapping["values"].items():
            model = LISTS[target]
            ids = {value for value in chosen.values() if isinstance(value, int) or (isinstance(value, str) and value.isdecimal())}
            items = model.objects.in_bulk({int(value) for value in ids})
            self._items[target] = {}
            for text, value in chosen.items():
                if value == "me":
                    self._items[target][text] = self.by
                elif value == "create":
                    self._items[target][text] = "create"
                elif str(value).isdecimal():
                    item = items.get(int(value))
                    if item is None or getattr(item, "deleted_at", None):
                        raise ValidationError(_("The value chosen for “%(text)s” does not exist.") % {"text": text[:60]})
                    self._items[target][text] = item

    def create_missing(self):
        """Make the users and list items that were chosen to be created; only an administrator may."""
        for target, chosen in self._items.items():
            model = LISTS[target]
            names = self._original_names(target) if "create" in chosen.values() else {}
            for text, item in list(chosen.items()):
                if item != "create":
                    continue
                if not self.by.role.administers:
                    del chosen[text]
                    continue
                name = names.get(text, text)[:80]
                chosen[text] = self._create_user(name) if model is User else self._create_item(model, name)

    def _original_names(self, target):
        names: dict[str, str] = {}
        for _number, cells in self.table.records():
            text = cells[self.places[target]]
            names.setdefault(fold(text), text)
        return names

    def _create_user(self, name):
        first, _space, last = name.rpartition(" ")
        base = ".".join(fold(name).split())[:100]
        base = "".join(char for char in base if char.isalnum() or char in ".-_") or "user"
        username, number = base, 1
        while User.objects.filter(username__iexact=username).exists():
            number += 1
            username = f"{base}{number}"
        user = User.objects.create_user(
            username, f"{username}@users.invalid", None, first_name=first, last_name=last, role=Role.objects.get(code="sales_rep"),
            language=self.by.language, time_zone=self.by.time_zone,
        )  # fmt: skip
        user.teams.set(self.by.teams.all())
        self.created_users.append(user.pk)
        return user

    def _create_item(self, model, name):
        if (model, fold(name)) not in self.created_items:
            rank = model.objects.count()
            self.created_items[model, fold(name)] = model.objects.create(name_en=name, name_de=name, rank=rank)
        return self.created_items[model, fold(name)]

    def read(self, number, cells):
        """Return the row with its values as Python has them; `error` says what is wrong with it."""
        row = Row(number, cells)
        errors = []
        for target, place in self.places.items():
            text = cells[place]
            if target == EXTERNAL_ID:
                row.external_id = text[:120]
            elif target == COMPANY_ID:
                row.company_id = text[:120]
            elif text:
                try:
                    self._value(row, target, text)
                except ValidationError as error:
                    errors.append(f"{self.head[place]}: {' '.join(error.messages)}")
        needed = row.values.get("last_name") if self.record_type == "person" else row.values.get("name")
        if not needed and not errors:
            name = self.head[self.places["last_name" if self.record_type == "person" else "name"]]
            errors.append(f"{name}: {_('This field is required.')}")
        row.error = "; ".join(errors)
        return row

    def _value(self, row, target, text):
        of_company = target.startswith("company.")
        name = target.removeprefix("company.")
        values = row.company if of_company else row.values
        if target in LISTS:
            item = self._items.get(target, {}).get(fold(text))
            if item == "create":  # while checking, something stands for what would be created
                item = (
                    self._to_come.setdefault((LISTS[target], fold(text)), LISTS[target]()) if self.by.role.administers else None
                )
            if item is not None:
                values[name] = item
            return
        model = Company if of_company or self.record_type == "company" else Person
        described = self._fields[model, name]
        if name == "country":
            code = self._country_names.get(fold(text))
            if code is None:
                raise ValidationError(_("This country is not known."))
            values[name] = code
        elif name in {"stop", "no_mailings", "former_employee"}:
            if fold(text) not in YES | NO:
                raise ValidationError(_("Answer yes or no."))
            values[name] = fold(text) in YES
        else:
            # The model's own checks: length, e-mail, phone, web address.
            described.run_validators(text)
            values[name] = text

    # --- Running ----------------------------------------------------------------------------------------------------------

    def check(self, progress=None):
        """Read and check every row without writing; return the Report of what would happen."""
        return self._run(None, Report(), progress)

    def write(self, change_set, report, progress=None):
        """Write all good rows under this change set, a transaction a batch."""
        return self._run(change_set, report, progress)

    def _run(self, change_set, report, progress):
        self.touched_persons: set = set()
        self.touched_companies: set = set()
        self.seen_hashes: Counter = Counter()
        self._simulated: set = set()
        batch = []
        for number, cells in self.table.records():
            report.rows += 1
            row = self.read(number, cells)
            if row.error:
                report.fail(row, row.error)
                continue
            batch.append(row)
            if len(batch) == BATCH:
                self._batch(batch, change_set, report)
                batch = []
                if progress:
                    progress(report.rows)
        if batch:
            self._batch(batch, change_set, report)
        if progress:
            progress(report.rows)
        return report

    def _batch(self, rows, change_set, report):
        if change_set is None:
            self._plan(rows, report, None)
            return
        with writing(change_set):
            self._plan(rows, report, change_set)

    def _plan(self, rows, report, change_set):
        """Match a batch, then create and update its records, or only count."""
        lock(rows)
        if self.record_type == "company":
            self._companies([(row, {**row.values}, row.external_id) for row in rows], report, change_set, self.source, own=True)
            return
        wanted = [(row, row.company, row.company_id) for row in rows if row.company.get("name") or row.company_id]
        self._companies(wanted, report, change_set, self.company_source, own=False)
        self._persons(rows, report, change_set)

    # --- Companies --------------------------------------------------------------------------------------------------------

    def _companies(self, wanted, report, change_set, source, own):
        """Find, create and complete the companies of a batch; `row.found_company` is what each row gets."""
        ids = {external for _row, _values, external in wanted if external and source}
        by_id = external_records(source, "company", ids)
        keys = {fold(values.get("name", "")) for _row, values, _external in wanted}
        found = Company.objects.filter(name_key__in=keys - {""}, deleted_at=None).order_by("-pk").select_related("category")
        by_name = {company.name_key: company for company in found}
        companies = Company.objects.select_related("category").filter(deleted_at=None).in_bulk(list(by_id.values()))
        allowed = editable_ids(Company, {c.pk for c in by_name.values()} | set(companies), self.by)
        created, changes = {}, defaultdict(dict)
        new_ids = []
        for row, values, external in wanted:
            key = fold(values.get("name", ""))
            company = companies.get(by_id.get(external)) if external else None
            company = company or by_name.get(key)
            if company is None and key and ("company", key) in self._simulated:
                company = self._new_company(values)  # a dry run only remembers that it would be there
            row.company_record = company
            if company is None and not key:
                report.note(row.number, _("The company %(id)s is not known; the person comes without one.") % {"id": external})
                continue
            if company is None:
                company = self._new_company(values)
                by_name[key] = created[key] = company
                self._simulated.add(("company", key))
                row.company_record = company
                self.touched_companies.add(key)
                report.counts["companies_created"] += 1
            elif company.pk and company.pk not in allowed:
                row.company_record = company if not own else None
                if own:
                    report.counts["duplicates"] += 1
                    report.note(row.number, _("Exists already, and is not yours to change."))
                continue
            else:
                touched = key in self.touched_companies or company.pk in self.touched_companies
                changed = self._complete(company, values, touched, report)
                self.touched_companies.update({key, company.pk} - {None})
                if changed and company.pk:
                    changes[company].update(changed)
                elif own:
                    report.counts["duplicates" if touched else "unchanged"] += 1
            if external and source and external not in by_id:
                by_id[external] = company.pk
                new_ids.append((company, external))
        report.counts["companies_updated"] += sum(company.pk not in self._updated("company") for company in changes)
        self._updated("company").update(company.pk for company in changes)
        if change_set is None:
            return
        if created:
            Company.objects.bulk_create(created.values(), batch_size=500)
            search.refresh("company", [company.pk for company in created.values()])
        if changes:
            self._write_changes(Company, changes)
        add_external_ids(source, "company", [(company.pk, external) for company, external in new_ids], change_set)

    def _updated(self, record_type):
        return self.__dict__.setdefault(f"_updated_{record_type}", set())

    def _new_company(self, values):
        company = Company(**{"owner": self.by, "category": self.category, **values})
        for key, value in lifecycle.company_keys(company.name, company.city).items():
            setattr(company, key, value)
        return company

    def _complete(self, record, values, touched, report):
        """Set what the row adds to a record; return the changed fields. Within a file the first row that has a value decides."""
        changed = {}
        for name, value in values.items():
            described = self._fields[type(record), name]
            # By the id: asking for the record behind it would be a query for each row.
            current, new = getattr(record, described.attname), value.pk if described.is_relation else value
            if (current == new and new is not None) or value in (None, "", False):
                continue
            if name == "name" and isinstance(record, Company):
                continue  # it was found by it
            if name == "lead_status" and not record.is_lead:
                continue
            if name == "category" and (not self.overwrite or touched):
                continue  # R12: a company keeps the category it has, unless one asks to overwrite
            if current in (None, "", False) or (self.overwrite and not touched):
                changed[name] = value
                setattr(record, name, value)
            elif touched:
                report.differences += 1
        return changed

    def _write_changes(self, model, changes):
        """Write changed records of a batch, and what follows from them."""
        names = sorted({name for changed in changes.values() for name in changed})
        now = timezone.now()
        for record in changes:
            record.version += 1
            record.updated_at = now
            keys = (
                lifecycle.company_keys(record.name, record.city)
                if model is Company
                else lifecycle.person_keys(record.first_name, record.last_name, record.email)
            )
            for key, value in keys.items():
                setattr(record, key, value)
        columns = [*names, "version", "updated_at", "name_key", *(["city_key"] if model is Company else ["email_key"])]
        if "lead_status" in names:
            columns.append("lead_status_since")
            for record, changed in changes.items():
                if "lead_status" in changed:
                    record.lead_status_since = now
        model.objects.bulk_update(list(changes), columns, batch_size=300)
        ids = [record.pk for record in changes]
        if model is Company and {"category", "name", "country"} & set(names):
            lifecycle.settle(lifecycle.persons_of(ids))
        search.refresh(model.history.record_type, ids)

    # --- Persons ----------------------------------------------------------------------------------------------------------

    def _persons(self, rows, report, change_set):
        hashes = {}
        for row in rows:
            if not row.external_id and not row.values.get("email"):
                # Known by all its values, and which of several equal rows it is (settled 18).
                digest = hashlib.sha256(
                    "\x1f".join(row.cells[place] for place in sorted(self.places.values())).encode()
                ).hexdigest()[:40]
                self.seen_hashes[digest] += 1
                hashes[row.number] = f"{digest}:{self.seen_hashes[digest]}"
        by_id = external_records(self.source, "person", {row.external_id for row in rows if row.external_id})
        by_hash = external_records("row", "person", set(hashes.values()))
        emails = {row.values["email"].lower() for row in rows if row.values.get("email")}
        related = Person.objects.filter(deleted_at=None).select_related("company__category", "category")
        by_email = {person.email_key: person for person in related.filter(email_key__in=emails).order_by("-pk")}
        persons = related.in_bulk(list({*by_id.values(), *by_hash.values()}))
        allowed = editable_ids(Person, {p.pk for p in by_email.values()} | set(persons), self.by)
        created, changes, new_ids = [], defaultdict(dict), []
        for row in rows:
            email = row.values.get("email", "").lower()
            person = persons.get(by_id.get(row.external_id)) if row.external_id else None
            person = person or by_email.get(email) or persons.get(by_hash.get(hashes.get(row.number, "")))
            mark = ("person", email or row.external_id or hashes.get(row.number))
            values = dict(row.values)
            if person is None and mark in self._simulated:
                report.counts["duplicates"] += 1  # a dry run only remembers that it would be there
                continue
            if person is None:
                person = self._new_person(values, row, report)
                created.append(person)
                if email:
                    by_email[email] = person
                self._simulated.add(mark)
                report.counts["persons_created"] += 1
            elif person.pk and person.pk not in allowed:
                report.counts["duplicates"] += 1
                report.note(row.number, _("Exists already, and is not yours to change."))
                continue
            else:
                touched = id(person) in self.touched_persons or person.pk in self.touched_persons or not person.pk
                if values.get("lead_status") and not person.is_lead and values["lead_status"].pk != person.lead_status_id:
                    report.note(row.number, lifecycle.why_no_status(person.category))
                changed = self._complete(person, values, touched, report)
                if not person.pk:
                    report.counts["duplicates"] += 1
                elif changed:
                    changes[person].update(changed)
                else:
                    report.counts["duplicates" if touched else "unchanged"] += 1
            self.touched_persons.add(person.pk or id(person))
            if row.external_id and self.source and row.external_id not in by_id:
                by_id[row.external_id] = person.pk
                new_ids.append((self.source, person, row.external_id))
            if row.number in hashes and hashes[row.number] not in by_hash:
                new_ids.append(("row", person, hashes[row.number]))
        report.counts["persons_updated"] += sum(person.pk not in self._updated("person") for person in changes)
        self._updated("person").update(person.pk for person in changes)
        if change_set is None:
            return
        self._simulated.clear()
        if created:
            Person.objects.bulk_create(created, batch_size=500)
            search.refresh("person", [person.pk for person in created])
            self.touched_persons.update(person.pk for person in created)
        if changes:
            self._write_changes(Person, changes)
        for source in {source for source, _person, _id in new_ids}:
            add_external_ids(source, "person", [(p.pk, external) for s, p, external in new_ids if s == source], change_set)

    def _new_person(self, values, row, report):
        company = getattr(row, "company_record", None)
        status = values.pop("lead_status", None)
        person = Person(**{"owner": self.by, **values, "company": company})
        person.category = company.category if company else self.category
        person.is_lead = person.category.lead_status_enabled
        if person.is_lead:
            person.lead_status = status or self.default_status
            person.lead_status_since = timezone.now()
        elif status:
            report.note(row.number, lifecycle.why_no_status(person.category))
        if company:
            person.company_key, person.country = company.name_key, str(company.country or "")
        for key, value in lifecycle.person_keys(person.first_name, person.last_name, person.email).items():
            setattr(person, key, value)
        return person


def lock(rows):
    """Let no other import of the same installation run its batch at the same time (settled 17); SQLite has one writer anyway."""
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [0x10753])


def external_records(source, record_type, ids):
    """Return external id -> record id of those that are known."""
    if not ids or not source:
        return {}
    rows = ExternalId.objects.filter(source=source, record_type=record_type, external_id__in=ids)
    return dict(rows.values_list("external_id", "record_id"))


def add_external_ids(source, record_type, pairs, change_set):
    rows = [
        ExternalId(source=source, record_type=record_type, record_id=pk, external_id=external, change_set_id=change_set.pk)
        for pk, external in pairs
    ]
    if source and rows:
        ExternalId.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)


def editable_ids(model, ids, by):
    return set(access.editable(model.objects.filter(pk__in=ids), by).values_list("pk", flat=True)) if ids else set()
