"""The REST API: names, filters, versions, refusals, tokens (issue: API; settled 10, 14, 22)."""

import json
import re
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from capture import questions
from capture.actions import create_form, submit
from capture.links import keep_link
from capture.models import PersonOrigin
from capture.touches import Touch
from capture.utm import build
from crm import records
from crm.fields import BARE, Asking
from crm.filters import CatalogueBackend, parameters_of
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.models import ApiToken, ExternalId
from dashboards.models import Dashboard
from leads import actions
from leads.models import Company, Person
from selections.actions import create_selection
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange

API = "/api/v1/"
COMPANY = {"id", "name", "number", "category", "category_group", "owner", "email", "phone", "website", "street", "postal_code", "city",
           "country", "industry", "stop", "no_mailings", "external_ids", "version", "created_at", "updated_at"}  # fmt: skip
PERSON = {"id", "first_name", "last_name", "title", "email", "phone", "mobile", "company", "category", "category_group", "lead_status",
          "lead_status_applies", "disqualify_reason", "owner", "former_employee", "next_activity_at", "source", "external_ids", "version", "created_at",
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
    # The lists say their name in each language, beside the one asked for (settled 23).
    shown = api.get(f"{API}categories/").json()["results"][0]
    assert set(shown) == {"id", "name", "name_en", "name_de", "group", "lead_status_enabled", "start_over", "description", "rank",
                          "deleted_at"}  # fmt: skip
    shown = api.get(f"{API}lead-statuses/").json()["results"][0]
    assert set(shown) == {"id", "name", "name_en", "name_de", "kind", "description", "is_default", "rank", "colour", "deleted_at"}
    assert next(group["code"] for group in api.get(f"{API}category-groups/").json()["results"]) == "customer"


def test_names_are_in_the_language_asked_for(api):
    german = api.get(f"{API}lead-statuses/", HTTP_ACCEPT_LANGUAGE="de").json()["results"]
    assert german[0]["name"] == "Offen" and german[0]["name_en"] == "Open"


@pytest.mark.parametrize("path", ["lead-statuses/", "nowhere/", "persons/?shoe_size=45"])
def test_every_answer_says_which_language_it_is_in(api, path):
    for language, other in (("de", "en"), ("en", "de")):
        answers = [api.get(API + path, HTTP_ACCEPT_LANGUAGE=one) for one in (language, other)]
        assert [answer["Content-Language"] for answer in answers] == [language, other]
        assert answers[0].content != answers[1].content


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


@pytest.mark.parametrize("query", ["nmae=x", "lead_status=abc", "owner__password=x", "ordering=password", "ordering=owner__password", "ordering=--name", "ordering=name,", "ordering=,-name",
                                   "updated_at__gte=yesterday", "page_size=1000", "page_size=x", "lead_status__in=1e1000000",
                                   "name__regex=a", "company=99999999999999999999999999", "company=", "company=,"])  # fmt: skip
def test_what_is_not_understood_is_a_400_that_names_it(api, person, query):
    response = api.get(f"{API}persons/?{query}")
    assert response.status_code == 400 and response.json()


@pytest.mark.parametrize("record", records.every(), ids=lambda record: record.name)
def test_every_filter_and_order_of_the_catalogue_is_one_of_the_api(rf, person, anna, record):
    ActivityFactory(by=anna, person=person)
    SaleFactory(by=anna, person=person, company=person.company)
    create_selection({"name": "A", "kind": "static", "record_type": "person"}, by=anna, via="form")
    form = create_form({"name": "Website", "consent_text": "Yes", "consent_purpose": "News"}, by=anna, via="form")
    sent = questions.read(form, {"person.email": "x@example.com", "person.last_name": "X"})
    submit(form, sent.answers(), (Touch(), Touch()), "k", why="links")
    PersonOrigin.objects.create(person=person, form=form)
    keep_link(build({"target": "example.com", "source": "a", "medium": "b", "campaign": "c"}), by=anna, via="form")
    arrange(Dashboard.objects.exclude(ready="leads"), deleted_at=timezone.now())  # of each record type there is one
    for name, (described, operator) in parameters_of(record).items():
        assert asked(rf, anna, record, **{name: example(described, operator, anna)}) in {0, 1}, name
        with pytest.raises(ValidationError) as refused:
            asked(rf, anna, record, **{name: "\x00" if operator not in BARE else "no"})
        assert set(refused.value.detail) == {name}
    for name, described in record.fields.items():
        for sign in ("", "-"):
            if described.sort:
                assert asked(rf, anna, record, ordering=sign + name) == 1
            else:
                with pytest.raises(ValidationError):
                    asked(rf, anna, record, ordering=sign + name)


def asked(rf, user, record, **params):
    """Return how many records the API's list has for these parameters."""
    request = Request(rf.get("/", params))
    request.user = user
    view = SimpleNamespace(record_name=record.name)
    return len(CatalogueBackend().filter_queryset(request, record.model.objects.visible_to(user), view))


def example(described, operator, user):
    """Return a value that makes sense for a filter."""
    if operator in BARE:
        return "1"
    if operator in {"last_days", "next_days"}:
        return "30"
    if operator == "period":
        return "this_week,previous_3_months"
    if operator in {"in", "not_in"} and described.kind in {"choice", "user"}:
        return str(described.options(Asking(user))[0].pk)
    if described.kind == "number":
        return "1,2.50" if operator == "between" else "1"
    return {"yesno": "true", "date": "2026-01-31", "link": "1" if operator in {"in", "not_in"} else "a"}.get(
        described.kind, "a"
    ) + (",2026-02-28" if operator == "between" else "")


def test_pages_have_a_limit_and_an_end(api, anna):
    for _number in range(3):
        CompanyFactory(by=anna)
    first = api.get(f"{API}companies/?page_size=2&ordering=-name").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (3, 2, None) and "ordering=-name" in first["next"]
    second = api.get(first["next"]).json()
    assert len(second["results"]) == 1 and second["next"] is None and second["previous"]
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
    for query, status in {"page_size=200": 200, "page_size=201": 400, "page_size=0": 400, "page_size=-1": 400, "page_size=1&page=3": 200,
                          "page_size=1&page=4": 404, "page=0": 404, "page=x": 404, "page=1&page=2": 400, "search=a&search=b": 400,
                          "ordering=id&ordering=name": 400}.items():  # fmt: skip
        assert api.get(f"{API}companies/?{query}").status_code == status, query


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "No lead status: the category Customer"), ("de", "Kein Lead-Status: ")]
)
def test_a_refused_rule_is_said_in_the_language_asked_for(api, anna, category, status, language, sentence):
    customer = CompanyFactory(by=anna, category=category("Customer"))
    body = {"last_name": "Wehner", "company": customer.pk, "lead_status": status("Open").pk}
    refused = send(api, "post", "persons/", body, HTTP_ACCEPT_LANGUAGE=language)
    assert refused.status_code == 400 and refused.json()["lead_status"][0].startswith(sentence)
    # Without a wish, in the language of the token's user.
    anna.language = language
    anna.save()
    token = {"HTTP_AUTHORIZATION": f"Token {ApiToken.issue(anna)}"}
    assert send(Client(), "post", "persons/", body, **token).json()["lead_status"][0].startswith(sentence)


def test_times_are_told_in_the_zone_of_the_user_and_without_one_mean_it(api, anna, person):
    anna.time_zone = "America/New_York"
    anna.save()
    made = send(api, "post", "activities/", {"subject": "Call", "person": person.pk, "due_at": "2030-01-31T09:00:00"}).json()
    assert made["due_at"] == "2030-01-31T09:00:00-05:00"


# --- External ids -----------------------------------------------------------------------------------------------------


def test_external_ids_are_written_read_told_and_undone(api, anna):
    ids = [{"source": "erp", "external_id": "K-1"}, {"source": "crm", "external_id": "77"}]
    made = send(api, "post", "companies/", {"name": "Weser", "external_ids": ids}).json()
    assert made["external_ids"] == [ids[1], ids[0]] and made["version"] == 1
    path = f"companies/{made['id']}/"
    changed = send(api, "patch", path, {"external_ids": ids[:1], "version": 1}).json()
    assert changed["external_ids"] == ids[:1] and changed["version"] == 2
    same = send(api, "patch", path, {"external_ids": ids[:1], "version": 2}).json()
    assert same["version"] == 2
    assert api.get(f"{API}companies/").json()["results"][0]["external_ids"] == ids[:1]
    history = api.get(reverse("leads:history", args=["companies", made["id"]])).content.decode()
    assert "crm: 77, erp: K-1" in history and "External ids" in history
    undo(ChangeSet.objects.latest("pk"), by=anna, via="card")
    assert api.get(API + path).json()["external_ids"] == [ids[1], ids[0]]
    undo(ChangeSet.objects.latest("pk"), by=anna, via="card")
    assert api.get(API + path).json()["external_ids"] == ids[:1]


def test_an_external_id_belongs_to_one_record_that_is_not_in_the_bin(api, anna):
    first, second = (CompanyFactory(by=anna) for _number in range(2))
    ids = {"external_ids": [{"source": "erp", "external_id": "1"}]}
    assert send(api, "patch", f"companies/{first.pk}/", {**ids, "version": 1}).status_code == 200
    refused = send(api, "patch", f"companies/{second.pk}/", {**ids, "version": 1})
    assert refused.status_code == 400 and "Another record already has the id 1 of erp" in refused.json()["external_ids"][0]
    known = send(api, "post", "companies/", {"name": "New", **ids})
    assert known.status_code == 409 and known.json()["current"]["id"] == first.pk
    # A person's ids are others than a company's.
    assert send(api, "post", "persons/", {"last_name": "Wehner", **ids}).status_code == 201
    send(api, "delete", f"companies/{first.pk}/", HTTP_IF_MATCH="2")
    assert send(api, "patch", f"companies/{second.pk}/", {**ids, "version": 1}).status_code == 200


@pytest.mark.parametrize("ids", [7, "a", {}, [1], [{}], [{"source": "a"}], [{"source": "", "external_id": "1"}], [{"source": "a", "external_id": 1}],
                                 [{"source": "a", "external_id": "x" * 121}], [{"source": "a", "external_id": "nul\x00"}],
                                 [{"source": "a", "external_id": "1", "record_id": 5}], [{"source": "row", "external_id": "1"}],
                                 [{"source": "a", "external_id": "1"}] * 2, [{"source": "a", "external_id": str(n)} for n in range(51)]])  # fmt: skip
def test_external_ids_that_make_no_sense_are_refused_at_their_field(api, person, ids):
    refused = send(api, "patch", f"persons/{person.pk}/", {"external_ids": ids, "version": 1})
    assert refused.status_code == 400 and set(refused.json()) == {"external_ids"} and not ExternalId.objects.exists()
    assert all(isinstance(text, str) for text in refused.json()["external_ids"])


# --- Duplicates (settled 17) ------------------------------------------------------------------------------------------


def test_what_exists_already_is_a_409_with_the_record_and_may_be_created_all_the_same(api, person):
    body = {"last_name": "Other", "email": person.email.upper()}
    refused = send(api, "post", "persons/", body)
    assert refused.status_code == 409 and refused.json()["current"]["id"] == person.pk
    assert isinstance(refused.json()["current"]["version"], int)
    assert send(api, "post", "persons/?allow_duplicate=true", body).status_code == 201
    assert send(api, "post", "persons/?allow_duplicate=perhaps", body).status_code == 400
    company = send(api, "post", "companies/", {"name": " NORDWIND "})
    assert company.status_code == 409 and company.json()["current"]["id"] == person.company_id
    assert send(api, "post", "companies/?allow_duplicate=1", {"name": "Nordwind"}).status_code == 201
    # Without an e-mail there is nothing to know a person by.
    assert [send(api, "post", "persons/", {"last_name": "Same"}).status_code for _again in range(2)] == [201, 201]


def test_what_exists_and_may_not_be_seen_is_only_said_to_exist(client, person, max_):
    client.force_login(max_)
    refused = send(client, "post", "persons/", {"last_name": "Other", "email": person.email})
    assert refused.status_code == 409 and set(refused.json()) == {"detail", "current"} and refused.json()["current"] is None
    assert send(client, "post", "companies/", {"name": "Nordwind"}).json()["current"] is None
    assert Person.objects.count() == 1


def test_what_is_in_the_bin_is_no_duplicate(api, person):
    send(api, "delete", f"persons/{person.pk}/", HTTP_IF_MATCH="1")
    assert send(api, "post", "persons/", {"last_name": "Other", "email": person.email}).status_code == 201


# --- Changes ----------------------------------------------------------------------------------------------------------


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
        ({"category": "１"}, "category"),
        ({"last_name": ""}, "last_name"),
        ({"last_name": None}, "last_name"),
        ({"last_name": "x" * 101}, "last_name"),
        ({"title": "nul\x00"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"owner": "\ud800"}, "owner"),
        ({"external_ids": [{"source": "x", "id": "\ud83d"}]}, "external_ids"),
        ({"half\ud800": "x"}, "half\\ud800"),
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


@pytest.mark.parametrize("raw", ["", "[", "[]", "7", '"x"', "nul", "[" * 10_000, '{"a":' * 10_000, '{"last_name": "\\ud800"}', b"\xff\xfe{}",
                                 '{"last_name": "a", "last_name": "b"}', '{"last_name": NaN}', '{"company": 1e1000000}', '{"company": -0.5}',
                                 '{"last_name": "a", "company": ' + "9" * 5_000 + "}", json.dumps({f"field{n}": n for n in range(5_000)})])  # fmt: skip
def test_what_is_no_object_is_a_400(api, raw):
    response = api.post(f"{API}persons/", raw, content_type="application/json")
    assert response.status_code == 400 and not Person.objects.exists()
    assert api.post(f"{API}persons/", "a=b", content_type="application/x-www-form-urlencoded").status_code == 415


def test_null_and_a_request_without_its_csrf_token_are_refused_in_our_words(api, anna):
    refused = api.post(f"{API}persons/", "null", content_type="application/json")
    assert refused.status_code == 400 and refused.json() == {"non_field_errors": ["An object is expected."]}
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    refused = strict.post(f"{API}persons/", "{}", content_type="application/json")
    assert refused.status_code == 403 and "X-CSRFToken" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("raw", "why"),
    [("[", "line 1, column 2"), (b'{"a": "\xff"}', "it is not in UTF-8"), ("[" * 10_000, "it is nested too deeply"),
     ('{"a": 1, "a": 2}', "a name is given twice"), ('{"a": ' + "9" * 5_000 + "}", "a number has too many digits")],
)  # fmt: skip
def test_why_it_is_no_json_is_said_in_our_words(api, raw, why):
    response = api.post(f"{API}persons/", raw, content_type="application/json")
    assert response.json()["detail"] == f"This is no valid JSON: {why}"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [("activities/", {"kind": "\ud800", "subject": "x"}, "kind"), ("dashboards/", {"name": "x", "theme": "\ud800"}, "theme"),
     ("sales/", {"status": "\ud800"}, "status"), ("find/", {"record_type": "\ud800", "criteria": {}}, "record_type"),
     ("find/", {"record_type": "person", "criteria": {"all": [{"field": "last_name", "value": "\ud800"}]}}, "criteria")],
)  # fmt: skip
def test_half_a_character_is_refused_at_its_field_whatever_it_is(api, path, body, field, caplog):
    response = send(api, "post", path, body)
    assert (
        response.status_code == 400 and list(response.json()) == [field] and not [one for one in caplog.records if one.exc_info]
    )


def test_a_body_has_a_limit_and_is_utf_8_whatever_it_says(api, settings):
    body = json.dumps({"name": "Müller"}, ensure_ascii=False).encode()
    for charset in ("utf-16", "latin-1", "nonsense"):
        made = api.generic("POST", f"{API}companies/?allow_duplicate=1", body, f"application/json; charset={charset}")
        assert made.status_code == 201 and made.json()["name"] == "Müller"
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert api.post(f"{API}companies/", body, content_type="application/json").status_code == 413


def test_what_is_not_there_is_said_in_json(api, client):
    for path in ("", "nowhere/", "persons/abc/", "persons/1/nowhere/"):
        answer = api.get(API + path)
        assert answer.status_code == 404 and answer.json()["detail"], path
    client.logout()
    assert client.get(f"{API}nowhere/").status_code == 401


def test_what_is_sent_back_unchanged_may_be_what_one_could_not_choose(client, person, max_, anna):
    """Max owns the person, not the company; the whole record as he got it can still be sent back."""
    actions.set_owner(person, max_, by=anna, via="card")
    client.force_login(max_)
    assert client.get(f"{API}companies/{person.company_id}/").status_code == 404
    shown = client.get(f"{API}persons/{person.pk}/").json()
    assert send(client, "put", f"persons/{person.pk}/", {**shown, "title": "CTO"}).status_code == 200
    assert send(client, "patch", f"persons/{person.pk}/", {"company": None, "version": shown["version"] + 1}).status_code == 200
    assert (
        send(client, "patch", f"persons/{person.pk}/", {"company": shown["company"], "version": shown["version"] + 2}).status_code
        == 400
    )


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


def test_the_schema_names_every_value_of_a_choice():
    from drf_spectacular.generators import SchemaGenerator

    generator = SchemaGenerator()
    schemas = generator.get_schema(request=None, public=True)["components"]["schemas"]

    def values(schema):
        if "$ref" in schema:
            return values(schemas[schema["$ref"].rpartition("/")[2]])
        parts = [part for key in ("oneOf", "anyOf", "allOf") for part in schema.get(key, [])]
        return {*schema.get("enum", []), *(value for part in parts for value in values(part))}

    seen = set()
    for (name, _kind), component in generator.registry._components.items():
        model = getattr(getattr(component.object, "Meta", None), "model", None)
        fields = {field.name: field for field in model._meta.fields if field.choices} if model else {}
        for field in component.schema.get("properties", {}).keys() & fields.keys() - {"country"}:  # a text of two letters
            choices = {value for value, _label in fields[field].flatchoices} | ({""} if fields[field].blank else set())
            assert values(schemas[name]["properties"][field]) == choices, (name, field)
            seen.add((name, field))
    assert {("Consent", "withdrawn_via"), ("Webhook", "pause"), ("Sale", "status")} <= seen


def test_a_change_by_the_api_says_so_in_the_history(api, person):
    send(api, "patch", f"persons/{person.pk}/", {"title": "CTO", "version": 1})
    assert ChangeSet.objects.latest("pk").via == "api"


# --- docs/api.md ------------------------------------------------------------------------------------------------------

DOCS = (settings.BASE_DIR / "docs" / "api.md").read_text()
EXAMPLE = re.compile(r"^(GET|POST|PATCH|DELETE) +(\S+) *(\{.*\})? +(\d{3})(?: ([A-Z]+))?$", re.MULTILINE)


def test_the_examples_of_the_documentation_are_true(anna, category):
    client, header = Client(), {"HTTP_AUTHORIZATION": f"Token {ApiToken.issue(anna)}"}
    named, examples = {}, EXAMPLE.findall(DOCS)
    block = DOCS.split("## By example")[1].split("```")[1]
    assert len(examples) == len(block.strip().splitlines()) > 15

    def filled(text):
        return re.sub(r"\b[A-Z]{4,}\b(?!\")", lambda name: str(named.get(name[0], name[0])), text)

    for method, path, body, status_code, name in examples:
        arguments = {"data": filled(body), "content_type": "application/json"} if body else {}
        answer = getattr(client, method.lower())(API + filled(path), **arguments, **header)
        assert answer.status_code == int(status_code), (method, path, answer.content)
        if name:
            named[name] = answer.json()["id"]


def test_the_documentation_names_every_address():
    from crm.api_urls import VIEWS

    assert all(f"`{name}`" in DOCS for name in VIEWS)
