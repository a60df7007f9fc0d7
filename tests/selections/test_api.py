"""The API of selections: made, filled, combined, read; versions and bad input as everywhere (A4, S9)."""

import pytest
from rest_framework.test import APIClient

from selections.models import Selection
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db
API = "/api/v1/selections/"
BERLIN = {"all": [{"field": "company.city", "operator": "is", "value": "Berlin"}]}


@pytest.fixture
def api(anna):
    client = APIClient()
    client.force_authenticate(anna)
    return client


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_a_selection_is_made_changed_by_version_and_deleted(api, anna, persons):
    made = api.post(API, {"name": "Berliners", "record_type": "person", "kind": "dynamic", "criteria": BERLIN}, format="json")
    assert made.status_code == 201, made.content
    address = f"{API}{made.json()['id']}/"
    assert ids(api.get(f"{address}members/?ordering=-name&page_size=2")) == [persons[3].pk, persons[2].pk]
    assert ids(api.get(f"{address}members/?name__starts=a")) == [persons[0].pk]
    assert api.get(f"{address}members/?nonsense=1").status_code == 400
    assert api.patch(address, {"name": "B"}, format="json").status_code == 428
    assert api.patch(address, {"name": "B", "version": 1}, format="json").json()["name"] == "B"
    assert api.patch(address, {"name": "C", "version": 1}, format="json").status_code == 409
    assert api.patch(address, {"kind": "static", "version": 2}, format="json").status_code == 400
    assert api.delete(address, {"version": 2}, format="json").status_code == 204


def test_members_come_and_go_by_ids_criteria_and_another_selection(api, anna, max_, persons, select):
    selection, other = select(), select("Other", records=persons[:2])
    theirs = PersonFactory(by=max_, company=None)
    address = f"{API}{selection.pk}/"

    def change(what, **body):
        return api.post(f"{address}{what}/", body, format="json").json()

    assert change("add", ids=[persons[2].pk, theirs.pk, 999_999]) == {"changed": 1, "members": 1}
    assert change("add", criteria=BERLIN) == {"changed": 3, "members": 4}
    assert change("remove", selection=other.pk) == {"changed": 2, "members": 2}
    for wrong in ({}, {"ids": [1], "criteria": BERLIN}, {"ids": "all"}, {"ids": [2**63]}, {"criteria": {"all": 1}}, {"selection": 999_999},
                  {"selection": select("Firms", record_type="company").pk}, {"record_ids": [1]}):  # fmt: skip
        assert api.post(f"{address}add/", wrong, format="json").status_code == 400, wrong
    dynamic = select("D", kind="dynamic", criteria=BERLIN)
    assert api.post(f"{API}{dynamic.pk}/add/", {"ids": [persons[0].pk]}, format="json").status_code == 400


def test_selections_are_combined_and_frozen(api, anna, persons, select):
    one, two = select("1", records=persons[:2]), select("2", records=persons[1:3])
    body = {"name": "One of them", "operation": "one", "parts": [one.pk, two.pk]}
    made = api.post(f"{API}combine/", body, format="json")
    assert made.status_code == 201, made.content
    assert ids(api.get(f"{API}{made.json()['id']}/members/")) == [persons[0].pk, persons[2].pk]
    frozen = api.post(f"{API}{made.json()['id']}/freeze/", {"name": "Kept"}, format="json")
    assert (frozen.status_code, frozen.json()["kind"], frozen.json()["name"]) == (201, "static", "Kept")
    assert api.delete(f"{API}{one.pk}/", {"version": 2}, format="json").status_code == 400
    for wrong in (
        {"parts": [one.pk]},
        {"parts": [one.pk, one.pk]},
        {"parts": [one.pk, 999_999]},
        {"operation": "xor"},
        {"parts": []},
    ):
        assert api.post(f"{API}combine/", {**body, **wrong}, format="json").status_code == 400, wrong


def test_a_broken_selection_says_what_is_wrong_and_holds_nobody(api, anna, persons, select):
    selection = select(kind="dynamic", criteria=BERLIN)
    Selection.objects.filter(pk=selection.pk).update(criteria={"all": [{"field": "gone", "value": 1}]})
    assert api.get(f"{API}{selection.pk}/").json()["problems"] == [
        {"place": "all[0].field", "message": "This field does not exist."}
    ]
    assert ids(api.get(f"{API}{selection.pk}/members/")) == []


def test_t05_anothers_private_selection_is_not_there(api, max_, select):
    private = select("Private", by=max_, visibility="private")
    for address in ("", "members/"):
        assert api.get(f"{API}{private.pk}/{address}").status_code == 404
    for address in ("add/", "remove/", "freeze/"):
        assert api.post(f"{API}{private.pk}/{address}", {"ids": [1]}, format="json").status_code == 404
