"""The API of sales: fields, filters, versions, states, refusals (A4; settled 10, 14)."""

import datetime

import pytest
from django.utils import timezone

from sales.models import Sale
from tests.factories import PersonFactory, SaleFactory

API = "/api/v1/"
SALE = {"id", "name", "company", "person", "type", "stage", "probability", "amount", "currency", "base_amount", "weighted_amount", "expected_on",
        "owner", "source", "status", "closed_on", "reason", "reopen_on", "next_activity_at", "external_ids", "version", "created_at", "updated_at"}  # fmt: skip
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def api(client, anna):
    client.force_login(anna)
    return client


def send(client, method, path, body=None, **headers):
    return getattr(client, method)(API + path, body or {}, content_type="application/json", **headers)


def test_a_sale_has_exactly_the_agreed_fields_amounts_as_text(api, sale):
    shown = api.get(f"{API}sales/{sale.pk}/").json()
    assert set(shown) == SALE
    assert (shown["amount"], shown["base_amount"], shown["weighted_amount"], shown["probability"]) == (
        "1000.10",
        "1000.10",
        "500.05",
        50,
    )


def test_lists_to_choose_from_are_in_the_language_asked_for(api, dollars):
    stages = api.get(f"{API}stages/", HTTP_ACCEPT_LANGUAGE="de").json()["results"]
    assert (stages[2]["name"], stages[2]["name_en"], stages[2]["probability"]) == ("Angebot", "Offer", 50)
    assert api.get(f"{API}sale-types/").json()["results"][0]["name"] == "New business"
    assert {one["outcome"] for one in api.get(f"{API}sale-reasons/").json()["results"]} == {"won", "lost"}
    assert api.get(f"{API}exchange-rates/").json()["results"][0] == {
        "id": dollars[0].pk, "currency": "USD", "valid_from": "2024-01-01", "rate": "0.80000000",
    }  # fmt: skip


def test_creating_editing_winning_and_deleting(api, company, person, stage, reason):
    made = send(
        api,
        "post",
        "sales/",
        {"name": "Wartung", "company": company.pk, "person": person.pk, "amount": "99.90", "stage": stage("Offer").pk},
    )
    assert made.status_code == 201, made.content
    sale = made.json()
    assert sale["status"] == "open" and sale["currency"] == "EUR" and sale["weighted_amount"] == "49.95"
    path = f"sales/{sale['id']}/"
    assert send(api, "patch", path, {"amount": "1"}).status_code == 428
    refused = send(api, "patch", path, {"status": "lost", "version": 1})
    assert refused.status_code == 400 and refused.json() == {"reason": ["Say why it was lost."]}
    lost = send(api, "patch", path, {"status": "lost", "reason": reason("Price").pk, "version": 1}).json()
    assert lost["closed_on"] == timezone.localdate().isoformat() and lost["weighted_amount"] == "0.00"
    assert send(api, "patch", path, {"name": "Neu", "version": 1}).status_code == 409
    won = send(api, "patch", path, {"status": "won", "version": 2})
    assert won.status_code == 400 and "has already marked “Wartung” as lost" in won.json()["status"][0]
    assert send(api, "put", path, {**lost, "name": "Neu"}).json()["name"] == "Neu"
    assert send(api, "delete", path, {"version": 3}).status_code == 204
    assert api.get(API + path).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", "-1"), ("amount", "1e30"), ("amount", "NaN"), ("amount", "1.001"), ("amount", "much"), ("currency", "XXX"), ("currency", "EURO"),
     ("company", 999999), ("person", 999999), ("stage", None), ("status", "maybe"), ("closed_on", "2020-01-01"), ("closed_on", "soon"),
     ("reopen_on", "2030-01-01"), ("name", ""), ("name", "a\x00b"), ("weighted_amount", "5.00"), ("colour", "red")],
)  # fmt: skip
def test_what_makes_no_sense_is_a_400_at_its_field(api, sale, field, value):
    response = send(api, "patch", f"sales/{sale.pk}/", {field: value, "version": sale.version})
    assert response.status_code == 400 and field in response.json()
    sale.refresh_from_db()
    assert sale.version == 1


def test_a_sale_that_ended_before_it_came_here_is_created_closed(api, company, reason):
    body = {"name": "Alt", "company": company.pk, "status": "lost", "closed_on": "2021-04-16", "reason": reason("Price").pk}
    made = send(api, "post", "sales/", body)
    assert made.status_code == 201 and made.json()["closed_on"] == "2021-04-16"
    assert send(api, "post", "sales/", {**body, "closed_on": None}).json() == {"closed_on": ["Say when it was closed."]}


def test_filters_ordering_and_search(api, sale, anna, company, stage):
    other = SaleFactory(
        by=anna, name="Wartung", amount=5, company=company, expected_on=datetime.date(2027, 1, 31), stage=stage("First talk")
    )

    def found(query):
        response = api.get(f"{API}sales/?{query}")
        assert response.status_code == 200, response.content
        return [row["id"] for row in response.json()["results"]]

    assert found(f"company={company.pk}&ordering=amount") == [other.pk, sale.pk]
    assert found("amount__gte=1000.10") == [sale.pk] and found("expected_on=2027-01-31") == [other.pk]
    assert found(f"stage={stage('Offer').pk}&status=open&owner=me") == [sale.pk]
    assert found("search=nordwind&ordering=-name") == [other.pk, sale.pk] and found("person__contains=petersen") == [sale.pk]
    assert api.get(f"{API}sales/?amount__gte=lots").status_code == 400


def test_a1_foreign_sales_are_not_there_and_foreign_records_no_choice(client, sale, max_, rita):
    client.force_login(max_)
    assert client.get(f"{API}sales/").json()["count"] == 0 and client.get(f"{API}sales/{sale.pk}/").status_code == 404
    assert send(client, "patch", f"sales/{sale.pk}/", {"name": "x", "version": 1}).status_code == 404
    refused = send(client, "post", "sales/", {"name": "x", "company": sale.company_id})
    assert refused.status_code == 400 and "company" in refused.json()
    client.force_login(rita)
    assert send(client, "post", "sales/", {"name": "x", "company": sale.company_id}).status_code == 403
    assert Sale.objects.count() == 1


def test_a_repeated_request_creates_nothing_more(api, company):
    body = {"name": "Wartung", "company": company.pk}
    first = send(api, "post", "sales/", body, headers={"Idempotency-Key": "k"})
    again = send(api, "post", "sales/", body, headers={"Idempotency-Key": "k"})
    assert first.json()["id"] == again.json()["id"] and Sale.objects.count() == 1


def test_the_lead_status_of_a_person_stays_as_it_is(api, anna, status):
    person = PersonFactory(by=anna)
    send(api, "post", "sales/", {"name": "Wartung", "person": person.pk})
    person.refresh_from_db()
    assert Sale.objects.get().company == person.company and person.lead_status == status("Open")
