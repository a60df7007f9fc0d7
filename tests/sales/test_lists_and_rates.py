"""The lists of sales and the exchange rates, as administrators keep them: R11, and amounts that follow."""

import datetime
import re
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from crm.history.changes import AT_ONCE
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.jobs.worker import run_pending
from crm.models import Job
from leads import list_items
from leads.models import Source
from sales import actions, lifecycle, rates
from sales.models import ExchangeRate, Sale, SaleReason, SaleStage, SaleType
from sales.setup import REASONS, STAGES, TYPES
from tests.factories import CompanyFactory, SaleFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def admin(ada):
    return {"by": ada, "via": "admin"}


@pytest.fixture
def page(client, ada):
    client.force_login(ada)
    return client


def fresh(record):
    record.refresh_from_db()
    return record


def last():
    return ChangeSet.objects.latest("pk")


def test_r11_the_predefined_lists_are_there_in_both_languages_once(lists):
    call_command("setup_lists")
    assert list(SaleStage.objects.values_list("name_en", "name_de", "probability")) == [one[:3] for one in STAGES]
    assert list(SaleType.objects.values_list("name_en", "name_de")) == TYPES
    assert list(SaleReason.objects.values_list("name_en", "name_de", "outcome")) == [one[:3] for one in REASONS]


@pytest.mark.parametrize("model", [SaleStage, SaleType, SaleReason])
def test_r11_items_are_added_deleted_and_restored(model, admin):
    item = list_items.create_item(model, {"name_en": "Special", "name_de": "Besonderes", "colour": "teal"}, **admin)
    list_items.delete_item(item, **admin)
    assert item not in model.objects.selectable()
    list_items.restore_item(item, **admin)
    assert item in model.objects.selectable()


def test_another_probability_weighs_the_sales_anew_and_undo_as_before(sale, stage, admin, reason):
    lost = SaleFactory(by=sale.owner, amount=Decimal(100), stage=stage("Offer"))
    actions.lose(lost, reason=reason("Price"), by=sale.owner, via="card")
    list_items.edit_item(stage("Offer"), {"probability": 80}, **admin)
    assert (fresh(sale).weighted_cents, fresh(lost).weighted_cents) == (80_008, 0)
    undo(last(), **admin)
    assert fresh(sale).weighted_cents == 50_005 and lifecycle.drift() == []


@pytest.mark.parametrize("probability", [-1, 101, None])
def test_an_impossible_probability_is_refused(stage, admin, probability):
    with pytest.raises(ValidationError):
        list_items.edit_item(stage("Offer"), {"probability": probability}, **admin)


def test_r11_a_replaced_stage_moves_its_sales_and_weighs_them_anew(sale, stage, admin):
    list_items.delete_item(stage("Offer"), stage("Verbal yes"), **admin)
    assert (fresh(sale).stage, sale.weighted_cents) == (stage("Verbal yes"), 90_009)
    undo(last(), **admin)
    assert (fresh(sale).stage, sale.weighted_cents) == (stage("Offer"), 50_005)


def test_r11_a_deleted_stage_stays_on_old_sales_and_takes_no_new_ones(sale, stage, admin):
    list_items.delete_item(stage("Offer"), **admin)
    assert fresh(sale).stage.label == "Offer (deleted)"
    with pytest.raises(ValidationError):
        actions.create_sale({"name": "x", "company": sale.company, "stage": stage("Offer")}, by=sale.owner, via="card")
    actions.edit_sale(sale, {"name": "Neu"}, by=sale.owner, via="card")


def test_r11_the_admin_site_says_how_many_sales_use_an_item(page, sale, stage):
    listed = page.get("/admin/sales/salestage/").content.decode()
    assert f'href="/sales/?stage={stage("Offer").pk}">1</a>' in listed
    # Numbers stand to the right, with their heading.
    assert (
        re.search(r'<td class="number" data-label="Probability">50%</td>', listed) and '<th class="number">Probability' in listed
    )
    assert "Used by: 1 sale<" in page.get(f"/admin/sales/salestage/{stage('Offer').pk}/change/").content.decode()
    assert page.get("/admin/leads/source/").status_code == 200
    assert {one for one, _field in list_items.uses(Source)} >= {Sale}


def test_more_sales_than_one_transaction_holds_are_weighed_in_chunks(anna, ada, stage, monkeypatch):
    company = CompanyFactory(by=anna)
    actions.create_sales([{"name": f"S{n}", "company": company, "amount": Decimal(n), "stage": stage("Offer")} for n in range(AT_ONCE + 5)],
                         by=anna, via="system")  # fmt: skip
    assert list_items.is_large(stage("Offer"), values={"probability": 80})
    list_items.enqueue_edit(stage("Offer"), {"probability": 80}, by=ada, version=None, was=None)
    run_pending(beating=False)
    assert stage("Offer").probability == 80 and lifecycle.drift() == []
    assert Sale.objects.get(name="S2000").weighted_cents == 160_000


# --- Exchange rates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anna", "mia", "rita"])
def test_only_administrators_change_rates(who, request, dollars):
    how = {"by": request.getfixturevalue(who), "via": "admin"}
    for attempt in (
        lambda: rates.create_rate({"currency": "CHF", "valid_from": datetime.date(2026, 1, 1), "rate": Decimal(1)}, **how),
        lambda: rates.edit_rate(dollars[0], {"rate": Decimal(2)}, **how),
        lambda: rates.delete_rate(dollars[0], **how),
    ):
        with pytest.raises(PermissionDenied):
            attempt()


@pytest.mark.parametrize(
    ("field", "value"),
    [("currency", "XXQ"), ("currency", "usd"), ("currency", "EUR"), ("currency", "DOLLAR"), ("rate", Decimal(0)), ("rate", Decimal(-1)),
     ("rate", Decimal("1e30")), ("rate", None), ("valid_from", None), ("valid_from", datetime.date(2024, 1, 1)),
     ("valid_from", datetime.date(9998, 1, 1))],
)  # fmt: skip
def test_a_rate_that_makes_no_sense_is_refused_at_its_field(admin, dollars, field, value):
    values = {"currency": "USD", "valid_from": datetime.date(2026, 1, 1), "rate": Decimal(1), field: value}
    with pytest.raises(ValidationError) as refused:
        rates.create_rate(values, **admin)
    assert set(refused.value.message_dict) == {field}
    if value in {Decimal(0), Decimal(-1)}:
        assert refused.value.message_dict["rate"] == ["Enter a number greater than 0."]
    assert ExchangeRate.objects.count() == 2


def test_a_changed_rate_converts_the_sales_of_its_days_anew_and_undo_as_before(sale, admin, dollars):
    values = {"currency": "USD", "amount": Decimal(100)}
    actions.edit_sale(sale, {**values, "expected_on": datetime.date(2024, 5, 1)}, by=sale.owner, via="card")
    later = SaleFactory(by=sale.owner, expected_on=datetime.date(2026, 5, 1), **values)
    rates.edit_rate(dollars[0], {"rate": Decimal("0.5")}, **admin)
    assert (fresh(sale).base_cents, fresh(later).base_cents) == (5_000, 9_000)
    undo(last(), **admin)
    assert fresh(sale).base_cents == 8_000
    added = rates.create_rate({"currency": "USD", "valid_from": datetime.date(2026, 1, 1), "rate": Decimal("0.7")}, **admin)
    assert fresh(later).base_cents == 7_000
    undo(last(), **admin)
    assert fresh(later).base_cents == 9_000 and not ExchangeRate.objects.filter(pk=added.pk, deleted_at=None).exists()
    assert lifecycle.drift() == []


def test_the_last_rate_of_a_currency_that_sales_have_stays(sale, admin, dollars):
    actions.edit_sale(sale, {"currency": "USD"}, by=sale.owner, via="card")
    rates.delete_rate(dollars[0], **admin)
    with pytest.raises(ValidationError, match="There are sales in this currency"):
        rates.delete_rate(dollars[1], **admin)
    with pytest.raises(ValidationError, match="There are sales in this currency"):
        rates.edit_rate(dollars[1], {"currency": "CHF"}, **admin)
    assert ExchangeRate.objects.filter(deleted_at=None).count() == 1


def test_undo_leaves_the_last_rate_that_sales_need(sale, admin, ada):
    rates.create_rate({"currency": "CHF", "valid_from": datetime.date(2026, 1, 1), "rate": Decimal("1.07")}, **admin)
    made = last()
    actions.edit_sale(sale, {"currency": "CHF"}, by=sale.owner, via="card")
    outcome = undo(made, **admin)
    assert not outcome.changed and "There are sales in this currency" in outcome.left[0][1]
    assert ExchangeRate.objects.get().deleted_at is None


def test_an_amount_too_large_in_the_base_currency_is_refused(sale, admin):
    rates.create_rate({"currency": "KWD", "valid_from": datetime.date(2026, 1, 1), "rate": Decimal(3_000)}, **admin)
    with pytest.raises(ValidationError) as refused:
        actions.edit_sale(sale, {"currency": "KWD", "amount": Decimal("999999999999.99")}, by=sale.owner, via="card")
    assert refused.value.message_dict == {"amount": ["This amount is too large."]}


def test_the_database_refuses_two_rates_of_a_day_and_none_at_all(dollars):
    with pytest.raises(IntegrityError), transaction.atomic():
        arrange(ExchangeRate.objects.all(), valid_from=datetime.date(2024, 1, 1))
    with pytest.raises(IntegrityError), transaction.atomic():
        arrange(ExchangeRate.objects.all(), rate=0)


def test_rates_are_kept_up_in_the_admin_site(page, sale, dollars):
    listed = page.get("/admin/sales/exchangerate/").content.decode()
    assert "US Dollar" in listed and '<td class="number" data-label="Worth">0.9 EUR</td>' in listed
    add = page.post("/admin/sales/exchangerate/add/", {"currency": "chf", "valid_from": "2026-01-01", "rate": "1.07"})
    assert add.status_code == 302 and ExchangeRate.objects.get(currency="CHF").rate == Decimal("1.07")
    refused = page.post("/admin/sales/exchangerate/add/", {"currency": "chf", "valid_from": "2026-01-01", "rate": "-1"})
    assert refused.status_code == 422
    first = dollars[0]
    shown = page.get(f"/admin/sales/exchangerate/{first.pk}/change/").content.decode()
    assert 'value="0.8"' in shown and "USD from 1 Jan 2024</h1>" in shown
    form = {"currency": "USD", "initial-currency": "USD", "valid_from": "2024-01-01", "initial-valid_from": "2024-01-01", "rate": "0.75",
            "initial-rate": "0.80000000", "version": first.version}  # fmt: skip
    assert page.post(f"/admin/sales/exchangerate/{first.pk}/change/", form).status_code == 302
    assert fresh(first).rate == Decimal("0.75")
    conflict = page.post(f"/admin/sales/exchangerate/{first.pk}/change/", {**form, "rate": "0.6"})
    assert conflict.status_code == 409
    assert page.post(f"/admin/sales/exchangerate/{first.pk}/delete/").status_code == 302 and fresh(first).deleted_at
    actions.edit_sale(sale, {"currency": "USD"}, by=sale.owner, via="card")
    kept = page.post(f"/admin/sales/exchangerate/{dollars[1].pk}/delete/", follow=True)
    assert not fresh(dollars[1]).deleted_at and "There are sales in this currency" in kept.content.decode()


def test_many_sales_are_converted_by_a_job(page, anna, ada, monkeypatch, dollars):
    SaleFactory(by=anna, currency="USD", amount=Decimal(100), expected_on=datetime.date(2026, 1, 1))
    monkeypatch.setattr(rates, "AT_ONCE", 0)
    page.post("/admin/sales/exchangerate/add/", {"currency": "USD", "valid_from": "2025-06-01", "rate": "0.5"})
    assert Sale.objects.get().base_cents == 9_000
    run_pending(beating=False)
    assert Sale.objects.get().base_cents == 5_000


def test_a_change_of_rates_that_would_be_lost_behind_another_is_refused(page, anna, monkeypatch, dollars):
    SaleFactory(by=anna, currency="USD", amount=Decimal(100), expected_on=datetime.date(2026, 1, 1))
    monkeypatch.setattr(rates, "AT_ONCE", 0)
    add, new = "/admin/sales/exchangerate/add/", {"currency": "USD", "valid_from": "2025-06-01", "rate": "0.5"}
    assert page.post(add, new).status_code == page.post(add, new).status_code == 302  # the same once more is the same
    second = page.post(add, {**new, "valid_from": "2025-07-01"})
    gone = page.post(f"/admin/sales/exchangerate/{dollars[1].pk}/delete/", follow=True)
    assert second.status_code == 422
    for refused in (second, gone):
        assert "An earlier change of it is still running" in refused.content.decode()
    run_pending(beating=False)
    assert ExchangeRate.objects.filter(deleted_at=None).count() == 3
    assert page.post(add, {**new, "valid_from": "2025-07-01"}).status_code == 302
    run_pending(beating=False)
    assert ExchangeRate.objects.filter(deleted_at=None).count() == 4


def test_r17_a_rate_that_another_administrator_changed_is_not_overwritten_by_a_job(page, anna, admin, monkeypatch, dollars):
    SaleFactory(by=anna, currency="USD", amount=Decimal(100), expected_on=datetime.date(2026, 1, 1))
    rate = dollars[1]
    form = {"currency": "USD", "initial-currency": "USD", "valid_from": "2025-01-01", "initial-valid_from": "2025-01-01", "rate": "0.75",
            "initial-rate": "0.90000000", "version": rate.version}  # fmt: skip
    rates.edit_rate(rate, {"rate": Decimal("0.6")}, **admin)
    monkeypatch.setattr(rates, "AT_ONCE", 0)
    assert page.post(f"/admin/sales/exchangerate/{rate.pk}/change/", form).status_code == 302
    run_pending(beating=False)
    told = Job.objects.get()
    assert (told.state, told.text) == ("failed", "Somebody else has changed this record in the meantime.")
    assert fresh(rate).rate == Decimal("0.6")
    form |= {"version": rate.version, "initial-rate": "0.60000000"}
    page.post(f"/admin/sales/exchangerate/{rate.pk}/change/", form)
    run_pending(beating=False)
    assert fresh(rate).rate == Decimal("0.75") and Sale.objects.get().base_cents == 7_500


def test_check_copies_finds_and_mends_what_was_written_past_the_actions(sale, capsys):
    arrange(Sale.objects.filter(pk=sale.pk), base_cents=5, weighted_cents=5)
    with pytest.raises(CommandError, match=rf"sales \[{sale.pk}\]"):
        call_command("check_copies")
    call_command("check_copies", "--mend")
    assert fresh(sale).base_cents == 100_010
