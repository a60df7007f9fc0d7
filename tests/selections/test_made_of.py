"""Members added and taken out by criteria or from another selection, parts changed, names that exist, items in use (S4–S6, settled 5)."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from crm.history.models import ChangeSet
from crm.history.undo import undo
from leads import list_items
from leads.models import Category
from selections.members import members

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
FIRST_TWO = {"version": 1, "any": [{"field": "last_name", "operator": "is", "value": text} for text in ("AAA", "BBB")]}


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def names(selection, user):
    return "".join(sorted(person.last_name[0] for person in members(selection, user)))


def fill(page, into, **given):
    return page.post(reverse("selections:fill", args=[into.pk]), given, **HTMX)


def test_s4_all_that_match_criteria_are_added_and_taken_out(page, anna, persons, select):
    static = select(records=persons[2:])
    added = fill(page, static, way="add", by="criteria", criteria=json.dumps(FIRST_TWO))
    assert "2 records were added" in json.loads(added.headers["HX-Trigger"])["toast"]["text"]
    assert names(static, anna) == "ABCD"
    fill(page, static, way="remove", by="criteria", criteria=json.dumps(FIRST_TWO))
    assert names(static, anna) == "CD"
    undo(ChangeSet.objects.latest("pk"), by=anna, via="card")
    assert names(static, anna) == "ABCD"


def test_s4_members_are_copied_from_another_selection_and_taken_out(page, anna, persons, select):
    static, other = select(records=persons[2:]), select("Others", "dynamic", criteria=FIRST_TWO)
    fill(page, static, way="add", by="selection", selection=other.pk)
    assert names(static, anna) == "ABCD"
    fill(page, static, way="remove", by="selection", selection=other.pk)
    assert names(static, anna) == "CD"
    again = fill(page, static, way="remove", by="selection", selection=other.pk)
    assert "Nothing was to be changed" in json.loads(again.headers["HX-Trigger"])["toast"]["text"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"way": "add", "by": "criteria", "criteria": "{"}, "no valid JSON"),
        ({"way": "add", "by": "criteria", "criteria": '{"version": 1, "all": []}'}, "at least one condition"),
        ({"way": "remove", "by": "criteria", "criteria": '{"all": [{"field": "shoe", "value": 1}]}'}, "does not exist"),
        ({"way": "add", "by": "selection", "selection": "999"}, "Choose one of these."),
        ({"way": "add", "by": "selection", "selection": ""}, "Choose one of these."),
        ({"way": "steal", "by": "criteria", "criteria": "{}"}, "no valid choice"),
    ],
)
def test_u3_what_cannot_be_done_is_said_at_its_place_and_changes_nothing(page, anna, persons, select, given, told):
    static = select(records=persons[:1])
    response = fill(page, static, **given)
    assert response.status_code == 422 and told in response.content.decode()
    assert names(static, anna) == "A"


def test_the_parts_of_a_combined_selection_are_changed_in_their_order(page, anna, persons, select):
    one, two, three = (
        select(name, records=records) for name, records in (("1", persons[:3]), ("2", persons[1:2]), ("3", persons[2:]))
    )
    both = select("Both", "combined", operation="all", part_ids=[one.pk, two.pk])
    address = reverse("selections:parts", args=[both.pk])
    assert page.get(address).content.decode().count("checked") == 3
    sent = page.post(address, {"part_ids": [one.pk, three.pk], "operation": "first", "version": both.version}, **HTMX)
    assert sent.status_code == 204
    before = both.version
    both.refresh_from_db()
    assert names(both, anna) == "AB"
    stale = page.post(address, {"part_ids": [one.pk, two.pk], "operation": "all", "version": before}, **HTMX)
    assert stale.status_code == 422 and "in the meantime" in stale.content.decode()
    few = page.post(address, {"part_ids": [one.pk], "operation": "all", "version": both.version}, **HTMX)
    assert few.status_code == 422
    itself = page.post(address, {"part_ids": [one.pk, both.pk], "operation": "all", "version": both.version}, **HTMX)
    assert itself.status_code == 422
    assert names(both, anna) == "AB"


def test_s6_a_name_that_exists_is_hinted_at(page, select):
    select("Trade fair")
    address = reverse("leads:similar", args=["selections"])
    assert "Trade fair" in page.get(address, {"name": "TRADE fair"}).content.decode()
    assert "Trade fair" not in page.get(address, {"name": "Trade"}).content.decode()


def test_settled_5_an_item_in_saved_criteria_is_not_deleted(ada, anna, select, category):
    item = category("Opportunity")
    tree = {
        "version": 1,
        "all": [
            {
                "field": "persons",
                "operator": "some",
                "where": {"any": [{"field": "category", "operator": "in", "value": [item.pk]}]},
            }
        ],
    }
    selection = select("Uses it", "dynamic", record_type="company", criteria=tree)
    other = category("Customer")
    assert list_items.needs(other) == []
    assert [text for text, _one in list_items.needs(item)] == ["Selection “Uses it”"]
    with pytest.raises(ValidationError, match="Uses it"):
        list_items.delete_item(item, by=ada, via="admin", replacement=other)
    assert Category.objects.get(pk=item.pk).deleted_at is None
    selection.delete()
    assert "Selection “Uses it”" not in [text for text, _one in list_items.needs(item)]
