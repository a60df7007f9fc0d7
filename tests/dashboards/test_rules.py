"""Who sees and changes which dashboards, what of them is undone, and what a tile says that cannot be counted (D1, D5, D6)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.utils import translation

from crm import search
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from dashboards import actions
from dashboards.models import Dashboard, DashboardShare
from dashboards.search import find_ready
from dashboards.tiles import spec
from dashboards.tiles.ready import READY
from leads import actions as leads
from leads.list_items import delete_item, needs
from leads.models import LeadStatus, Person, Source
from selections.actions import create_selection
from selections.actions import delete as delete_selection
from tests.factories import PersonFactory, UserFactory, arrange

STATUS = {"ready": "leads_by_status"}
BARS = {"kind": "bar", "record": "person", "group": "source"}


def sees(user, dashboard):
    return Dashboard.objects.visible_to(user).filter(pk=dashboard.pk).exists()


def numbers(dashboard):
    return [tile["id"] for tile in Dashboard.objects.get(pk=dashboard.pk).tiles]


# --- Who sees and changes -----------------------------------------------------------------------------------------------


def test_d1_a_new_installation_has_three_dashboards_for_everybody_in_both_languages(rita, anna):
    ready = list(Dashboard.objects.order_by("pk"))
    assert [one.title for one in ready] == ["Lead management", "Sales", "Marketing"] and all(one.pinned for one in ready)
    assert all(sees(user, one) for user in (rita, anna) for one in ready)
    with translation.override("de"):
        assert str(ready[0]) and ready[0].title != "" and spec.title_of(ready[0].tiles[0])
    assert len(ready[0].tiles) == 8 and all(tile["ready"] in READY for one in ready for tile in one.tiles)


def test_d1_predefined_dashboards_are_made_once_and_stay_as_they_were_left(ada):
    actions.delete(Dashboard.objects.all(), by=ada, via="list")
    call_command("setup_lists")
    assert not Dashboard.objects.live().exists()


def test_d1_what_is_pinned_only_administrators_change_and_everybody_may_duplicate(anna, ada, rita):
    pinned = Dashboard.objects.get(ready="leads")
    for change in (
        lambda: actions.edit_dashboard(pinned, {"columns": 2}, by=anna, via="card"),
        lambda: actions.add_tiles(pinned, [STATUS], by=anna, via="card"),
        lambda: actions.arrange(pinned, [3, 1], by=anna, via="card"),
        lambda: actions.delete(pinned, by=anna, via="card"),
        lambda: actions.set_owner(Dashboard.objects.filter(pk=pinned.pk), anna, by=anna, via="list"),
    ):
        with pytest.raises(PermissionDenied):
            change()
    assert not actions.may_change(pinned, anna) and actions.may_change(pinned, ada)
    # Nor by taking back what was done to it.
    for action, done in ((actions.set_owner, ada), (actions.edit_dashboard, {"columns": 2})):
        with pytest.raises(PermissionDenied):
            undo(action(pinned, done, by=ada, via="card").change_set, by=anna, via="card")
    lists = Dashboard.objects.filter(pk__in=[pinned.pk, actions.create_dashboard({"name": "Mine"}, by=anna, via="form").pk])
    outcome = actions.delete(lists, by=anna, via="bulk")
    assert outcome.changed == 1 and [pk for pk, _reason in outcome.left] == [pinned.pk]
    mine = actions.copy_dashboard(pinned, by=anna, via="card")
    assert mine.owner == anna and mine.visibility == "private" and not mine.pinned and len(mine.tiles) == 8
    with pytest.raises(PermissionDenied):
        actions.copy_dashboard(pinned, by=rita, via="card")


def test_d1_pinning_is_for_administrators_and_for_what_everybody_sees(anna, ada, board):
    mine = board(STATUS, visibility="all")
    with pytest.raises(PermissionDenied):
        actions.edit_dashboard(mine, {"pinned": True}, by=anna, via="card")
    actions.edit_dashboard(mine, {"pinned": True}, by=ada, via="card")
    with pytest.raises(ValidationError):
        actions.edit_dashboard(mine, {"visibility": "private"}, by=ada, via="card")


def test_d1_a_dashboard_is_seen_by_those_it_is_shared_with(anna, jan, max_, mia, teams, board):
    mine = board(STATUS)
    assert [sees(user, mine) for user in (anna, jan, max_, mia)] == [True, False, False, False]
    actions.edit_dashboard(mine, {"visibility": "team"}, by=anna, via="card")
    assert [sees(user, mine) for user in (anna, jan, max_, mia)] == [True, True, False, False]
    given = actions.edit_dashboard(mine, {"user_ids": [mia.pk], "team_ids": [teams["south"].pk]}, by=anna, via="card")
    assert [sees(user, mine) for user in (anna, jan, max_, mia)] == [True, True, True, True]
    undo(given.change_set, by=anna, via="card")
    assert [sees(user, mine) for user in (anna, jan, max_, mia)] == [True, True, False, False]
    assert not DashboardShare.objects.exists()


def test_d1_who_sees_a_shared_dashboard_does_not_change_it(anna, max_, board):
    mine = board(STATUS, user_ids=[max_.pk])
    with pytest.raises(PermissionDenied):
        actions.add_tiles(mine, [STATUS], by=max_, via="card")


@pytest.mark.parametrize(
    "values",
    [{"name": ""}, {"name": "x" * 81}, {"columns": 0}, {"columns": 9}, {"theme": "neon"}, {"user_ids": [10**6]}, {"user_ids": "1"}, {"team_ids": [True]},
     {"tiles": {}}, {"tiles": [{"kind": "cake"}]}, {"tiles": [{**BARS, "unknown": 1}]}, {"tiles": [{**STATUS}] * 41},
     {"tiles": [{**STATUS, "title": "\ud83c"}]}, {"nonsense": 1}],
)  # fmt: skip
def test_u3_what_cannot_be_is_refused(anna, values):
    with pytest.raises(ValidationError):
        actions.create_dashboard({"name": "Mine", **values}, by=anna, via="form")
    assert not Dashboard.objects.filter(owner=anna).exists()


# --- Tiles and undo -----------------------------------------------------------------------------------------------------


def test_d5_every_change_of_tiles_is_undone(anna, board, nothing_unattributed):
    mine = board(STATUS, BARS, {"ready": "stale_leads"})
    before = Dashboard.objects.get(pk=mine.pk).tiles
    for change in (
        lambda: actions.add_tiles(mine, [STATUS, BARS], by=anna, via="card")[0],
        lambda: actions.remove_tile(mine, 2, by=anna, via="card"),
        lambda: actions.arrange(mine, [3, 1], by=anna, via="card"),
        lambda: actions.size_tile(mine, 1, width=9, height=0, by=anna, via="card"),
        lambda: actions.edit_tile(mine, 2, {**BARS, "group": "owner"}, by=anna, via="card"),
    ):
        outcome = change()
        assert outcome.changed and Dashboard.objects.get(pk=mine.pk).tiles != before
        undo(outcome.change_set, by=anna, via="card")
        assert Dashboard.objects.get(pk=mine.pk).tiles == before
    deleted = actions.delete(mine, by=anna, via="card")
    assert not sees(anna, mine)
    undo(deleted.change_set, by=anna, via="card")
    assert sees(anna, mine)


def test_d5_two_who_change_different_tiles_at_once_both_succeed(anna, jan, board):
    mine = board(STATUS, BARS, visibility="team")
    seen = Dashboard.objects.get(pk=mine.pk)
    actions.arrange(mine, [2, 1], by=anna, via="card")
    actions.size_tile(seen, 1, width=3, height=2, by=jan, via="card")
    assert numbers(mine) == [2, 1] and Dashboard.objects.get(pk=mine.pk).tiles[1]["width"] == 3
    with pytest.raises(ValidationError):
        actions.remove_tile(mine, 99, by=anna, via="card")


def test_moving_nothing_leaves_no_entry_in_the_history(anna, board):
    mine = board(STATUS, BARS)
    entries = Change.objects.count()
    assert actions.arrange(mine, [1, 2], by=anna, via="card").change_set is None
    assert Change.objects.count() == entries


def test_d3_the_funnel_follows_undo_redo_and_the_bin_exactly(anna, shown, status, category):
    """What was taken back never was; who is in the bin is not counted; a status whose kind changes counts as what it is now (R10)."""
    person = PersonFactory(by=anna, owner=anna)

    def steps():
        return [step.cell.records for step in shown(anna, {"ready": "funnel"}).steps[:3]]

    assert steps() == [1, 0, 0]
    leads.set_lead_status(person, status("Contacting"), by=anna, via="card")
    qualified = leads.set_lead_status(person, status("Qualified"), by=anna, via="card")
    assert steps() == [1, 1, 1]
    undone = undo(qualified.change_set, by=anna, via="card")
    assert steps() == [1, 1, 0]
    redone = undo(undone.change_set, by=anna, via="card")
    assert steps() == [1, 1, 1]
    undo(redone.change_set, by=anna, via="card")
    assert steps() == [1, 1, 0]
    person.refresh_from_db()
    again = leads.set_lead_status(person, status("Open"), by=anna, via="card")
    undo(again.change_set, by=anna, via="card")
    assert steps() == [1, 1, 0]
    LeadStatus.objects.filter(pk=status("Open").pk).update(kind="qualified", is_default=False)
    assert steps() == [1, 1, 1]
    leads.delete(Person.objects.get(pk=person.pk), by=anna, via="card")
    assert steps() == [0, 0, 0]
    leads.restore(Person.objects.get(pk=person.pk), by=anna, via="card")
    assert steps() == [1, 1, 1]


def test_d3_a_status_that_an_undo_had_to_leave_still_counts(anna, shown, status, category):
    first, second = PersonFactory(by=anna, owner=anna), PersonFactory(by=anna, owner=anna)
    both = leads.set_lead_status(Person.objects.all(), status("Qualified"), by=anna, via="list")
    leads.set_lead_status(second, status("Open"), by=anna, via="card")
    undo(both.change_set, by=anna, via="card")
    assert [Person.objects.get(pk=one.pk).lead_status.name_en for one in (first, second)] == ["Open", "Open"]
    assert [step.cell.records for step in shown(anna, {"ready": "funnel"}).steps[:3]] == [2, 1, 1]
    created = Change.objects.filter(record_type="person", record_id=first.pk, op="i").first().change_set
    undo(created, by=anna, via="card")
    assert shown(anna, {"ready": "funnel"}).total.records == 1
    leads.restore(Person.objects.filter(pk=first.pk), by=anna, via="card")
    assert shown(anna, {"ready": "funnel"}).total.records == 2


# --- What cannot be counted ---------------------------------------------------------------------------------------------


def test_a_tile_whose_field_or_selection_or_value_is_gone_says_so_and_shows_no_number(anna, shown, category):
    PersonFactory(by=anna)
    selection = create_selection({"name": "Guests", "record_type": "person", "kind": "static"}, by=anna, via="form")
    of_it = {"kind": "number", "selection": selection.pk}
    assert shown(anna, of_it).total.records == 0
    delete_selection(selection, by=anna, via="card")
    for raw, told in (
        (of_it, "deleted, or is not shared"),
        ({**BARS, "group": "shoe_size"}, "no field “shoe_size” any more"),
        ({**BARS, "criteria": {"all": [{"field": "shoe_size", "operator": "is", "value": 43}]}}, "all[0].field"),
        ({**BARS, "criteria": {"all": [{"field": "source", "operator": "in", "value": ["999999"]}]}}, "all[0].value"),
        ({**BARS, "measure": "conversion"}, "whose share"),
        ({**BARS, "period": "last_blue_moon"}, "no period"),
        ({"kind": "bar", "record": "person", "group": "created_at", "bucket": "fortnight"}, "valid choice"),
        ({"kind": "list", "record": "person", "columns": ["name", "shoe_size"]}, "shoe_size"),
        ({"kind": "gauge", "record": "person"}, "target"),
        ({"kind": "funnel", "record": "sale"}, "persons"),
        ({"kind": "number", "record": "exchange_rate"}, "such records"),
        ({"kind": "cake"}, "of this kind"),
        ({**BARS, "limit": "3"}, "not known"),
    ):
        result = shown(anna, raw)
        text = " ".join(message for _name, message in result.problems)
        assert told in text and not result.series and result.total is None, (raw, text)


def test_a_deleted_item_still_counts_under_its_name(anna, ada, shown):
    source = Source.objects.first()
    PersonFactory(by=anna, source=source)
    delete_item(source, by=ada, via="admin")
    result = shown(anna, BARS)
    assert [(head.label, cell.records) for head, cell in zip(result.heads, result.series[0].cells, strict=True)] == [
        (f"{source.name} (deleted)", 1)
    ]


def test_an_item_that_a_tile_asks_for_cannot_be_deleted(client, anna, ada, board):
    source = Source.objects.first()
    mine = board({**BARS, "criteria": {"all": [{"field": "source", "operator": "in", "value": [source.pk]}]}})
    with pytest.raises(ValidationError, match="Mine"):
        delete_item(source, by=ada, via="admin")
    assert [(str(text), one.pk) for text, one in needs(source)] == [("Dashboard “Mine”", mine.pk)]
    client.force_login(ada)
    address = f"/admin/leads/source/{source.pk}/delete/"
    told = client.get(address).content.decode()
    assert "Dashboard “Mine”" in told and mine.get_absolute_url() not in told  # it is Anna's own
    arrange(Dashboard.objects.filter(pk=mine.pk), visibility="all")
    assert f'href="{mine.get_absolute_url()}"' in client.get(address).content.decode()
    actions.delete(mine, by=anna, via="card")
    delete_item(source, by=ada, via="admin")


def test_a_selection_that_is_private_to_somebody_else_is_as_one_that_is_gone(anna, mia, shown):
    private = create_selection(
        {"name": "Secret", "record_type": "person", "kind": "static", "visibility": "private"}, by=mia, via="form"
    )
    assert "Secret" not in str(shown(anna, {"kind": "number", "selection": private.pk}).problems)
    assert shown(anna, {"kind": "number", "selection": private.pk}).problems


@pytest.mark.parametrize(
    "period", ["last_1_dayss", "last_2_dayss", "last_1_1_days", "last_1_", "last_0_days", "last_1_fortnight", "this_dayss"]
)
def test_p33_what_is_no_period_is_refused_where_it_is_read(anna, client, shown, period):
    with pytest.raises(ValidationError):
        actions.create_dashboard({"name": "Mine", "tiles": [{**BARS, "period": period}]}, by=anna, via="form")
    assert shown(anna, {**BARS, "period": period}).problems
    client.force_login(anna)
    assert client.get("/campaigns/", {"period": period}).status_code < 500


@pytest.mark.parametrize("period", ["last_1_day", "last_1_days", "last_12_weeks", "last_2_quarter"])
def test_a_period_that_is_understood_has_words(anna, shown, period):
    result = shown(anna, {**BARS, "period": period})
    assert not result.problems and result.facts


def test_p33_a_text_may_speak_of_signs_that_cannot_be_stored(anna, board):
    mine = board({**BARS, "title": "\\u0000 and \\ud83c, \U0001f33c"})
    assert mine.tiles[0]["title"] == "\\u0000 and \\ud83c, \U0001f33c"


def test_too_many_columns_are_refused_with_what_to_do(anna, shown):
    raw = {"kind": "column", "record": "person", "group": "created_at", "bucket": "day", "period": "last_3_years"}
    assert "Choose longer ones" in str(shown(anna, raw).problems)


def test_users_who_are_gone_are_shared_with_no_more(anna, board, ada):
    other = UserFactory()
    mine = board(STATUS, user_ids=[other.pk])
    assert sees(other, mine)
    actions.edit_dashboard(mine, {"user_ids": []}, by=anna, via="card")
    assert not sees(other, mine)


@pytest.mark.parametrize("text", ["Lead-Management", "lead manage", "als Nächstes"])
def test_w7_a_ready_dashboard_is_found_in_each_language_and_shown_in_ones_own(lists, ada, text):
    with translation.override("de"):
        (hit,) = search.find(ada, text, 6)["dashboard"]
        assert hit.title == "Lead-Management" and "als Nächstes" in hit.detail
    with translation.override("en"):
        assert search.find(ada, text, 6)["dashboard"][0].title == "Lead management"


@pytest.mark.parametrize("by_itself", [lambda: call_command("setup_lists"), find_ready], ids=["setup", "at night"])
def test_w7_after_an_upgrade_ready_dashboards_are_found_in_every_language(by_itself, lists, ada, monkeypatch):
    """An older version wrote what they are found by in English alone."""
    leads = Dashboard.objects.get(ready="leads")
    with monkeypatch.context() as older:
        older.setitem(search._described, "dashboard", lambda ids: dict.fromkeys(ids, ("lead management", "lead management")))
        search.refresh("dashboard", [leads.pk])
    assert "dashboard" not in search.find(ada, "als Nächstes", 6)
    by_itself()
    assert [hit.pk for hit in search.find(ada, "als Nächstes", 6)["dashboard"]] == [leads.pk]


def test_d1_an_undo_pins_nothing_for_everybody_that_some_do_not_see(anna, ada):
    mine = actions.create_dashboard({"name": "Mine", "visibility": "private"}, by=anna, via="form")
    shared = actions.edit_dashboard(mine, {"visibility": "all"}, by=anna, via="card").change_set
    pinned = actions.edit_dashboard(Dashboard.objects.get(pk=mine.pk), {"pinned": True}, by=ada, via="card").change_set
    assert "Only what everybody sees" in undo(shared, by=ada, via="card").left[0][1]
    undo(pinned, by=ada, via="card")
    assert undo(shared, by=anna, via="card").changed == 1
    assert "Only what everybody sees" in undo(ChangeSet.objects.get(undoes=pinned), by=ada, via="card").left[0][1]
    mine.refresh_from_db()
    assert (mine.visibility, mine.pinned) == ("private", False)
