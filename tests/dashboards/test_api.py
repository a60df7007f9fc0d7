"""Dashboards by the API (A4)."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from crm.models import ApiToken
from dashboards.models import Dashboard
from tests.factories import CompanyFactory, PersonFactory

STATUS = {"id": 1, "ready": "leads_by_status"}


@pytest.fixture
def api(anna):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(anna)}", HTTP_ACCEPT_LANGUAGE="en")
    return client


def test_a_dashboard_is_made_changed_and_deleted(api, anna, max_):
    made = api.post(
        "/api/v1/dashboards/", {"name": "Mine", "tiles": [STATUS, {"kind": "number", "record": "sale"}], "users": [max_.pk]}
    )
    assert (
        made.status_code == 201 and [one["id"] for one in made.data["tiles"]] == [1, 2] and made.data["visibility"] == "private"
    )
    address = f"/api/v1/dashboards/{made.data['id']}/"
    assert api.patch(address, {"name": "Other"}).status_code == 428
    changed = api.patch(address, {"name": "Other", "version": 1, "tiles": made.data["tiles"][1:]})
    assert changed.data["name"] == "Other" and [one["id"] for one in changed.data["tiles"]] == [2]
    assert api.patch(address, {"name": "Late", "version": 1}).status_code == 409
    assert api.get("/api/v1/dashboards/?name=other").data["count"] == 1
    assert api.delete(address, HTTP_IF_MATCH='"2"').status_code == 204
    assert Dashboard.objects.get(pk=made.data["id"]).deleted_at


@pytest.mark.parametrize(
    "wrong",
    [
        {"tiles": [{"kind": "cake"}]},
        {"tiles": ["x"]},
        {"tiles": [{"kind": []}]},
        {"tiles": [{"ready": []}]},
        {"tiles": [{**STATUS, "group": {}}]},
        {"tiles": [{**STATUS, "title": "A\x00"}]},
        {"tiles": [{"kind": "text", "text": "\x00"}]},
        {"theme": "neon"},
        {"nonsense": 1},
        {"users": [10**6]},
        {"columns": 99},
    ],
)
def test_what_cannot_be_is_a_400_that_names_it(api, wrong):
    answer = api.post("/api/v1/dashboards/", {"name": "Mine", **wrong})
    assert answer.status_code == 400 and set(answer.data) & {*wrong, "user_ids"}


def test_the_numbers_of_a_tile_come_with_the_criteria_of_their_records(api, anna, status):
    PersonFactory.create_batch(2, by=anna)
    made = api.post(
        "/api/v1/dashboards/",
        {"name": "Mine", "tiles": [STATUS, {"ready": "funnel"}, {"ready": "my_next"}, {"kind": "text", "text": "T"}]},
    )
    address = f"/api/v1/dashboards/{made.data['id']}/tiles/"
    tile = api.get(f"{address}1/").json()
    (number,) = tile["series"][0]["numbers"]
    assert (number["value"], number["records"], tile["places"][0]["label"]) == (2, 2, status("Open").name)
    found = api.post("/api/v1/find/", {"record_type": number["record_type"], "criteria": number["criteria"]})
    assert found.data["count"] == number["records"]
    assert [step["records"] for step in api.get(f"{address}2/").json()["steps"]] == [2, 0, 0, 0, 0]
    assert api.get(f"{address}3/").json()["rows"] == [] and api.get(f"{address}4/").json()["text"] == "T"
    assert api.get(f"{address}1/?country=AT").json()["total"]["value"] == 0
    assert api.get(f"{address}1/?country=ZZ").status_code == 400
    assert api.get(f"{address}1/?colour=red").status_code == 400 and api.get(f"{address}99/").status_code == 404


@pytest.mark.parametrize(
    "raw", [{"group": "owner"}, {"group": "owner", "series": "country"}, {"group": "owner", "measure": "companies"}]
)
def test_p_a_number_of_a_tile_costs_no_statement(api, anna, jan, ada, teams, raw):
    dashboard = api.post("/api/v1/dashboards/", {"name": "Mine", "tiles": [{"kind": "table", "record": "company", **raw}]}).data
    address = f"/api/v1/dashboards/{dashboard['id']}/tiles/1/?team={teams['north'].pk}"
    asked = []  # (statements, numbers)
    for owners in ([anna], [anna, jan]):
        for owner in owners:
            for country in ("DE", "AT", "PL"):
                CompanyFactory(by=ada, owner=owner, country=country)
        cache.clear()
        api.get(address)  # counts it
        with CaptureQueriesContext(connection) as statements:
            answer = api.get(address).json()
        asked.append((len(statements), sum(len(one["numbers"]) for one in answer["series"])))
    assert asked[1][1] > asked[0][1] and asked[1][0] == asked[0][0] < 20, asked


def test_what_is_pinned_only_administrators_change(api):
    pinned = Dashboard.objects.get(ready="leads")
    assert api.patch(f"/api/v1/dashboards/{pinned.pk}/", {"name": "Mine", "version": pinned.version}).status_code == 403
