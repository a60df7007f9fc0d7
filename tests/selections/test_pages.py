"""The pages of selections: found, made, looked at, combined, filled from every list (S4–S7, W7)."""

import json
import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from crm import search
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.models import TableSetting
from leads import actions as leads
from leads.models import Person
from selections import actions
from selections.members import members
from selections.models import Selection, SelectionEvent
from selections.since import compare, notices, since
from tests.factories import CompanyFactory, PersonFactory, SaleFactory

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
BERLIN = {
    "version": 1,
    "all": [
        {"field": "company.city", "operator": "is", "value": "Berlin"},
        {"field": "name", "operator": "starts", "value": "a"},
    ],
}


@pytest.fixture
def page(client, anna):
    client.force_login(anna)
    return client


def names(selection, user):
    return sorted(person.last_name[0] for person in members(selection, user))


def test_s4_save_as_selection_makes_a_dynamic_one_or_a_frozen_one(page, anna, persons):
    address = reverse("selections:selection_new")
    shown = page.get(f"{address}?record_type=person&criteria={json.dumps(BERLIN)}", **HTMX).content.decode()
    assert "company.city" in shown
    for kind in ("dynamic", "static"):
        sent = {"name": kind, "record_type": "person", "kind": kind, "visibility": "team", "criteria": json.dumps(BERLIN)}
        assert page.post(address, sent).status_code == 302
        assert names(Selection.objects.get(name=kind), anna) == ["A"]
    PersonFactory(by=anna, company=persons[0].company, first_name="", last_name="AA")
    assert [names(Selection.objects.get(name=kind), anna) for kind in ("dynamic", "static")] == [["A", "A"], ["A"]]


def test_u3_wrong_criteria_are_told_and_nothing_typed_is_lost(page):
    for text in ("{", json.dumps({"all": [{"field": "nonsense", "value": 1}]})):
        sent = {"name": "Kept", "record_type": "person", "kind": "dynamic", "visibility": "all", "criteria": text}
        response = page.post(reverse("selections:selection_new"), sent)
        assert response.status_code == 422 and "Kept" in response.content.decode()
    assert not Selection.objects.exists()


def test_s7_a_selections_card_and_its_tabs(page, anna, persons, select):
    selection = select("Berliners", kind="dynamic", criteria=BERLIN)
    card = page.get(selection.get_absolute_url()).content.decode()
    assert "Berliners" in card and reverse("selections:selection_person", args=[selection.pk]) in card
    listed = page.get(reverse("selections:selection_person", args=[selection.pk])).content.decode()
    assert ">AAA<" in listed and ">BBB<" not in listed and "Set lead status" in listed
    # What fits beside the card's facts; the board has a tab of its own.
    assert re.findall('data-column="(.*?)"', listed) == ["name", "company", "lead_status", "next_activity_at"]
    assert f"/selections/{selection.pk}/board/" not in listed
    tab = page.get(reverse("selections:criteria", args=[selection.pk])).content.decode()
    assert "whose" in tab and '<td class="number">4</td>' in tab and '<td class="number">1</td>' in tab
    charts = page.get(reverse("selections:charts", args=[selection.pk])).content.decode()
    assert "<h3>Lead status</h3>" in charts and "<progress" in charts
    for tab in ("criteria", "charts", "history", "details", "nonsense"):
        assert page.get(f"{selection.get_absolute_url()}?tab={tab}").status_code == 200


def test_d4_a_charts_number_leads_to_as_many_members(page, anna, persons, select, status):
    Person.objects.update(lead_status=status("Open"), is_lead=True)
    # A status that does not apply is not counted where it is stored, but with those who have none.
    Person.objects.filter(pk=persons[0].pk).update(is_lead=False)
    selection = select(records=persons)
    html = page.get(reverse("selections:charts", args=[selection.pk])).content.decode()
    links = re.findall(r'href="([^"]*criteria=[^"]*)"[^>]*>\s*(\d+)\s*<', html)
    assert {number for _address, number in links} >= {"1", "3", "4"}
    for address, number in links:
        assert page.get(unescape(address)).content.decode().count("data-row") == int(number)


def test_a_broken_selection_opens_and_says_what_is_wrong(page, anna, select):
    selection = select(kind="dynamic", criteria=BERLIN)
    Selection.objects.filter(pk=selection.pk).update(criteria={"all": [{"field": "gone", "value": 1}]})
    for address in (selection.get_absolute_url(), reverse("selections:criteria", args=[selection.pk])):
        assert "all[0].field" in page.get(address).content.decode()


def test_s8_ticked_rows_of_every_list_are_added_and_taken_out_and_that_is_undone(page, anna, persons, select):
    selection = select()
    ids = ",".join(str(person.pk) for person in persons[:2])
    listed = page.get(reverse("leads:persons")).content.decode()
    assert 'data-action="select"' in listed
    dialog = page.post(reverse("leads:persons_act", args=["select"]), {"ids": ids}, **HTMX).content.decode()
    assert "Guests" in dialog
    sent = {"ids": ids, "go": "1", "value": selection.pk, "count": "2"}
    done = page.post(reverse("leads:persons_act", args=["select"]), sent, **HTMX)
    assert done.status_code == 204 and "2 records are now in" in done.headers["HX-Trigger"].encode().decode("unicode_escape")
    assert names(selection, anna) == ["A", "B"]
    out = page.post(
        reverse("selections:selection_person_act", args=[selection.pk, "unselect"]), {**sent, "ids": persons[0].pk}, **HTMX
    )
    assert out.status_code == 204 and names(selection, anna) == ["B"]
    undo(ChangeSet.objects.get(action="selection.remove"), by=anna, via="list")
    assert names(selection, anna) == ["A", "B"]


def test_s8_only_selections_that_hold_such_records_and_that_one_may_change_are_offered(page, anna, max_, select):
    select("Firms", record_type="company")
    select("Dynamic", kind="dynamic", criteria={"all": []})
    theirs = select("Theirs", by=max_)
    person = PersonFactory(by=anna)
    address = reverse("leads:persons_act", args=["select"])
    dialog = page.post(address, {"ids": person.pk}, **HTMX).content.decode()
    assert not any(name in dialog for name in ("Firms", "Theirs", "Dynamic"))
    refused = page.post(address, {"ids": person.pk, "go": "1", "value": theirs.pk, "count": "1"}, **HTMX)
    assert refused.status_code in (403, 422) and not theirs.member_rows.exists()


def test_s5_ticked_selections_are_combined(page, anna, persons, select):
    one, two = select("1", records=persons[:2]), select("2", records=persons[1:3])
    firms = select("Firms", record_type="company")
    address = reverse("selections:selections_act", args=["combine"])
    sent = {"ids": f"{one.pk},{two.pk}", "go": "1", "count": "2", "name": "Only the second", "value": "first", "first": two.pk}
    assert page.post(address, sent, **HTMX).status_code == 204
    assert names(Selection.objects.get(name="Only the second"), anna) == ["C"]
    for wrong in ({"ids": f"{one.pk},{firms.pk}"}, {"ids": str(one.pk)}, {"value": "xor"}, {"name": " "}):
        assert page.post(address, {**sent, **wrong}, **HTMX).status_code == 422
    assert Selection.objects.filter(kind="combined").count() == 1


def test_w7_selections_are_found_by_those_who_see_them(anna, max_, select):
    select("Sommerfest Gäste", visibility="team")
    assert [hit.title for hit in search.find(anna, "sommerfst")["selection"]] == ["Sommerfest Gäste"]
    assert "selection" not in search.find(max_, "sommerfest")


def test_s6_favourites_are_a_users_own_and_lists_show_them(page, anna, jan, select):
    selection = select()
    page.post(reverse("selections:favourite", args=[selection.pk]), {"on": "1"}, **HTMX)
    address = reverse("selections:selections")
    assert "★" in page.get(address).content.decode()
    assert "Guests" in page.get(f"{address}?favourite=1").content.decode()
    page.force_login(jan)
    assert "★" not in page.get(address).content.decode()
    assert "Guests" not in page.get(f"{address}?favourite=1").content.decode()


def test_s6_a_selections_own_columns_begin_its_list_and_a_users_choice_wins(page, anna, jan, persons, select):
    selection = select(records=persons)
    TableSetting.objects.create(
        user=anna, table=f"selection-{selection.pk}", state={"columns": ["name", "email"], "sort": ["-name"]}
    )
    page.post(reverse("selections:keep_table", args=[selection.pk]), **HTMX)
    page.force_login(jan)
    address = reverse("selections:selection_person", args=[selection.pk])
    html = page.get(address).content.decode()
    assert html.count("data-column=") == 2 and html.index(">DDD<") < html.index(">AAA<")
    TableSetting.objects.create(
        user=jan, table=f"selection-{selection.pk}", state={"columns": ["name", "phone", "city"], "sort": ["name"]}
    )
    html = page.get(address).content.decode()
    assert 'data-column="phone"' in html and html.index(">AAA<") < html.index(">DDD<")


def test_settled_5_a_part_in_use_cannot_be_deleted_from_its_card(page, anna, select):
    one, two = select("1"), select("2")
    select("Both", kind="combined", operation="all", part_ids=[one.pk, two.pk])
    response = page.post(reverse("leads:delete", args=["selections", one.pk]), **HTMX)
    assert "Both" in response.headers["HX-Trigger"]
    assert Selection.objects.live().filter(pk=one.pk).exists()


@pytest.mark.parametrize("rows", [2, 12])
def test_the_list_needs_no_query_per_selection(rows, page, anna, persons, select, django_assert_max_num_queries):
    for number in range(rows):
        select(str(number), records=persons)
    with django_assert_max_num_queries(14):
        page.get(reverse("selections:selections"), **HTMX)


@pytest.mark.parametrize("rows", [1, 8])
def test_the_list_needs_no_query_per_combined_selection(rows, page, persons, select, django_assert_max_num_queries):
    one, two = select("One", records=persons), select("Two", records=persons[:1])
    inner = select("Inner", kind="combined", operation="all", part_ids=[one.pk, two.pk])
    for number in range(rows):
        select(f"Whole {number}", kind="combined", operation="first", part_ids=[inner.pk, two.pk])
    with django_assert_max_num_queries(16):
        html = page.get(reverse("selections:selections"), **HTMX).content.decode()
    for name, number in (("Inner", 4), ("Whole 0", 3), (f"Whole {rows - 1}", 3)):
        row = html[html.index(f">{name}<") :].partition("</tr>")[0]
        assert re.search(rf">\s*{number}\s*<", row), name


def test_who_entered_and_left_since_is_counted_at_night_and_told_to_subscribers(page, anna, jan, max_, persons, select):
    selection = select(kind="dynamic", criteria={"all": [{"field": "name", "operator": "starts", "value": "a"}]})
    page.post(reverse("selections:subscribe", args=[selection.pk]), {"on": "1"}, **HTMX)
    compare(selection)
    assert not SelectionEvent.objects.exists() and not notices(anna)
    PersonFactory(by=anna, company=persons[0].company, first_name="", last_name="AX")
    PersonFactory(by=max_, company=None, first_name="", last_name="AY")
    leads.edit_person(persons[0], {"last_name": "ZZZ"}, by=anna, via="card")
    compare(selection)
    assert "1 entered, 1 left since" in notices(anna)[0].text
    assert not notices(jan)
    assert "1 entered, 1 left" in page.get(reverse("selections:since", args=[selection.pk])).content.decode()
    page.post(reverse("selections:since", args=[selection.pk]), **HTMX)
    assert not notices(anna)
    compare(selection)
    assert SelectionEvent.objects.count() == 2


def test_who_was_deleted_has_left_for_those_who_could_see_them(page, anna, max_, persons, select):
    selection = select(kind="dynamic", criteria={"all": [{"field": "name", "operator": "starts", "value": "a"}]})
    compare(selection)
    moment = timezone.now()
    leads.delete(persons[0], by=anna, via="card")
    compare(selection)
    assert since(selection, anna, moment) == (0, 1) and since(selection, max_, moment) == (0, 0)


def test_every_kind_of_record_has_its_list_of_members(page, anna):
    company = CompanyFactory(by=anna, name="Nordwind")
    SaleFactory(by=anna, company=company, name="Turbine")
    for record_type in ("company", "sale", "activity"):
        given = {"name": record_type, "record_type": record_type, "kind": "dynamic", "criteria": {"all": []}}
        selection = actions.create_selection(given, by=anna, via="form")
        assert page.get(reverse(f"selections:selection_{record_type}", args=[selection.pk])).status_code == 200
        assert page.get(reverse("selections:charts", args=[selection.pk])).status_code == 200
    other = reverse("selections:selection_person", args=[selection.pk])
    assert page.get(other).status_code == 404
    assert Person.objects.count() == 0


@pytest.mark.parametrize("count", [3, 40])
def test_an_export_counts_all_members_at_once(page, anna, persons, select, django_assert_max_num_queries, count):
    for number in range(count):
        select(f"Guests {number:02}", records=persons)
    with django_assert_max_num_queries(11):
        answer = page.get("/selections/export.csv", {"cols": "name,members,favourite"})
        lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == count + 1 and lines[1] == "Guests 00,4,"


def test_the_bell_asks_once_whichever_selections_one_may_see(anna, max_, select, django_assert_num_queries):
    """Max has subscribed to a dozen selections that are private by now."""
    for number in range(12):
        made = select(f"Mine {number}")
        made.subscriptions.create(user=max_)
        Selection.objects.filter(pk=made.pk).update(compared_at=timezone.now(), visibility="private")
    max_.colleague_ids  # noqa: B018 (known for the whole request)
    with django_assert_num_queries(2):
        assert notices(max_) == []


def test_a_form_shows_no_label_of_what_it_only_carries(page):
    text = page.get(
        reverse("selections:selection_new"), {"criteria": json.dumps(BERLIN), "record_type": "person"}, **HTMX
    ).content.decode()
    assert 'type="hidden" name="criteria"' in text and "Record type" not in text and "None" not in text


def test_s6_favourites_stand_in_the_navigation_of_who_marked_them(page, anna, max_, select):
    marked, other = select("<Trade> fair"), select("Others")
    actions.set_favourite(marked, by=anna, on=True)
    actions.set_favourite(other, by=max_, on=True)
    text = page.get("/settings/").content.decode()
    side = text[text.index('id="favourites"') : text.index('class="lower"')]
    assert f'href="{marked.get_absolute_url()}"' in side and "&lt;Trade&gt; fair" in side
    assert "Others" not in text
    actions.delete(marked, by=anna, via="card")
    assert "<h2>Favourites</h2>" not in page.get("/settings/").content.decode()
