"""*Find*: criteria edited above, their results below (S1–S4), and why a record is in or not."""

import json
import re

import pytest
from django.urls import reverse

from crm import criteria
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
FIND = "/find/person/"
NAMED = {"version": 1, "all": [{"field": "last_name", "operator": "starts", "value": "AA"}]}


@pytest.fixture
def page(client, anna, persons):
    client.force_login(anna)
    return client


def edit(client, tree, do="", current=FIND, **typed):
    data = {"c-tree": json.dumps(tree), **{f"c:{name}": value for name, value in typed.items()}}
    headers = {**HTMX, "HTTP_HX_CURRENT_URL": f"http://testserver{current}"}
    return client.post(f"{FIND}edit/", data | ({"do": do} if do else {}), **headers)


def test_s4_the_address_asks_and_the_editor_shows_what_it_asks(page):
    response = page.get(FIND, {"criteria": criteria.packed(NAMED)})
    text = response.content.decode()
    assert ">AAA<" in text and ">BBB<" not in text
    assert 'value="AA"' in text
    assert "whose Last name starts with" in text


def test_where_nothing_is_found_it_is_not_offered_to_create_the_first(page):
    text = page.get(FIND, {"criteria": criteria.packed({**NAMED, "all": [{**NAMED["all"][0], "value": "zz"}]})}).content.decode()
    assert "No record meets these conditions." in text and "This list is empty" not in text and "Create one" not in text


def test_s3_an_edit_answers_editor_results_and_address(page):
    added = edit(page, {}, "add:r", **{"r:add": "last_name"})
    assert "HX-Push-Url" in added.headers and added.headers["HX-Push-Url"] == "false"
    assert "find-results" not in added.content.decode()
    tree = json.loads(re.search(r'name="c-tree" value="([^"]*)"', added.content.decode())[1].replace("&#34;", '"'))
    typed = edit(page, tree, **{"r-0:operator": "starts", "r-0:value": "bb"})
    text = typed.content.decode()
    assert ">BBB<" in text and ">AAA<" not in text
    assert 'id="criteria-editor"' not in text
    address = typed.headers["HX-Push-Url"]
    assert ">BBB<" in page.get(address).content.decode()


def test_u4_sorting_and_grouping_stay_when_the_question_changes(page):
    response = edit(page, NAMED, current=f"{FIND}?sort=-name&after=x")
    assert "sort=-name" in response.headers["HX-Push-Url"]
    assert "after" not in response.headers["HX-Push-Url"]


def test_what_is_wrong_in_a_line_is_said_there_and_nothing_is_found(page):
    response = edit(page, {"version": 1, "all": [{"field": "created_at", "operator": "last_days", "value": "many"}]})
    text = response.content.decode()
    assert "Enter a number of days between 0 and 9999." in text
    assert ">AAA<" not in text
    shown = page.get(response.headers["HX-Push-Url"])
    assert shown.status_code == 400
    assert "Enter a number of days between 0 and 9999." in shown.content.decode()


@pytest.mark.parametrize("tree", ["{", '{"all": "x"}', '{"all": [1]}', "[]", '{"all": [{"field": 1}]}'])
def test_criteria_that_are_none_are_told_and_change_nothing(page, tree):
    response = page.post(f"{FIND}edit/", {"c-tree": tree}, **HTMX)
    assert response.status_code == 204
    assert json.loads(response.headers["HX-Trigger"])["toast"]["level"] == "error"
    assert page.get(FIND, {"criteria": tree}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_s3_the_count_and_what_each_line_keeps(page):
    tree = {"version": 1, "all": [NAMED["all"][0], {"field": "company.city", "operator": "is", "value": "Berlin"}]}
    text = page.post("/criteria/person/counts/", {"c-tree": json.dumps(tree)}, **HTMX).content.decode()
    kept = dict(re.findall(r'id="c-kept-([\w-]+)"[^>]*>([^<]*)<', text))
    assert ">1 person<" in text
    assert kept == {"r-0": "1", "r-1": "4"}


def test_s9_only_visible_records_are_found_counted_and_explained(client, max_, persons):
    client.force_login(max_)
    assert ">AAA<" not in client.get(FIND).content.decode()
    assert ">0 persons<" in client.post("/criteria/person/counts/", {"c-tree": "{}"}, **HTMX).content.decode()
    assert client.get(f"{FIND}choices/", {"q": "AAA"}).json() == []
    assert client.get(f"{FIND}why/", {"criteria": "{}", "record": persons[0].pk}).status_code == 404


def test_fields_are_offered_by_their_names(page):
    names = [one["id"] for one in page.get("/criteria/person/fields/", {"q": "sum sal"}).json()]
    assert "sales.sum_base_amount" in names
    assert page.get("/criteria/shoe/fields/").status_code == 404


def test_why_a_person_is_found_or_not(page, persons):
    tree = {"version": 1, "all": [NAMED["all"][0], {"field": "email", "operator": "not_empty", "off": True}]}
    asked = {"criteria": criteria.packed(tree)}
    assert page.get(f"{FIND}choices/", {"q": "bbb"}).json()[0]["id"] == persons[1].pk
    yes = page.get(f"{FIND}why/", {**asked, "record": persons[0].pk}).content.decode()
    no = page.get(f"{FIND}why/", {**asked, "record": persons[1].pk}).content.decode()
    assert "is included" in yes and "is not included" not in yes and "switched off" in yes
    assert "is not included" in no and "does not hold" in no


def test_why_a_person_is_in_a_selection_of_each_kind(page, persons, select):
    static = select(records=persons[:1])
    dynamic = select("By name", "dynamic", criteria=NAMED)
    both = select("Both", "combined", operation="first", part_ids=[static.pk, dynamic.pk])
    told = {(one.kind, person.last_name): page.get(reverse("selections:why", args=[one.pk]), {"record": person.pk}).content.decode()
            for one in (static, dynamic, both) for person in persons[:2]}  # fmt: skip
    assert "It was added by hand." in told["static", "AAA"] and "Nobody has added it." in told["static", "BBB"]
    assert "is included" in told["dynamic", "AAA"] and "does not hold" in told["dynamic", "BBB"]
    assert "is not included" in told["combined", "AAA"] and "Only in the first" in told["combined", "AAA"]


def test_s6_criteria_of_a_selection_are_edited_in_find_and_saved(page, anna, select):
    selection = select("By name", "dynamic", criteria=NAMED)
    shown = page.get(FIND, {"selection": selection.pk})
    assert 'value="AA"' in shown.content.decode() and "Save criteria" in shown.content.decode()
    changed = {"version": 1, "all": [{"field": "last_name", "operator": "starts", "value": "B"}]}
    saved = page.post(f"{FIND}save/{selection.pk}/", {"c-tree": json.dumps(changed), "version": selection.version}, **HTMX)
    assert saved.headers["HX-Redirect"].endswith("?tab=criteria")
    selection.refresh_from_db()
    assert selection.criteria == changed
    stale = page.post(f"{FIND}save/{selection.pk}/", {"c-tree": json.dumps(NAMED), "version": 1}, **HTMX)
    assert "in the meantime" in stale.headers["HX-Trigger"]
    unfinished = {"version": 1, "all": [{"field": "last_name", "operator": "starts", "value": ""}]}
    refused = page.post(f"{FIND}save/{selection.pk}/", {"c-tree": json.dumps(unfinished), "version": 2}, **HTMX)
    assert "has no value" in refused.headers["HX-Trigger"]
    selection.refresh_from_db()
    assert selection.criteria == changed


def test_every_typical_search_can_be_asked(page):
    for record_type in ("person", "company", "sale", "activity"):
        shown = page.get(f"/find/{record_type}/").content.decode()
        addresses = {one.replace("&amp;", "&") for one in re.findall(rf'href="(/find/{record_type}/\?criteria=[^"]+)"', shown)}
        assert len(addresses) >= 4
        for address in addresses:
            assert page.get(address).status_code == 200, address


def test_an_edit_asks_few_statements_however_many_there_are(page, anna, persons, django_assert_max_num_queries):
    for number in range(30):
        PersonFactory(by=anna, company=persons[0].company, last_name=f"AA{number}")
    edit(page, NAMED)
    with django_assert_max_num_queries(12):
        edit(page, NAMED, **{"r-0:operator": "starts", "r-0:value": "A"})


LINE = '{"field": "name", "operator": "is", "value": %s}'
HOSTILE = [
    '{"all": [' * 1_000 + "]}" * 1_000,
    '{"all": [' + ",".join(['{"field": "name", "value": "x"}'] * 10_000) + "]}",
    "[" * 100_000,
    '{"all": [' + LINE % '"' "x" * 300_000 + '"' + "]}",
    *('{"all": [' + LINE % value + "]}" for value in ('{"a": 1}', "[[1]]", "1e400", "9" * 400, '"\\u0000"', "null", "true", '["a", {"b": 1}]', '"%s"' % ("x" * 5000))),
    '{"all": [{"field": "owner__password", "operator": "starts", "value": "a"}]}',
    '{"all": [{"field": "owner", "operator": "in", "value": ["99999999999999999999999"]}]}',
    '{"all": [{"field": "created_at", "operator": "period", "value": ["previous_999_years"]}]}',
    '{"all": [{"field": "created_at", "operator": "on", "value": "+9999y"}]}',
    '{"all": [{"field": "created_at", "operator": "between", "value": ["x"]}]}',
    '{"all": [{"field": "activities.number", "operator": "gte", "value": "1", "where": {"all": [{"field": "company.persons.persons.persons"}]}}]}',
    '{"all": [{"field": "activities.number", "operator": "gte", "value": "1", "where": 7}]}',
    '{"not": {"not": {"not": {"field": "name", "operator": "is", "value": [1, 2]}}}}',
    '{"not": []}',
    '{"all": [], "any": []}',
    '{"all": {"field": "name"}}',
    '{"all": [{"field": null}, {"all": null}]}',
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_criteria_never_break_the_editor_and_find_nobody(page, number):
    tree = HOSTILE[number]
    for address, data in (
        (f"{FIND}edit/", {"c-tree": tree}),
        (f"{FIND}edit/", {"c-tree": tree, "do": "copy:r-0"}),
        ("/criteria/person/edit/", {"c-tree": tree, "do": "wrap:r-0"}),
        ("/criteria/person/counts/", {"c-tree": tree}),
    ):
        response = page.post(address, data, **HTMX)
        assert response.status_code in {200, 204, 400}, (address, response.status_code)
        assert ">AAA<" not in response.content.decode()
    # No server takes a longer address.
    for address in (FIND, f"{FIND}count/", f"{FIND}export.csv") if len(tree) < 8_000 else ():
        assert page.get(address, {"criteria": tree}).status_code in {200, 400}
    assert page.get(f"{FIND}why/", {"criteria": tree[:8_000], "record": 10**30}).status_code == 404


@pytest.mark.parametrize(
    "do", ["add:r", "add:", ":", "remove", "up:r-0-0-0-0", "x" * 10_000, "copy:r--1", "__init__:r", "period:r-0", "less:r-9"]
)
def test_forged_buttons_change_nothing(page, do):
    response = edit(page, NAMED, do, **{"r:add": "owner__password"})
    assert response.status_code == 200
    tree = json.loads(re.search(r'name="c-tree" value="([^"]*)"', response.content.decode())[1].replace("&#34;", '"'))
    assert tree == NAMED
