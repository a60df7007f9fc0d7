"""`POST /api/v1/find/` and `?criteria=` of lists: the same question, the same records (S1–S4, A4)."""

import html
import json
import re

import pytest
from rest_framework.test import APIClient

from leads.models import Person
from selections.members import members
from selections.models import Selection
from tests.factories import CompanyFactory, PersonFactory, SaleFactory

LEADS = {"all": [{"field": "category_group", "operator": "in", "value": ["potential"]}]}


@pytest.fixture
def api(anna):
    client = APIClient()
    client.force_authenticate(anna)
    return client


def find(api, tree, record_type="person", query="", **more):
    return api.post(f"/api/v1/find/{query}", {"record_type": record_type, "criteria": tree, **more}, format="json")


def test_s4_what_is_asked_is_found_in_the_form_of_its_list(api, anna, category):
    lead = PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Lead")))
    PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Customer")))
    answer = find(api, LEADS)
    assert answer.status_code == 200 and [row["id"] for row in answer.data["results"]] == [lead.pk]
    by_address = api.get("/api/v1/persons/", {"criteria": json.dumps(LEADS)})
    assert by_address.data["results"] == answer.data["results"]


def test_s4_pages_and_order_are_those_of_the_list(api, anna, category):
    people = [PersonFactory(by=anna, last_name=name, company=None) for name in ("Cramer", "Arndt", "Behn")]
    first = find(api, {}, ordering="-name", page_size=2)
    assert [row["last_name"] for row in first.data["results"]] == ["Cramer", "Behn"] and first.data["count"] == len(people)
    query = "?" + first.data["next"].partition("?")[2]
    assert [row["last_name"] for row in find(api, {}, query=query).data["results"]] == ["Arndt"]


def test_s9_nobody_finds_what_they_may_not_see(api, anna, max_):
    PersonFactory(by=max_, company=None)
    assert find(api, {}).data["count"] == 0


def test_s9_what_is_hidden_of_a_related_record_is_not_found_out(api, anna, max_):
    """Anna's person is at a company of Max's, whose sales she does not see: asking about them tells nothing."""
    company = CompanyFactory(by=max_, city="Bremen")
    person = PersonFactory(by=max_, company=company)
    Person.objects.filter(pk=person.pk).update(owner=anna)
    SaleFactory(by=max_, company=company, amount="900")
    for line in (
        {"field": "company.city", "operator": "contains", "value": "bremen"},
        {"field": "company.sales", "operator": "some"},
        {"field": "company.sales.number", "operator": "gte", "value": 1},
    ):
        assert find(api, {"all": [line]}).data["count"] == 0, line
    assert find(api, {}).data["count"] == 1


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"all": [{"field": "nonsense", "value": "1"}]}, "criteria.all[0].field"),
        ({"all": [{"field": "owner__password", "operator": "contains", "value": "a"}]}, "criteria.all[0].field"),
        ({"all": [{"any": [{"field": "city"}]}]}, "criteria.all[0].any[0].field"),
        ({"all": [{"field": "sales.number", "operator": "gte", "value": "x"}]}, "criteria.all[0].value"),
        ({"all": [{"field": "sales", "operator": "some", "where": {"all": [{"field": "amount", "operator": "gte", "value": "1e999"}]}}]},
         "criteria.all[0].where.all[0].value"),
        ({"all": [{"field": "name", "value": "x", "where": {}}]}, "criteria.all[0].where"),
        ({"all": [{"field": "created_at", "operator": "period", "value": ["next_0_days"]}]}, "criteria.all[0].value"),
        ({"all": [{"field": "created_at", "operator": "after", "value": "-9999y"}]}, "criteria.all[0].value"),
        ({"not": [{"field": "name", "value": "x"}]}, "criteria.not"),
        ({"version": 2}, "criteria.version"),
        ([], "criteria"),
        ("x", "criteria"),
    ],
)  # fmt: skip
def test_bad_criteria_are_a_400_that_names_the_place(api, tree, place):
    answer = find(api, tree)
    assert answer.status_code == 400 and list(answer.data) == [place]


def test_hostile_trees_are_refused(api):
    deep = {"field": "name", "value": "x"}
    for _level in range(150):
        deep = {"all": [deep]}
    wide = {"all": [{"field": "name", "value": "x"}] * 10_000}
    for tree in (deep, wide, {"all": [{"field": "nobody", "value": "x"}] * 150}):
        answer = find(api, tree)
        assert answer.status_code == 400 and len(answer.data) <= 20
    endless = '{"record_type": "person", "criteria": ' + '{"all": [' * 1_000 + "]}" * 1_000 + "}"
    assert api.post("/api/v1/find/", endless, content_type="application/json").status_code == 400
    for text in ("[" * 100_000, "{", '{"all": [' + "1," * 200_000 + "1]}"):
        assert api.get("/api/v1/persons/", {"criteria": text}).status_code == 400


def test_a_list_whose_criteria_are_not_understood_shows_nothing_and_says_what_is_wrong(client, anna):
    PersonFactory(by=anna, company=None, last_name="Petersen")
    client.force_login(anna)
    answer = client.get("/persons/", {"criteria": json.dumps({"all": [{"field": "gone", "value": "x"}]})})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert "This field does not exist." in text and "Petersen" not in text


def test_u4_criteria_in_a_lists_address_are_kept_by_every_link_and_told_in_words(client, anna):
    PersonFactory(by=anna, company=None, last_name="Petersen")
    PersonFactory(by=anna, company=None, last_name="Arndt")
    client.force_login(anna)
    answer = client.get(
        "/persons/", {"criteria": json.dumps({"all": [{"field": "name", "operator": "starts", "value": "peter"}]})}
    )
    text = answer.content.decode()
    assert answer.status_code == 200 and "Petersen" in text and "Arndt" not in text
    assert "Persons whose Name starts with “peter”" in text
    assert "criteria=%7B" in text.partition('data-column="name"')[2].partition("</th>")[0], "sorting keeps the question"


def test_s4_what_a_list_asks_is_saved_as_a_selection(client, anna, category):
    """The list of leads, filtered: the selection has the same persons, from the link to the card."""
    wanted = PersonFactory(by=anna, last_name="Petersen", company=CompanyFactory(by=anna, category=category("Lead")))
    PersonFactory(by=anna, last_name="Petersen", company=CompanyFactory(by=anna, category=category("Customer")))
    PersonFactory(by=anna, last_name="Arndt", company=CompanyFactory(by=anna, category=category("Lead")))
    client.force_login(anna)
    page = client.get("/leads/?name__starts=peter").content.decode()
    link = html.unescape(re.search(r'href="([^"]*selections/new/\?[^"]*)"', page)[1])
    form = client.get(link, HTTP_HX_REQUEST="true").content.decode()
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    sent = {
        **{name: html.unescape(value) for name, value in hidden.items()},
        "name": "Petersens",
        "kind": "dynamic",
        "visibility": "private",
    }
    client.post(link, sent)
    made = Selection.objects.get()
    assert list(members(made, anna)) == [wanted] and made.record_type == "person"
    # Without a question there is nothing to be saved.
    assert "selections/new" not in client.get("/leads/?all=1").content.decode().partition("data-list")[2]
