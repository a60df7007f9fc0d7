"""Selections: who is in them, for whom, and what keeps them whole (S4–S6, S9)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from crm.fields import Asking
from crm.history import words
from crm.history.changes import change
from crm.history.models import Change, ChangeSet
from crm.history.purge import purge_bin
from crm.history.undo import undo
from leads import actions as leads
from leads.models import Company, Person
from selections import actions
from selections.members import members, problems
from selections.models import Selection, SelectionMember, SelectionStep
from tests.factories import PersonFactory, arrange

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_unattributed")]


def line(field, operator, value):
    return {"all": [{"field": field, "operator": operator, "value": value}]}


def names(selection, user):
    selection.refresh_from_db()
    return sorted(person.last_name[0] for person in members(selection, user))


def last(action):
    return ChangeSet.objects.filter(action=action).latest("pk")


def those(*persons):
    return Person.objects.filter(pk__in=[person.pk for person in persons])


def test_s4_a_dynamic_selection_is_always_current(anna, persons, select):
    selection = select(kind="dynamic", criteria=line("name", "starts", "a"))
    assert names(selection, anna) == ["A"]
    PersonFactory(by=anna, company=None, first_name="", last_name="AB")
    assert names(selection, anna) == ["A", "A"]


def test_s4_a_static_selection_is_edited_by_hand_and_each_change_is_undone_as_one(anna, persons, select):
    a, b, c, d = persons
    selection = select(records=[a, b])
    added = actions.add_members(selection, those(b, c, d), by=anna, via="list")
    assert (added.changed, names(selection, anna)) == (2, ["A", "B", "C", "D"])
    removed = actions.remove_members(selection, those(a, d), by=anna, via="list")
    assert (removed.changed, names(selection, anna)) == (2, ["B", "C"])
    assert Change.objects.filter(change_set=removed.change_set, record_type="selection").count() == 1
    took_back = undo(removed.change_set, by=anna, via="list")
    assert names(selection, anna) == ["A", "B", "C", "D"]
    undo(took_back.change_set, by=anna, via="list")
    assert names(selection, anna) == ["B", "C"]
    entry = words.of_record(selection)[0][0]
    assert entry.what == "Redone: Members removed: 2"
    assert ("Members", "4", "2") in entry.changes


def test_s4_what_changes_nothing_leaves_no_trace(anna, persons, select):
    selection = select(records=persons[:1])
    outcome = actions.add_members(selection, those(persons[0]), by=anna, via="list")
    assert (outcome.changed, outcome.change_set) == (0, None)
    assert SelectionStep.objects.count() == 1


def test_r16_an_older_change_of_members_is_not_undone_over_a_later_one(anna, persons, select):
    a, b, c, _d = persons
    selection = select(records=[a])
    first = actions.add_members(selection, those(b), by=anna, via="list")
    actions.add_members(selection, those(c), by=anna, via="list")
    outcome = undo(first.change_set, by=anna, via="list")
    assert outcome.left and names(selection, anna) == ["A", "B", "C"]


def test_s4_all_that_match_criteria_come_and_go_and_another_selection_is_copied_in(anna, persons, select):
    selection = select()
    actions.add_members(selection, actions.matching(selection, line("company.city", "is", "Berlin"), anna), by=anna, via="form")
    assert names(selection, anna) == ["A", "B", "C", "D"]
    actions.remove_members(selection, actions.matching(selection, line("name", "starts", "b"), anna), by=anna, via="form")
    assert names(selection, anna) == ["A", "C", "D"]
    other = select("Others", records=[persons[1]])
    actions.add_from(selection, other, by=anna, via="form")
    assert names(selection, anna) == ["A", "B", "C", "D"]
    with pytest.raises(ValidationError, match="same kind"):
        actions.add_from(select("Firms", record_type="company"), other, by=anna, via="form")
    with pytest.raises(ValidationError, match="other records"):
        actions.add_members(selection, Company.objects.all(), by=anna, via="form")
    with pytest.raises(ValidationError) as error:
        actions.matching(selection, line("nonsense", "is", "x"), anna)
    assert error.value.message_dict["criteria"] == ["all[0].field: This field does not exist."]


@pytest.mark.parametrize(("operation", "expected"), [("all", "ABC"), ("common", "B"), ("first", "A"), ("one", "AC")])
def test_s5_selections_are_combined(operation, expected, anna, persons, select):
    a, b, c, _d = persons
    one, two = select("1", records=[a, b]), select("2", records=[b, c])
    combined = select("Both", kind="combined", operation=operation, part_ids=[one.pk, two.pk])
    assert names(combined, anna) == list(expected)


def test_s5_any_number_and_within_each_other_and_frozen(anna, persons, select):
    a, b, c, d = persons
    ones = [select(str(n), records=some) for n, some in enumerate([[a, b, c], [b, c, d], [c]])]
    once = select("Once", kind="combined", operation="one", part_ids=[one.pk for one in ones])
    assert names(once, anna) == ["A", "D"]
    dynamic = select("D", kind="dynamic", criteria=line("name", "starts", "d"))
    rest = select("Rest", kind="combined", operation="first", part_ids=[once.pk, dynamic.pk])
    assert names(rest, anna) == ["A"]
    frozen = actions.freeze(rest, by=anna, via="form")
    actions.add_members(ones[2], those(a), by=anna, via="list")
    assert (names(rest, anna), names(frozen, anna), frozen.kind) == ([], ["A"], "static")


def test_s5_no_selection_is_a_part_of_itself_not_even_by_undo(anna, persons, select):
    one, two = select("1"), select("2")
    inner = select("Inner", kind="combined", operation="all", part_ids=[one.pk, two.pk])
    outer = select("Outer", kind="combined", operation="all", part_ids=[inner.pk, one.pk])
    with pytest.raises(ValidationError, match="part of itself"):
        actions.edit_selection(inner, {"part_ids": [outer.pk, one.pk]}, by=anna, via="form")
    actions.edit_selection(outer, {"part_ids": [one.pk, two.pk]}, by=anna, via="form")
    changed = last("selection.edit")
    actions.edit_selection(inner, {"part_ids": [outer.pk, one.pk]}, by=anna, via="form")
    outcome = undo(changed, by=anna, via="form")
    assert outcome.left and not outcome.changed
    outer.refresh_from_db()
    assert outer.part_ids == [one.pk, two.pk]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "dynamic"}, "criteria"),
        ({"kind": "dynamic", "criteria": {"all": [{"field": "owner__password", "value": "x"}]}}, "criteria"),
        ({"kind": "static", "criteria": {"all": []}}, "criteria"),
        ({"kind": "static", "operation": "all"}, "operation"),
        ({"kind": "combined", "operation": "all", "part_ids": []}, "part_ids"),
        ({"kind": "combined", "operation": "all", "part_ids": [999_998, 999_999]}, "part_ids"),
        ({"kind": "combined", "operation": "all", "part_ids": "1,2"}, "part_ids"),
        ({"kind": "combined", "operation": "all", "part_ids": [True, 2]}, "part_ids"),
        ({"kind": "combined", "operation": "xor"}, "operation"),
        ({"kind": "magic"}, "kind"),
        ({"record_type": "user"}, "record_type"),
        ({"name": "  "}, "name"),
        ({"owner": None}, "owner"),
    ],
)
def test_bad_input_is_told_at_its_field(values, field, select):
    with pytest.raises(ValidationError) as error:
        select(**{"name": "Bad", **values})
    assert field in error.value.message_dict
    assert not Selection.objects.exists()


def test_the_database_itself_holds_what_belongs_to_a_kind(anna, select):
    selection = select()
    for values in ({"criteria": {"all": []}}, {"operation": "all"}, {"visibility": "some"}, {"record_type": "user"}):
        with pytest.raises(IntegrityError), transaction.atomic(), change("try", by=None, via="system"):
            Selection.objects.filter(pk=selection.pk).update(**values)


def test_settled_5_a_part_in_use_stays_and_a_deleted_one_is_told_and_widens_nothing(anna, persons, select):
    one, two = select("1", records=persons[:1]), select("2", records=persons[1:2])
    both = select("Both", kind="combined", operation="all", part_ids=[one.pk, two.pk])
    outcome = leads.delete(one, by=anna, via="card")
    assert not outcome.changed and "Both" in outcome.left[0][1]
    assert undo(ChangeSet.objects.get(action="selection.create", params__name="1"), by=anna, via="card").left
    arrange(Selection.objects.filter(pk=one.pk), deleted_at=timezone.now())
    assert names(both, anna) == []
    assert problems(both, Asking(anna)) == [("parts[0]", "The selection “1” was deleted.")]
    leads.delete(both, by=anna, via="card")
    assert leads.delete(two, by=anna, via="card").changed == 1


def test_a_selection_whose_criteria_lost_a_field_has_no_members_and_says_which(anna, persons, select):
    selection = select(kind="dynamic", criteria=line("name", "starts", "a"))
    arrange(
        Selection.objects.filter(pk=selection.pk), criteria={"any": [{"field": "gone", "value": 1}, *selection.criteria["all"]]}
    )
    assert names(selection, anna) == []
    assert problems(selection, Asking(anna)) == [("any[0].field", "This field does not exist.")]
    with pytest.raises(ValidationError, match=r"any\[0\].field"):
        actions.freeze(selection, by=anna, via="form")


def test_s6_who_sees_a_selection_its_visibility_says(anna, jan, max_, ada, rita, select):
    for visibility, seen in {"all": "anna jan max_ ada rita", "team": "anna jan", "private": "anna"}.items():
        selection = select(visibility, visibility=visibility)
        users = {"anna": anna, "jan": jan, "max_": max_, "ada": ada, "rita": rita}
        for name, user in users.items():
            assert Selection.objects.visible_to(user).filter(pk=selection.pk).exists() == (name in seen.split()), (
                visibility,
                name,
            )
    everybodys = Selection.objects.filter(name="all")
    assert everybodys.editable_by(jan).exists()
    assert not everybodys.editable_by(max_).exists() and not everybodys.editable_by(rita).exists()
    with pytest.raises(PermissionDenied):
        actions.edit_selection(everybodys.get(), {"name": "Mine"}, by=max_, via="form")
    with pytest.raises(PermissionDenied):
        actions.add_members(everybodys.get(), Person.objects.all(), by=max_, via="form")


def test_s6_copied_named_alike_favourite_and_history(anna, jan, persons, select):
    selection = select("Gäste", records=persons[:2], description="Summer")
    copy = actions.copy_selection(selection, by=jan, via="form")
    assert (copy.name, copy.owner, names(copy, jan)) == ("Copy of Gäste", jan, ["A", "B"])
    assert actions.same_name(" gaste ", anna) == selection
    assert actions.same_name("Gäste", anna, but=selection.pk) is None
    actions.set_favourite(selection, by=jan, on=True)
    actions.set_favourite(selection, by=jan, on=True)
    assert list(jan.favourite_selections.values_list("selection", flat=True)) == [selection.pk]
    actions.edit_selection(selection, {"name": "Gäste 2", "completed": True}, by=anna, via="card", version=None)
    undo(last("selection.edit"), by=anna, via="card")
    selection.refresh_from_db()
    assert (selection.name, selection.completed, selection.name_key) == ("Gäste", False, "gaste")


def test_s6_criteria_are_undone_and_told(anna, persons, select):
    selection = select(kind="dynamic", criteria=line("name", "starts", "a"))
    actions.edit_selection(selection, {"criteria": line("name", "starts", "b")}, by=anna, via="card")
    assert names(selection, anna) == ["B"]
    entry = words.of_record(selection)[0][0]
    assert entry.changes == [("Criteria", "1 condition", "1 condition")]
    undo(entry.change_set, by=anna, via="card")
    assert names(selection, anna) == ["A"]


def test_s9_the_same_selection_shows_each_user_their_own_part(anna, max_, mia, persons, select):
    hers = PersonFactory(by=max_, company=None, last_name="XXX")
    selection = select(kind="dynamic", criteria={"all": []})
    assert names(selection, anna) == ["A", "B", "C", "D"]
    assert names(selection, max_) == ["X"]
    assert names(selection, mia) == ["A", "B", "C", "D", "X"]
    static = select("Static", records=persons)
    outcome = actions.add_members(static, those(hers), by=anna, via="list")
    assert outcome.changed == 0
    assert not SelectionMember.objects.filter(record_id=hers.pk).exists()


def test_r18_settled_12_who_is_purged_is_in_no_selection_and_no_undo_brings_them_back(anna, persons, select):
    selection = select(records=persons[:2])
    removed = actions.remove_members(selection, those(persons[0]), by=anna, via="list")
    leads.delete(persons[0], by=anna, via="card")
    leads.delete(persons[1], by=anna, via="card")
    assert names(selection, anna) == []
    purge_bin(now=timezone.now() + timezone.timedelta(days=30))
    assert not SelectionMember.objects.exists()
    undo(removed.change_set, by=anna, via="list")
    assert not SelectionMember.objects.exists()


def test_r18_a_selection_from_the_bin_has_its_members(anna, persons, select):
    selection = select(records=persons[:2])
    leads.delete(selection, by=anna, via="card")
    assert not Selection.objects.visible_to(anna).exists()
    leads.restore(Selection.objects.all(), by=anna, via="list")
    assert names(selection, anna) == ["A", "B"]
    leads.delete(selection, by=anna, via="card")
    purge_bin(now=timezone.now() + timezone.timedelta(days=30))
    assert not Selection.objects.exists() and not SelectionStep.objects.exists()
