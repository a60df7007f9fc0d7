"""What an undo does and may do: whose rights count, what stays to be undone, what an undo of an undo of an undo is (R16, settled 8)."""

import json
import re

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from crm.fields.base import Asking
from crm.history import words
from crm.history.changes import change
from crm.history.models import Change, ChangeSet
from crm.history.purge import erase
from crm.history.undo import undo
from crm.models import Role
from dashboards.statuses import status_changes
from leads import actions, automation
from leads.models import Company, Person
from tests.exchange.files import brought, csv_of
from tests.factories import CompanyFactory, PersonFactory, arrange
from tests.meanwhile import meanwhile, only_postgresql

HTMX = {"HTTP_HX_REQUEST": "true"}
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


def made(record):
    entry = Change.objects.get(record_type=record.history.record_type, record_id=record.pk, op="i", field="")
    return ChangeSet.objects.get(pk=entry.change_set_id)


def fresh(record):
    record.refresh_from_db()
    return record


# --- Whose rights count -----------------------------------------------------------------------------------------------


@pytest.fixture
def careful(jan):
    """Jan may change what his team owns, and neither delete nor import."""
    jan.role = Role.objects.create(code="careful", name_en="Careful", name_de="Vorsichtig", may_delete=False, may_import=False)
    jan.save(update_fields=["role"])
    return jan


def test_settled_8_who_may_not_delete_does_not_delete_by_undoing_what_others_created(client, anna, careful, ada):
    person = PersonFactory(by=anna)
    with pytest.raises(PermissionDenied, match="may not delete"):
        undo(made(person), by=careful, via="card")
    client.force_login(careful)
    assert client.post(reverse("crm:undo", args=[made(person).pk]), **HTMX).status_code == 403
    assert fresh(person).deleted_at is None and not made(person).undone
    assert undo(made(person), by=ada, via="card").changed == 1


@pytest.mark.parametrize("tab", ["leads:history", "activities:timeline"])
def test_settled_8_undo_is_offered_to_whom_it_is_allowed(tab, client, anna, careful, ada):
    theirs, own = PersonFactory(by=anna), PersonFactory(by=careful, company=None)
    for user, person, offered in ((careful, theirs, False), (careful, own, True), (anna, theirs, True), (ada, own, True)):
        client.force_login(user)
        text = client.get(reverse(tab, args=["persons", person.pk]), **HTMX).content.decode()
        assert (reverse("crm:undo", args=[made(person).pk]) in text) is offered


def test_settled_8_nor_by_redoing_a_deletion_that_others_took_back(anna, careful):
    person = PersonFactory(by=anna)
    taken_back = undo(actions.delete(person, by=anna, via="card").change_set, by=anna, via="card")
    with pytest.raises(PermissionDenied):
        undo(taken_back.change_set, by=careful, via="card")
    assert fresh(person).deleted_at is None


def test_r16_what_one_created_oneself_one_takes_back_without_the_right_to_delete(careful):
    person = PersonFactory(by=careful, company=None)
    assert undo(made(person), by=careful, via="card").changed == 1 and fresh(person).deleted_at


def test_settled_8_changes_of_others_are_taken_back_without_the_right_to_delete(anna, careful, status):
    person = PersonFactory(by=anna)
    outcome = actions.set_lead_status(person, status("Qualified"), by=anna, via="card")
    assert undo(outcome.change_set, by=careful, via="card").changed == 1


@pytest.mark.parametrize("lacking", ["may_delete", "may_import"])
def test_settled_8_an_import_of_others_is_undone_only_with_the_rights_to_import_and_to_delete(
    lacking, client, ada, mia, settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path / "media"
    source, _report = brought(ada, csv_of(["Name"], ["A"], ["B"]))
    type(mia.role).objects.filter(pk=mia.role_id).update(**{lacking: False})
    mia.role.refresh_from_db()
    with pytest.raises(PermissionDenied):
        undo(source.change_set, by=mia, via="card")
    assert Person.objects.count() == 2
    type(mia.role).objects.filter(pk=mia.role_id).update(**{lacking: True})
    mia.role.refresh_from_db()
    undo(source.change_set, by=mia, via="card")
    assert not Person.objects.exists()


def test_r16_the_history_of_one_record_offers_no_undo_of_a_whole_import(client, ada, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    source, _report = brought(ada, csv_of(["Name"], ["A"]))
    client.force_login(ada)
    text = client.get(reverse("leads:history", args=["persons", Person.objects.get().pk]), **HTMX).content.decode()
    assert "Imported" in text and reverse("crm:undo", args=[source.change_set_id]) not in text


# --- What stays to be undone ------------------------------------------------------------------------------------------


@pytest.fixture(params=["at once", "in chunks"])
def size(request, monkeypatch):
    if request.param == "in chunks":
        monkeypatch.setattr("crm.history.undo.AT_ONCE", 1)
        monkeypatch.setattr("crm.history.changes.AT_ONCE", 3)


@pytest.fixture
def four(anna, max_, ada, status):
    """Persons of Anna's and one of Max's, and the change set that qualified them."""
    persons = [PersonFactory(by=ada, owner=owner, company=None) for owner in (anna, anna, anna, max_)]
    outcome = actions.set_lead_status(Person.objects.all(), status("Qualified"), by=ada, via="bulk")
    return persons, outcome.change_set


def test_r16_an_undo_that_was_refused_is_still_there_for_others(size, four, roles, rita, ada):
    _persons, change_set = four
    with pytest.raises(PermissionDenied, match="may not change"):
        undo(change_set, by=rita, via="card")
    assert fresh(change_set).undoable and not ChangeSet.objects.exclude(state="done").exclude(state="failed").exists()
    assert undo(change_set, by=ada, via="card").changed == 4


def test_r16_what_one_could_not_take_back_others_still_can(size, four, max_, ada, status):
    persons, change_set = four
    outcome = undo(change_set, by=max_, via="card")
    assert outcome.changed == 1 and len(outcome.left) == 3 and fresh(persons[3]).lead_status == status("Open")
    assert fresh(change_set).undoable
    outcome = undo(change_set, by=ada, via="card")
    assert outcome.changed == 3 and not fresh(change_set).undoable
    assert {fresh(person).lead_status for person in persons} == {status("Open")}


def test_r18_what_was_removed_since_is_named_and_keeps_nothing_from_being_undone(size, four, ada):
    persons, change_set = four
    with change("purge", by=None, via="system"):
        erase("person", Person, [persons[0].pk])
    outcome = undo(change_set, by=ada, via="card")
    assert outcome.left == [(persons[0].pk, "It was removed for good.")] and outcome.changed == 3
    assert not fresh(change_set).undoable


def test_r16_what_an_undo_left_is_counted_whole_however_little_of_it_is_kept(
    client, anna, max_, ada, settings, tmp_path, monkeypatch
):
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr("crm.history.changes.MAX_LISTED", 2)
    source, _report = brought(
        anna, csv_of(["Name", "Company"], *([f"Person {number}", f"Company {number}"] for number in range(6)))
    )
    theirs = Company.objects.order_by("pk")[:4]
    for model in (Person, Company):
        actions.set_owner(model.objects.filter(pk__in=model.objects.order_by("pk")[:4]), max_, by=ada, via="bulk")
    client.force_login(anna)
    answer = client.post(reverse("crm:undo", args=[source.change_set_id]), **HTMX)
    told = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert told["text"].startswith("Import of file.csv undone. 8 were left")
    for address in (told["link"]["url"], reverse("exchange:import", args=[source.pk])):
        page = client.get(address).content.decode()
        assert re.findall(r'<span class="end muted">(.*?)</span>', page) == ["8"]
        assert "more</p>" not in page and "Not named: records you may not see" in page
        assert not any(company.name in page for company in theirs)


# --- An undo of an undo of an undo ------------------------------------------------------------------------------------


@pytest.fixture
def rule(ada, category, status):
    """Qualified leads make their company an MQL, unasked."""
    values = {"lead_status": status("Qualified"), "target": category("Marketing qualified lead (MQL)"), "enabled": True}
    return automation.create_rule(values | {"ask_first": False}, by=ada, via="admin")


def undo_in_turn(change_set, times, by):
    """Undo a change set, then that undo, and so on."""
    for _time in range(times):
        change_set = undo(change_set, by=by, via="card").change_set


def test_r16_an_undo_of_a_redo_undoes_and_is_called_so(rule, ada, status, category):
    person = PersonFactory(by=ada)
    outcome = actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    sets = [outcome.change_set]
    for undone in [True, False, True, False]:
        sets.append(undo(fresh(sets[-1]), by=ada, via="card").change_set)
        assert [one.undone for one in (fresh(outcome.change_set), ChangeSet.objects.get(action="automation"))] == [undone, undone]
        assert fresh(person).lead_status == status("Open" if undone else "Qualified")
        assert person.category.name_en == ("Lead" if undone else "Marketing qualified lead (MQL)")
        assert status_changes(["qualified"], Asking(user=ada)).filter(record_id=person.pk).count() == (0 if undone else 1)
    assert [words.what(one).partition(":")[0] for one in sets[1:]] == ["Undone", "Redone", "Undone", "Redone"]


def test_r16_what_a_rule_did_and_was_taken_back_by_itself_stays_so(rule, ada, status):
    person = PersonFactory(by=ada)
    outcome = actions.set_lead_status(person, status("Qualified"), by=ada, via="card")
    child = ChangeSet.objects.get(action="automation")
    undo(child, by=ada, via="card")
    undo_in_turn(outcome.change_set, 2, ada)
    assert not fresh(outcome.change_set).undone and fresh(child).undone and fresh(person).category.name_en == "Lead"


def test_r13_a_question_whose_cause_was_undone_for_the_second_time_is_gone(rule, ada, status):
    arrange(type(rule).objects.all(), ask_first=True)
    outcome = actions.set_lead_status(PersonFactory(by=ada), status("Qualified"), by=ada, via="card")
    undo_in_turn(outcome.change_set, 3, ada)
    assert not automation.waiting_for(ada).exists()


def test_r16_what_was_changed_and_undone_for_the_second_time_keeps_no_creation(ada):
    person = PersonFactory(by=ada, company=None)
    outcome = actions.edit_person(person, {"title": "CTO"}, by=ada, via="card")
    undo_in_turn(outcome.change_set, 3, ada)
    assert undo(made(person), by=ada, via="card").changed == 1 and fresh(person).deleted_at


# --- At the same moment -----------------------------------------------------------------------------------------------


def test_r16_a_category_of_ones_own_is_not_lost_by_going_back_to_a_company(ada, category):
    company = CompanyFactory(by=ada, category=category("Lead"))
    changed, other = (PersonFactory(by=ada, company=company) for _ in range(2))
    deletion = actions.delete(company, by=ada, via="card", keep_persons=True).change_set
    actions.edit_person(changed, {"category": category("Partner")}, by=ada, via="card")
    outcome = undo(deletion, by=ada, via="card")
    assert outcome.left == [(changed.pk, "“category” was changed again later.")]
    assert (fresh(changed).company, changed.category) == (None, category("Partner"))
    assert (fresh(other).company, other.category) == (company, category("Lead"))
    # Leaving and a category chosen with it are one change.
    at_once = actions.edit_person(other, {"company": None, "category": category("Supplier")}, by=ada, via="card").change_set
    undone = undo(at_once, by=ada, via="card").change_set
    assert (fresh(other).company, other.category) == (company, category("Lead"))
    undo(undo(undone, by=ada, via="card").change_set, by=ada, via="card")
    assert (fresh(other).company, other.category) == (company, category("Lead"))


@only_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("large", [False, True])
def test_r16_an_undo_overwrites_nothing_that_is_being_changed_as_it_begins(large, lists, ada, monkeypatch):
    if large:
        monkeypatch.setattr("crm.history.undo.AT_ONCE", 0)
    person = PersonFactory(by=ada, company=None, title="Clerk")
    change_set = actions.edit_person(person, {"title": "CTO"}, by=ada, via="card").change_set
    outcomes = []
    meanwhile(
        lambda: actions.edit_person(person, {"title": "CEO"}, by=ada, via="card"),
        lambda: outcomes.append(undo(change_set, by=ada, via="card")),
    )
    assert fresh(person).title == "CEO" and outcomes[0].left == [(person.pk, "“job title” was changed again later.")]
