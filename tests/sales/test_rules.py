"""What a sale is and becomes (R14), by its actions: amounts, states, undo, and what the database itself refuses."""

import datetime
import threading
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation

from activities import actions as activities
from activities import lifecycle as activity_lifecycle
from activities.models import Activity
from crm.history import words
from crm.history.changes import Conflict
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from crm.models import User
from leads import actions as leads
from leads import list_items
from leads.models import Company
from sales import actions, lifecycle, rates
from sales.models import Sale, SaleStage
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
TODAY = timezone.localdate


def error_of(action, *args, **kwargs):
    with pytest.raises(ValidationError) as refused:
        action(*args, **kwargs)
    return {name: " ".join(texts) for name, texts in refused.value.message_dict.items()}


def fresh(record):
    record.refresh_from_db()
    return record


@pytest.fixture
def how(anna):
    return {"by": anna, "via": "card"}


# --- Creating ---------------------------------------------------------------------------------------------------------


def test_a_sale_begins_at_the_first_stage_in_the_base_currency_and_belongs_to_who_made_it(company, how, anna):
    sale = actions.create_sale({"name": " Wartung ", "company": company}, **how)
    assert (sale.name, sale.stage, sale.currency, sale.owner, sale.status) == (
        "Wartung",
        SaleStage.objects.first(),
        "EUR",
        anna,
        "open",
    )
    assert (sale.base_cents, sale.weighted_cents, sale.closed_on) == (0, 0, None)


def test_of_a_person_alone_it_is_the_persons_companys(person, how):
    assert actions.create_sale({"name": "Wartung", "person": person}, **how).company == person.company


def test_a_person_of_another_company_is_refused(company, how, anna):
    other = PersonFactory(by=anna, last_name="Wehner")
    errors = error_of(actions.create_sale, {"name": "Wartung", "company": company, "person": other}, **how)
    assert "is not at the company Nordwind Logistik" in errors["person"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "  ", "cannot be blank"), ("name", "x" * 201, "at most 200"), ("name", "two\nlines", ""), ("company", None, "belongs to a company"),
        ("amount", Decimal(-1), "greater than or equal to 0"), ("amount", Decimal("1e30"), "no more than 14 digits"),
        ("amount", Decimal("NaN"), ""), ("amount", Decimal("0.001"), "no more than 2 decimal"), ("amount", None, "cannot be null"),
        ("currency", "XXX", "no exchange rate"), ("currency", "EURO", "at most 3"), ("currency", "usd", "no exchange rate"),
        ("stage", None, "always at a stage"), ("expected_on", datetime.date(9999, 12, 31), "Enter a date"), ("colour", "red", "does not exist"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_at_its_field(sale, how, field, value, message):
    before = Sale.objects.values().get(pk=sale.pk)
    assert message in error_of(actions.edit_sale, sale, {field: value}, **how)[field]
    assert Sale.objects.values().get(pk=sale.pk) == before
    if field != "stage":
        assert field in error_of(actions.create_sale, {"name": "Wartung", "company": sale.company, field: value}, **how)


def test_r4_creating_it_from_a_persons_card_qualifies_the_lead_as_one_change(person, how, status):
    sale = actions.create_sale({"name": "Wartung", "person": person}, qualify=True, **how)
    assert fresh(person).lead_status == status("Qualified")
    made = ChangeSet.objects.get(action="sale.create")
    undo(made, **how)
    assert fresh(sale).deleted_at and fresh(person).lead_status == status("Open")
    undo(ChangeSet.objects.get(undoes=made), **how)
    assert not fresh(sale).deleted_at and fresh(person).lead_status == status("Qualified")


def test_r12_a_customers_person_keeps_their_stored_status(person, company, how, category, status):
    leads.set_category(company, category("Customer"), **how)
    actions.create_sale({"name": "Wartung", "person": fresh(person)}, qualify=True, **how)
    assert fresh(person).lead_status == status("Open") and fresh(company).category == category("Customer")


# --- Amounts ----------------------------------------------------------------------------------------------------------


def test_amounts_are_exact_and_weighed_by_the_stage(sale, how, stage):
    assert (sale.base_cents, sale.weighted_cents) == (100_010, 50_005)
    actions.set_stage(sale, stage("Verbal yes"), **how)
    assert fresh(sale).weighted_cents == 90_009
    actions.edit_sale(sale, {"amount": Decimal("0.01")}, **how)
    assert (fresh(sale).base_cents, sale.weighted_cents) == (1, 1)


def test_an_amount_is_converted_by_the_rate_of_the_day_it_is_expected_or_closed(sale, how, dollars):
    actions.edit_sale(sale, {"currency": "USD", "amount": Decimal(1000), "expected_on": datetime.date(2024, 6, 1)}, **how)
    assert fresh(sale).base_cents == 80_000
    actions.edit_sale(sale, {"expected_on": datetime.date(2030, 6, 1)}, **how)
    assert fresh(sale).base_cents == 90_000
    actions.edit_sale(sale, {"expected_on": datetime.date(2001, 6, 1)}, **how)
    assert fresh(sale).base_cents == 80_000  # before all rates the first one counts
    actions.win(sale, **how)
    assert (fresh(sale).base_cents, sale.weighted_cents) == (90_000, 90_000)


def test_a_lost_sale_weighs_nothing_and_a_won_one_all(sale, how, reason):
    actions.lose(sale, reason=reason("Price"), **how)
    assert (fresh(sale).base_cents, sale.weighted_cents) == (100_010, 0)
    actions.reopen(sale, **how)
    actions.win(sale, **how)
    assert fresh(sale).weighted_cents == 100_010


# --- What becomes of it -----------------------------------------------------------------------------------------------


def test_winning_needs_no_more_than_a_day(sale, how):
    actions.win(sale, **how)
    assert (fresh(sale).status, sale.closed_on, sale.reason) == ("won", TODAY(), None)


def test_losing_needs_a_reason_of_lost_sales(sale, how, reason):
    assert "why it was lost" in error_of(actions.lose, sale, reason=None, **how)["reason"]
    assert "no reason of such a sale" in error_of(actions.lose, sale, reason=reason("Best offer"), **how)["reason"]
    actions.lose(sale, reason=reason("Price"), closed_on=TODAY() - datetime.timedelta(days=3), **how)
    assert (fresh(sale).status, sale.closed_on, sale.reason) == ("lost", TODAY() - datetime.timedelta(days=3), reason("Price"))


def test_it_cannot_be_closed_before_it_was_created_nor_in_the_future(sale, how):
    assert "created after that" in error_of(actions.win, sale, closed_on=TODAY() - datetime.timedelta(days=31), **how)["status"]
    assert "still to come" in error_of(actions.win, sale, closed_on=TODAY() + datetime.timedelta(days=1), **how)["closed_on"]
    actions.win(sale, **how)
    errors = error_of(actions.edit_sale, sale, {"closed_on": TODAY() - datetime.timedelta(days=31)}, **how)
    assert "created after that" in errors["closed_on"] and fresh(sale).closed_on == TODAY()


def test_who_is_second_is_told_who_was_first(sale, how, ada, reason):
    actions.win(sale, by=ada, via="card")
    version = fresh(sale).version
    for attempt in (
        lambda: actions.win(sale, **how),
        lambda: actions.lose(sale, reason=reason("Price"), **how),
        lambda: actions.stall(sale, **how),
    ):
        assert "Ada Lind has already marked “Flottensteuerung” as won" in error_of(attempt)["status"]
    assert fresh(sale).status == "won" and sale.version == version
    assert "as won" in error_of(actions.edit_sale, sale, {"status": "lost", "reason": reason("Price")}, **how)["status"]


def test_a_closed_sale_stays_at_its_stage_until_it_is_opened_again(sale, how, stage):
    actions.win(sale, **how)
    assert "is closed" in error_of(actions.set_stage, sale, stage("First talk"), **how)["stage"]
    actions.reopen(sale, **how)
    assert (fresh(sale).status, sale.closed_on) == ("open", None)
    actions.set_stage(sale, stage("First talk"), **how)
    assert fresh(sale).stage == stage("First talk")


def test_resting_until_a_day_plans_a_follow_up_and_undo_takes_both(sale, how, anna, person):
    day = TODAY() + datetime.timedelta(days=10)
    outcome = actions.stall(sale, reopen_on=day, **how)
    activity = Activity.objects.get()
    assert (fresh(sale).status, sale.reopen_on) == ("stalled", day)
    assert (
        activity.subject == "Open again: Flottensteuerung"
        and activity.person == person
        and activity.owner == anna
        and activity.all_day
    )
    assert activity.due_at.astimezone(anna.zone).date() == day
    assert fresh(person).next_activity == activity.due_at
    undo(outcome.change_set, **how)
    assert (
        fresh(sale).status == "open"
        and sale.reopen_on is None
        and fresh(activity).deleted_at
        and fresh(person).next_activity is None
    )


@pytest.mark.parametrize("way", ["stall", "edit"])
def test_r15_the_follow_up_of_a_sale_whose_owner_was_switched_off_is_for_who_lets_it_rest(sale, jan, anna, way):
    arrange(Sale.objects.filter(pk=sale.pk), owner=jan)
    User.objects.filter(pk=jan.pk).update(is_active=False)
    until = TODAY() + datetime.timedelta(days=9)
    if way == "stall":
        actions.stall(fresh(sale), reopen_on=until, by=anna, via="card")
    else:
        actions.edit_sale(fresh(sale), {"status": "stalled", "reopen_on": until}, by=anna, via="card")
    assert Activity.objects.get(sale=sale).owner == anna and fresh(sale).owner == jan


def test_r14_a_sale_keeps_a_reason_that_was_made_one_of_other_sales(sale, how, ada, reason):
    actions.lose(sale, reason=reason("Price"), **how)
    list_items.edit_item(reason("Price"), {"outcome": "won"}, by=ada, via="admin")
    actions.edit_sale(fresh(sale), {"name": "Neu"}, **how)
    assert actions.edit_sales(Sale.objects.all(), "amount", lambda sale: Decimal(5), **how).changed == 1
    assert (fresh(sale).name, sale.amount, sale.reason) == ("Neu", Decimal(5), reason("Price"))
    actions.edit_sale(sale, {"reason": reason("Competitor")}, **how)
    assert error_of(actions.edit_sale, fresh(sale), {"reason": reason("Price")}, **how).keys() == {"reason"}


@pytest.mark.parametrize("way", ["stall", "edit"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_r15_another_day_to_go_on_moves_what_was_planned(sale, how, way, language):
    """One day, one follow-up: in whatever language it was planned."""
    first, second = (TODAY() + datetime.timedelta(days=days) for days in (9, 16))
    with translation.override(language):
        actions.stall(sale, reopen_on=first, **how)
    if way == "stall":
        outcome = actions.stall(fresh(sale), reopen_on=second, **how)
    else:
        outcome = actions.edit_sale(fresh(sale), {"reopen_on": second, "name": "Renamed"}, **how)
    planned = Activity.objects.get(sale=sale)
    assert (planned.day, planned.all_day, planned.done_at) == (second, True, None)
    undo(outcome.change_set, by=how["by"], via="card")
    assert fresh(planned).day == fresh(sale).reopen_on == first


@pytest.mark.parametrize("change", [{"done_at": True}, {"subject": "Ask the boss"}, {"due_at": datetime.date(2031, 5, 5)}])
def test_r15_what_somebody_has_made_of_a_planned_follow_up_stays(sale, how, change):
    first, second = (TODAY() + datetime.timedelta(days=days) for days in (9, 16))
    actions.stall(sale, reopen_on=first, **how)
    own = Activity.objects.get(sale=sale)
    if "done_at" in change:
        activities.set_done(Activity.objects.filter(pk=own.pk), True, **how)
    else:
        activities.edit_activity(own, change, **how)
    before = Activity.objects.values().get(pk=own.pk)
    actions.edit_sale(fresh(sale), {"reopen_on": second}, **how)
    assert Activity.objects.values().get(pk=own.pk) == before
    assert Activity.objects.exclude(pk=own.pk).get().day == second


@pytest.mark.parametrize("way", ["reopen", "win", "stall without a day", "edit", "win in an edit"])
def test_r15_what_was_planned_is_ticked_off_once_the_sale_goes_on(sale, how, way):
    day = TODAY() + datetime.timedelta(days=9)
    other = SaleFactory(by=how["by"], company=sale.company, name="Second")
    actions.stall(Sale.objects.all(), reopen_on=day, **how)
    call = activities.create_activity({"kind": "call", "subject": "Ask", "owner": how["by"], "due_at": day, "sale": sale}, **how)
    ways = {
        "reopen": lambda: actions.reopen(fresh(sale), **how),
        "win": lambda: actions.win(fresh(sale), **how),
        "stall without a day": lambda: actions.stall(fresh(sale), **how),
        "edit": lambda: actions.edit_sale(fresh(sale), {"reopen_on": None}, **how),
        "win in an edit": lambda: actions.edit_sale(fresh(sale), {"status": "won"}, **how),
    }
    outcome = ways[way]()
    assert Activity.objects.get(sale=sale, kind="task").done_at
    assert fresh(call).done_at is None and Activity.objects.get(sale=other).done_at is None
    undo(outcome.change_set, by=how["by"], via="card")
    assert Activity.objects.get(sale=sale, kind="task").done_at is None and fresh(sale).reopen_on == day


def test_resting_without_a_day_plans_nothing_and_a_day_of_the_past_is_refused(sale, how):
    assert "has passed" in error_of(actions.stall, sale, reopen_on=TODAY() - datetime.timedelta(days=1), **how)["reopen_on"]
    actions.stall(sale, **how)
    assert fresh(sale).status == "stalled" and not Activity.objects.exists()
    actions.edit_sale(sale, {"reopen_on": TODAY()}, **how)
    assert Activity.objects.count() == 1


def test_states_by_editing_obey_the_same_rules(sale, how, reason):
    assert "why it was lost" in error_of(actions.edit_sale, sale, {"status": "lost"}, **how)["reason"]
    assert "Only a won or lost sale" in error_of(actions.edit_sale, sale, {"closed_on": TODAY()}, **how)["closed_on"]
    assert "Only a won or lost sale" in error_of(actions.edit_sale, sale, {"reason": reason("Price")}, **how)["reason"]
    assert "Only a stalled sale" in error_of(actions.edit_sale, sale, {"reopen_on": TODAY()}, **how)["reopen_on"]
    actions.edit_sale(sale, {"status": "lost", "reason": reason("Price")}, **how)
    assert (fresh(sale).status, sale.closed_on) == ("lost", TODAY())
    actions.edit_sale(sale, {"status": "open"}, **how)
    assert (fresh(sale).status, sale.closed_on, sale.reason) == ("open", None, None)


def test_of_many_those_that_cannot_are_left_and_listed(sale, how, anna, max_, reason):
    won, foreign = SaleFactory(by=anna, name="Won"), SaleFactory(by=max_)
    actions.win(won, **how)
    outcome = actions.lose(Sale.objects.filter(pk__in=[sale.pk, won.pk, foreign.pk]), reason=reason("Price"), **how)
    left = dict(outcome.left)
    assert outcome.changed == 1 and left[foreign.pk] == "You may not change this record." and "“Won” as won" in left[won.pk]
    undo(outcome.change_set, **how)
    assert fresh(sale).status == "open" and sale.weighted_cents == 50_005


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_who_may_not_change_it_is_refused_by_every_action(sale, rita, max_, stage, reason):
    attempts = [
        lambda how: actions.edit_sale(sale, {"name": "x"}, **how),
        lambda how: actions.win(sale, **how),
        lambda how: actions.lose(sale, reason=reason("Price"), **how),
        lambda how: actions.stall(sale, **how),
        lambda how: actions.reopen(sale, **how),
        lambda how: actions.set_stage(sale, stage("Offer"), **how),
        lambda how: actions.set_owner(sale, how["by"], **how),
        lambda how: actions.delete(sale, **how),
    ]
    for user in (rita, max_):
        for attempt in attempts:
            with pytest.raises(PermissionDenied):
                attempt({"by": user, "via": "card"})
    with pytest.raises(PermissionDenied):
        actions.create_sale({"name": "x", "company": sale.company}, by=rita, via="card")


def test_a1_owning_the_company_shows_its_sales_and_nobody_elses(anna, jan, max_, ada):
    company = CompanyFactory(by=ada, owner=max_)
    sale = SaleFactory(by=ada, company=company, owner=anna)
    unowned = SaleFactory(by=ada, owner=None)
    assert set(Sale.objects.visible_to(max_)) == {sale, unowned} and set(Sale.objects.visible_to(jan)) == {sale, unowned}
    other = SaleFactory(by=ada, owner=ada)
    assert other not in Sale.objects.visible_to(anna)


# --- Versions, history, bin -------------------------------------------------------------------------------------------


def test_r17_a_stale_version_is_a_conflict_and_other_fields_are_kept(sale, how, ada):
    seen = sale.version
    actions.edit_sale(sale, {"amount": Decimal(5)}, by=ada, via="card")
    with pytest.raises(Conflict):
        actions.edit_sale(sale, {"amount": Decimal(7)}, version=seen, was={"amount": Decimal("1000.10")}, **how)
    actions.edit_sale(sale, {"name": "Neu"}, version=seen, was={"name": "Flottensteuerung"}, **how)
    assert (fresh(sale).amount, sale.name) == (Decimal(5), "Neu")


def test_r16_the_history_tells_what_was_done_in_words(sale, how, reason, stage):
    actions.edit_sale(sale, {"amount": Decimal("2500.50"), "expected_on": datetime.date(2027, 1, 15)}, **how)
    actions.lose(sale, reason=reason("Price"), **how)
    entries, _more = words.of_record(sale)
    assert [entry.what for entry in entries] == ["Sale lost: Price", "Edited", "Created"]
    changes = {label: (old, new) for entry in entries[:2] for label, old, new in entry.changes}
    assert changes["Amount"] == ("1,000.10", "2,500.50") and changes["Expected on"] == ("nothing", "15 Jan 2027")
    assert changes["Status"] == ("Open", "Lost") and changes["Reason"] == ("nothing", "Price")


def test_r16_undo_brings_amounts_and_what_follows_back(sale, how, dollars):
    outcome = actions.edit_sale(sale, {"amount": Decimal(10), "currency": "USD"}, **how)
    assert fresh(sale).base_cents == 900
    undo(outcome.change_set, **how)
    assert (fresh(sale).amount, sale.currency, sale.base_cents, sale.weighted_cents) == (
        Decimal("1000.10"),
        "EUR",
        100_010,
        50_005,
    )
    assert lifecycle.drift() == []


def test_r16_an_undo_that_another_change_stands_on_leaves_it(sale, how, ada):
    won = actions.win(sale, **how)
    actions.reopen(sale, by=ada, via="card")
    outcome = undo(won.change_set, **how)
    assert not outcome.changed and outcome.left and fresh(sale).status == "open"


def test_r16_undoing_won_leaves_a_sale_whose_day_was_corrected_since(sale, how):
    won = actions.win(sale, **how)
    corrected = TODAY() - datetime.timedelta(days=3)
    actions.edit_sale(sale, {"closed_on": corrected}, **how)
    outcome = undo(won.change_set, **how)
    assert not outcome.changed and outcome.left == [(sale.pk, "What belongs to its status was changed again later.")]
    assert (fresh(sale).status, sale.closed_on) == ("won", corrected)


def test_r16_undoing_lost_leaves_a_sale_whose_reason_was_corrected_since(sale, how, reason):
    lost = actions.lose(sale, reason=reason("Price"), **how)
    actions.edit_sale(sale, {"reason": reason("Competitor")}, **how)
    outcome = undo(lost.change_set, **how)
    assert not outcome.changed and outcome.left and fresh(sale).status == "lost"


def test_r16_of_many_the_others_are_taken_back(sale, how, anna, reason):
    others = [SaleFactory(by=anna, status="stalled", reopen_on=TODAY() + datetime.timedelta(days=9)), SaleFactory(by=anna)]
    lost = actions.lose([sale, *others], reason=reason("Price"), **how)
    actions.edit_sale(sale, {"reason": reason("Competitor")}, **how)
    outcome = undo(lost.change_set, **how)
    assert outcome.changed == 2 and [fresh(one).status for one in others] == ["stalled", "open"] and others[0].reopen_on
    redone = undo(outcome.change_set, **how)
    assert redone.changed == 2 and not redone.left and {fresh(one).status for one in others} == {"lost"}


def test_r16_undo_leaves_a_sale_in_a_currency_that_has_no_rate_any_more(sale, how, ada, dollars):
    actions.edit_sale(sale, {"currency": "USD"}, **how)
    changed = actions.edit_sale(sale, {"currency": "EUR"}, **how)
    for rate in dollars:
        rates.delete_rate(rate, by=ada, via="admin")
    outcome = undo(changed.change_set, **how)
    assert not outcome.changed and "no exchange rate for this currency" in outcome.left[0][1]
    assert fresh(sale).currency == "EUR" and lifecycle.drift() == []


def test_r18_a_company_takes_its_sales_into_the_bin_and_back(company, sale, how):
    assert leads.along("company", [company.pk]) == ["1 sale"]
    deleted = leads.delete(company, **how)
    assert fresh(sale).deleted_at
    leads.restore(company, **how)
    assert not fresh(sale).deleted_at
    assert deleted.change_set.changes.filter(record_type="sale").count() == 1


def test_r18_a_restored_sale_brings_its_company_back(company, sale, how):
    leads.delete(company, **how)
    actions.restore(sale, **how)
    assert not fresh(sale).deleted_at and not fresh(company).deleted_at


def test_r18_undo_leaves_a_company_that_sales_were_made_of_since(how, anna):
    company = CompanyFactory(by=anna)
    made = Change.objects.get(record_type="company", record_id=company.pk, op="i", field="").change_set
    sale = SaleFactory(by=anna, company=company)
    outcome = undo(made, **how)
    assert not fresh(company).deleted_at and dict(outcome.left)[company.pk] == "There are sales of this company."
    assert not fresh(sale).deleted_at


def test_r18_undo_leaves_a_sale_whose_company_is_in_the_bin(company, sale, how):
    deleted = actions.delete(sale, **how)
    leads.delete(company, **how)
    outcome = undo(deleted.change_set, **how)
    assert fresh(sale).deleted_at and dict(outcome.left)[sale.pk] == "The company is in the bin."


def test_r18_a_person_in_the_bin_is_purged_though_sales_named_them(sale, person, how, anna):
    from crm.history.purge import purge_bin

    leads.delete(person, **how)
    assert purge_bin(timezone.now() + datetime.timedelta(days=15)) == 1
    assert fresh(sale).person is None and not sale.deleted_at


def test_r18_a_follow_up_outlives_a_sale_or_company_that_it_belongs_to_besides(sale, person, company, how, anna):
    from crm.history.purge import purge_bin

    of_person = ActivityFactory(by=anna, person=person, sale=sale)
    leads.delete(person, **how)
    actions.delete(sale, **how)
    leads.restore(person, **how)  # the follow-up comes back with the person; its sale stays in the bin
    elsewhere, moving = CompanyFactory(by=anna), SaleFactory(by=anna, company=company)
    due = timezone.now() + datetime.timedelta(days=3)
    of_sale = ActivityFactory(by=anna, person=None, sale=moving, due_at=due)
    actions.edit_sale(moving, {"company": elsewhere}, **how)
    leads.delete(company, keep_persons=True, **how)
    purge_bin(timezone.now() + datetime.timedelta(days=15))
    assert not Sale.objects.filter(pk=sale.pk).exists() and not Company.objects.filter(pk=company.pk).exists()
    assert (fresh(of_person).person, of_person.sale, of_person.company) == (person, None, None)
    assert (fresh(of_sale).sale, of_sale.company) == (moving, elsewhere)
    assert fresh(elsewhere).next_activity_at == fresh(moving).next_activity_at == due
    assert not any(activity_lifecycle.drift().values())


def test_w7_it_is_found_by_its_name_and_its_companys_whatever_that_becomes(sale, company, how, anna, max_):
    from crm.search import find

    def found(user, text):
        return [hit.pk for hit in find(user, text).get("sale", [])]

    assert found(anna, "flotten") == found(anna, "flottensteurung") == found(anna, "nordwind") == [sale.pk] and not found(
        max_, "flotten"
    )
    leads.edit_company(company, {"name": "Südwind"}, **how)
    assert found(anna, "sudwind") == [sale.pk] and not found(anna, "nordwind")


# --- What the database holds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"amount": Decimal(-1)}, {"status": "maybe"}, {"status": "won"}, {"status": "open", "closed_on": datetime.date(2026, 1, 1)},
        {"status": "lost", "closed_on": datetime.date(2026, 1, 1)}, {"reopen_on": datetime.date(2026, 1, 1)}, {"base_cents": -1},
        {"weighted_cents": 10**15 + 1}, {"company": None}, {"stage": None}, {"currency": None},
    ],
)  # fmt: skip
def test_the_database_itself_refuses_what_cannot_be(sale, values):
    with pytest.raises(IntegrityError), transaction.atomic():
        arrange(Sale.objects.filter(pk=sale.pk), **values)


def test_the_database_refuses_impossible_probabilities(stage):
    with pytest.raises(IntegrityError), transaction.atomic():
        arrange(SaleStage.objects.filter(name_en="Offer"), probability=101)


# --- At the same moment -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_who_close_a_sale_at_the_same_moment_one_wins_and_the_other_is_told(lists, anna, ada, reason):
    sale = SaleFactory(by=anna, name="Flottensteuerung")
    start, told, done = threading.Barrier(2), [], []

    def close(action):
        try:
            start.wait()
            action()
            done.append(True)
        except ValidationError as error:
            told.append(" ".join(error.messages))
        finally:
            connection.close()

    lost = reason("Price")
    attempts = [lambda: actions.win(sale, by=anna, via="card"), lambda: actions.lose(sale, reason=lost, by=ada, via="card")]
    threads = [threading.Thread(target=close, args=[attempt]) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(told) == 1 and "has already marked “Flottensteuerung” as" in told[0]
    sale.refresh_from_db()
    assert sale.version == 2 and Change.objects.filter(record_type="sale", field="status", op="u").count() == 1


def test_follow_ups_stay_with_the_company_when_a_sale_goes(sale, how, company):
    activity = ActivityFactory(by=how["by"], person=sale.person)
    actions.delete(sale, **how)
    assert not fresh(activity).deleted_at and Company.objects.visible_to(how["by"]).filter(pk=company.pk).exists()
