"""Many at once over HTTP, as a real server answers them: one thread and one database connection each (T42, T46, T47, T49)."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections

from crm.history.models import Change, ChangeSet
from crm.models import ApiToken
from leads import actions, lifecycle
from leads.models import Company, Person
from tests.factories import CompanyFactory, PersonFactory

pytestmark = [pytest.mark.django_db(transaction=True)]
THREADS = 8


@pytest.fixture
def ask(lists, anna, live_server):
    """Return a function(method, path, body) -> (status, answer), with Anna's token."""
    token = ApiToken.issue(anna)

    def send(method, path, body=None, **headers):
        request = urllib.request.Request(f"{live_server.url}/api/v1/{path}", method=method)
        request.data = None if body is None else json.dumps(body).encode()
        for name, value in {"Authorization": f"Token {token}", "Content-Type": "application/json", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    return send


def at_once(calls):
    """Do all of these at the same time, THREADS of them really, and return what came of each."""
    begin = threading.Barrier(THREADS)
    first = threading.local()

    def one(call):
        if not hasattr(first, "ready"):
            first.ready = True
            begin.wait(30)
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, calls))


@pytest.mark.parametrize(
    ("path", "body"),
    [("persons/", {"last_name": "Wehner", "email": "tom@example.com"}), ("companies/", {"name": "Weser Optik"}),
     ("companies/", {"name": "Elbe", "external_ids": [{"source": "erp", "external_id": "K-1"}]})],
)  # fmt: skip
def test_t42_fifty_who_create_the_same_make_one(ask, path, body):
    answers = at_once([lambda: ask("POST", path, body)] * 50)
    assert sorted(status for status, _answer in answers) == [201] + [409] * 49
    record = Person.objects.get() if path == "persons/" else Company.objects.get()
    assert {answer["id"] if status == 201 else answer["current"]["id"] for status, answer in answers} == {record.pk}


def test_t43_one_key_makes_one_whoever_is_first(ask):
    answers = at_once([lambda: ask("POST", "companies/", {"name": "Weser"}, Idempotency_Key="key-1")] * 20)
    assert {status for status, _answer in answers} == {201} and len({answer["id"] for _status, answer in answers}) == 1
    assert Company.objects.count() == 1


def test_r17_of_many_who_saw_the_same_version_one_writes(ask, anna):
    person = PersonFactory(by=anna, company=None)
    calls = [
        lambda number=number: ask("PATCH", f"persons/{person.pk}/", {"title": f"T{number}", "version": 1}) for number in range(24)
    ]
    answers = at_once(calls)
    assert sorted(status for status, _answer in answers) == [200] + [409] * 23
    person.refresh_from_db()
    assert person.version == 2 and Change.objects.filter(record_type="person", field="title").count() == 1


def test_t46_t47_bulk_changes_moves_and_deletions_wait_for_each_other_and_fail_for_nobody(ask, anna, category, status):
    """Readers and writers of overlapping records; nobody is told of a lock, and what is copied equals what it copies."""
    companies = [CompanyFactory(by=anna, name=f"Firma {n}", category=category("Lead")) for n in range(6)]
    people = [PersonFactory(by=anna, company=companies[n % 6]) for n in range(24)]
    ids = [person.pk for person in people]
    statuses = [status(name) for name in ("Open", "Contacting", "Qualified")]
    categories = [category(name) for name in ("Lead", "Customer", "Opportunity")]

    def bulk(number):
        chosen = Person.objects.filter(pk__in=ids[number % 7 :: 2] + ids[: number % 5])
        # All of them may be at customers by now: that is a rule's answer (R6), no lock's.
        with contextlib.suppress(ValidationError):
            actions.set_lead_status(chosen, statuses[number % 3], by=anna, via="bulk")

    def move(number):
        some = Company.objects.filter(pk__in=[company.pk for company in companies[number % 3 :: 2]])
        return actions.set_category(some, categories[number % 3], by=anna, via="bulk")

    def patch(number):
        person = people[number % 24]
        version = Person.objects.values_list("version", flat=True).get(pk=person.pk)
        code, answer = ask("PATCH", f"persons/{person.pk}/", {"title": f"T{number}", "version": version})
        assert code in {200, 409}, answer

    def join(number):
        person, company = people[(number * 5) % 24], companies[(number + 1) % 6]
        version = Person.objects.values_list("version", flat=True).get(pk=person.pk)
        code, answer = ask("PATCH", f"persons/{person.pk}/", {"company": company.pk, "version": version})
        assert code in {200, 409}, answer

    def read(number):
        code, answer = ask("GET", "persons/?ordering=lead_status,name&page_size=20")
        assert code == 200, answer

    deeds = [bulk, move, patch, join, read]
    at_once([lambda deed=deeds[number % 5], number=number: deed(number) for number in range(60)])
    assert not lifecycle.drift() and not Change.objects.filter(change_set=None).exists()
    assert not ChangeSet.objects.filter(state=ChangeSet.State.RUNNING).exists()
    whole()


@pytest.mark.parametrize("round_", range(3))
def test_t49_who_edits_or_adds_to_what_is_deleted_at_the_same_time_is_told(ask, anna, category, round_):
    company = CompanyFactory(by=anna, name="Nordwind", category=category("Lead"))
    person = PersonFactory(by=anna, company=company)
    answers = at_once([
        lambda: ask("DELETE", f"companies/{company.pk}/", If_Match="1"),
        lambda: ask("PATCH", f"companies/{company.pk}/", {"city": "Bremen", "version": 1}),
        lambda: ask("PATCH", f"persons/{person.pk}/", {"title": "CTO", "version": 1}),
        lambda: ask("POST", "activities/", {"subject": "Call", "person": person.pk}),
        lambda: ask("POST", "persons/", {"last_name": "Wehner", "company": company.pk}),
        lambda: ask("DELETE", f"persons/{person.pk}/", If_Match="1"),
        lambda: ask("PATCH", f"companies/{company.pk}/", {"category": category("Customer").pk, "version": 1}),
        lambda: ask("GET", f"companies/{company.pk}/"),
    ])  # fmt: skip
    assert {status for status, _answer in answers} <= {200, 201, 204, 400, 404, 409}, answers
    company.refresh_from_db()
    if company.deleted_at:  # nobody is left behind at a company that is in the bin
        assert not Person.objects.filter(company=company, deleted_at=None).exists()
    assert not lifecycle.drift()
    whole()


def whole():
    """No row refers to one that is not there."""
    connection.check_constraints()
