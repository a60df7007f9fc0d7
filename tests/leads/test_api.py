"""The REST API: names, filters, versions, refusals, tokens (issue: API; settled 10, 14, 22)."""

import json

import pytest
from django.core.management import CommandError, call_command

from crm.models import ApiToken, ExternalId
from leads.models import Company, Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory

API = "/api/v1/"
COMPANY = {"id", "name", "number", "category", "category_group", "owner", "email", "phone", "website", "street", "postal_code", "city",
           "country", "industry", "stop", "no_mailings", "external_ids", "version", "created_at", "updated_at"}  # fmt: skip
PERSON = {"id", "first_name", "last_name", "title", "email", "phone", "mobile", "company", "category", "category_group", "lead_status",
          "lead_status_applies", "owner", "former_employee", "next_activity_at", "source", "external_ids", "version", "created_at",
          "updated_at"}  # fmt: skip


@pytest.fixture
def api(client, anna):
    client.force_login(anna)
    return client


@pytest.fixture
def person(anna, category):
    company = CompanyFactory(by=anna, name="Nordwind", category=category("Lead"), country="DE")
    return PersonFactory(by=anna, company=company, first_name="Jana", last_name="Petersen")


def send(client, method, path, body=None, **headers):
    return getattr(client, method)(API + path, "" if body is None else body, content_type="application/json", **headers)


def test_records_have_exactly_the_agreed_fields(api, person):
    ExternalId.objects.create(source="crm", record_type="person", record_id=person.pk, external_id="4563")
    shown = api.get(f"{API}persons/{person.pk}/").json()
    assert set(shown) == PERSON and shown["external_ids"] == [{"source": "crm", "external_id": "4563"}]
    assert shown["lead_status_applies"] is True and shown["category_group"] == "potential" and shown["next_activity_at"] is None
    shown = api.get(f"{API}companies/{person.company_id}/").json()
    assert set(shown) == COMPANY and shown["country"] == "DE"
    assert set(api.get(f"{API}categories/").json()["results"][0]) >= {"id", "name", "group", "lead_status_enabled", "start_over",
                                                                     "description", "rank", "deleted_at"}  # fmt: skip
    assert set(api.get(f"{API}lead-statuses/").json()["results"][0]) >= {"id", "name", "kind", "description", "is_default", "rank",
                                                                        "colour", "deleted_at"}  # fmt: skip
    assert next(group["code"] for group in api.get(f"{API}category-groups/").json()["results"]) == "customer"


def test_names_are_in_the_language_asked_for(api):
    german = api.get(f"{API}lead-statuses/", HTTP_ACCEPT_LANGUAGE="de").json()["results"]
    assert german[0]["name"] == "Offen" and german[0]["name_en"] == "Open"


def test_filters_ordering_and_search(api, person, anna, status, category):
    customer = CompanyFactory(by=anna, name="Helios", category=category("Customer"))
    other = PersonFactory(by=anna, company=customer, last_name="Wehner")

    def found(query):
        response = api.get(f"{API}persons/?{query}")
        assert response.status_code == 200, response.content
        assert set(response.json()) == {"count", "next", "previous", "results"}
        return [row["id"] for row in response.json()["results"]]

    assert found(f"lead_status={status('Open').pk}") == [person.pk]
    assert found("lead_status__kind=open") == [person.pk]
    assert found("category_group=customer") == [other.pk]
    assert found(f"company={customer.pk}") == [other.pk]
    assert found("owner=me&ordering=-name") == [other.pk, person.pk]
    assert found(f"owner={anna.pk}&name__contains=peters") == [person.pk]
    assert found("updated_at__gte=2020-01-01T00:00:00Z&updated_at__lt=2099-01-01") == [person.pk, other.pk]
    assert found("search=nordwind") == [person.pk]
    assert found("lead_status_applies=false") == [other.pk]


@pytest.mark.parametrize("query", ["nmae=x", "lead_status=abc", "owner__password=x", "ordering=password", "ordering=owner__password",
                                   "updated_at__gte=yesterday", "page_size=1000", "page_size=x", "lead_status__in=1e1000000",
                                   "name__regex=a", "company=99999999999999999999999999"])  # fmt: skip
def test_what_is_not_understood_is_a_400_that_names_it(api, person, query):
    response = api.get(f"{API}persons/?{query}")
    assert response.status_code == 400 and response.json()


def test_a_change_needs_the_version_one_saw(api, person, status):
    body = {"lead_status": status("Qualified").pk}
    path = f"persons/{person.pk}/"
    assert send(api, "patch", path, body).status_code == 428
    changed = send(api, "patch", path, {**body, "version": 1})
    assert changed.status_code == 200 and changed.json()["version"] == 2 and changed.headers["ETag"] == '"2"'
    stale = send(api, "patch", path, {"title": "x", "version": 1})
    assert stale.status_code == 409 and stale.json()["current"]["version"] == 2
    assert send(api, "patch", path, {"title": "x"}, HTTP_IF_MATCH='"2"').status_code == 200
    assert send(api, "delete", path).status_code == 428
    assert send(api, "delete", path, HTTP_IF_MATCH='"2"').status_code == 409
    assert send(api, "delete", path, HTTP_IF_MATCH='"3"').status_code == 204
    assert api.get(API + path).status_code == 404
    person.refresh_from_db()
    assert person.deleted_at


def test_a_whole_record_may_be_sent_back_as_it_was(api, person):
    shown = api.get(f"{API}persons/{person.pk}/").json()
    assert send(api, "put", f"persons/{person.pk}/", {**shown, "title": "CTO"}).status_code == 200
    shown = api.get(f"{API}persons/{person.pk}/").json()
    refused = send(api, "put", f"persons/{person.pk}/", {**shown, "created_at": "2020-01-01T00:00:00Z"})
    assert refused.status_code == 400 and set(refused.json()) == {"created_at"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": 1}, "role"),
        ({"deleted_at": None}, "deleted_at"),
        ({"is_lead": True}, "is_lead"),
        ({"company": 999999}, "company"),
        ({"company": True}, "company"),
        ({"company": [1]}, "company"),
        ({"company": {"a": 1}}, "company"),
        ({"last_name": ""}, "last_name"),
        ({"last_name": None}, "last_name"),
        ({"last_name": "x" * 101}, "last_name"),
        ({"title": "nul\x00"}, "title"),
        ({"email": "no"}, "email"),
        ({"owner": "1e400"}, "owner"),
        ({"former_employee": "perhaps"}, "former_employee"),
        ({"lead_status": None}, "lead_status"),
    ],
)
def test_bad_input_is_a_400_at_its_field_and_nothing_is_written(api, person, body, field):
    before = Person.objects.values().get(pk=person.pk)
    response = send(api, "patch", f"persons/{person.pk}/", {**body, "version": 1})
    assert response.status_code == 400 and field in response.json(), response.content
    assert Person.objects.values().get(pk=person.pk) == before


@pytest.mark.parametrize("raw", ["", "[", "[]", "7", '"x"', "nul", "[" * 10_000, '{"last_name": "\\ud800"}'])
def test_what_is_no_object_is_a_400(api, raw):
    response = api.post(f"{API}persons/", raw, content_type="application/json")
    assert response.status_code == 400
    assert api.post(f"{API}persons/", "a=b", content_type="application/x-www-form-urlencoded").status_code == 415


def test_what_one_may_not_see_is_not_there(client, person, max_, rita, category):
    client.force_login(max_)
    path = f"{API}persons/{person.pk}/"
    assert {
        client.get(path).status_code,
        client.head(path).status_code,
        client.get(path, HTTP_IF_NONE_MATCH='"1"').status_code,
    } == {404}
    assert client.get(f"{API}persons/").json()["count"] == 0
    own = CompanyFactory(by=max_)
    foreign = send(client, "post", "persons/", {"last_name": "x", "company": person.company_id})
    missing = send(client, "post", "persons/", {"last_name": "x", "company": 999_999})
    assert foreign.status_code == missing.status_code == 400
    assert foreign.json()["company"][0].replace(str(person.company_id), "") == missing.json()["company"][0].replace("999999", "")
    assert send(client, "post", "persons/", {"last_name": "x", "company": own.pk}).status_code == 201
    client.force_login(rita)
    assert client.get(path).status_code == 200
    assert send(client, "patch", f"persons/{person.pk}/", {"title": "x", "version": 1}).status_code == 403
    assert send(client, "post", "companies/", {"name": "x"}).status_code == 403


def test_tokens(client, anna, person, settings):
    token = ApiToken.issue(anna)
    header = {"HTTP_AUTHORIZATION": f"Token {token}"}
    assert not ApiToken.objects.filter(digest__contains=token[6:20]).exists()
    assert client.get(f"{API}persons/", **header).json()["count"] == 1
    assert client.get(f"{API}persons/").status_code == 401
    assert client.get(f"{API}persons/?token={token}").status_code == 401
    assert client.get(f"{API}persons/", HTTP_AUTHORIZATION="Token wrong").status_code == 401
    reader = {"HTTP_AUTHORIZATION": f"Token {ApiToken.issue(anna, read_only=True)}"}
    assert client.get(f"{API}persons/", **reader).status_code == 200
    assert send(client, "post", "companies/", {"name": "x"}, **reader).status_code == 403
    anna.is_active = False
    anna.save()
    assert client.get(f"{API}persons/", **header).status_code == 401


def test_the_command_prints_a_token(client, anna, capsys):
    call_command("create_api_token", "ANNA")
    token = capsys.readouterr().out.strip()
    assert client.get(f"{API}users/", HTTP_AUTHORIZATION=f"Token {token}").status_code == 200
    with pytest.raises(CommandError):
        call_command("create_api_token", "nobody")


def test_an_idempotency_key_creates_once(api, anna):
    key = {"HTTP_IDEMPOTENCY_KEY": "abc-1"}
    first = send(api, "post", "companies/", {"name": "Weser"}, **key)
    again = send(api, "post", "companies/", {"name": "Weser"}, **key)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert Company.objects.count() == 1
    assert send(api, "post", "companies/", {"name": "Other"}, **key).status_code == 422
    assert send(api, "post", "companies/", {"name": ""}, HTTP_IDEMPOTENCY_KEY="abc-2").status_code == 400
    assert send(api, "post", "companies/", {"name": "Fine"}, HTTP_IDEMPOTENCY_KEY="abc-2").status_code in {201, 422}


def test_follow_ups(api, person, max_, client):
    body = {"kind": "call", "subject": "Call back", "person": person.pk, "due_at": "2030-01-31T09:00:00+01:00"}
    made = send(api, "post", "activities/", body)
    assert made.status_code == 201 and made.json()["company"] == person.company_id
    assert api.get(f"{API}persons/{person.pk}/").json()["next_activity_at"].startswith("2030-01-31")
    done = {"done_at": "2026-01-01T00:00:00Z", "version": made.json()["version"]}
    assert send(api, "patch", f"activities/{made.json()['id']}/", done).status_code == 200
    assert api.get(f"{API}persons/{person.pk}/").json()["next_activity_at"] is None
    assert send(api, "post", "activities/", {"subject": "Of nobody"}).status_code == 400
    assert api.get(f"{API}activities/?person={person.pk}&kind=call").json()["count"] == 1
    client.force_login(max_)
    assert client.get(f"{API}activities/{made.json()['id']}/").status_code == 404


def test_too_many_requests_are_429(api, monkeypatch):
    from crm.api_basics import Throttle

    monkeypatch.setattr(Throttle, "get_rate", lambda self: "3/min")
    codes = [api.get(f"{API}users/").status_code for _number in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert int(api.get(f"{API}users/").headers["Retry-After"]) > 0


@pytest.mark.parametrize("many", [2, 20])
@pytest.mark.parametrize("path", ["persons/", "companies/", "activities/", "users/"])
def test_lists_ask_a_constant_number_of_questions(api, anna, many, path, django_assert_max_num_queries):
    for _number in range(many):
        ActivityFactory(by=anna, person=PersonFactory(by=anna, company=None))
        CompanyFactory(by=anna)
    with django_assert_max_num_queries(11):
        assert api.get(API + path).status_code == 200


def test_the_schema_is_whole_and_only_for_those_signed_in(api, client, capsys):
    schema = json.loads(api.get(f"{API}schema/").content)
    assert schema["openapi"].startswith("3.") and f"{API}persons/{{id}}/" in schema["paths"]
    assert "lead_status__kind" in {item["name"] for item in schema["paths"][f"{API}persons/"]["get"]["parameters"]}
    assert api.get(f"{API}docs/").status_code == 200
    client.logout()
    assert client.get(f"{API}schema/").status_code == 401
    assert client.get(f"{API}docs/").status_code == 302
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


def test_a_change_by_the_api_says_so_in_the_history(api, person):
    send(api, "patch", f"persons/{person.pk}/", {"title": "CTO", "version": 1})
    from crm.history.models import ChangeSet

    assert ChangeSet.objects.latest("pk").via == "api"
