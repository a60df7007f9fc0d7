"""Who gets the leads (C3), and the ledger that says why."""

import pytest

from capture import actions, assign
from capture.models import Assignment
from tests.capture.conftest import send
from tests.factories import PersonFactory


def owners(form, count, **values):
    return [send(form, f"k{number}", email=f"p{number}@example.com", **values).person.owner for number in range(count)]


def test_c3_users_take_turns(form, anna, jan):
    assert owners(form, 5) == [anna, jan, anna, jan, anna]


def test_c3_who_is_switched_off_or_only_reads_is_passed_over_and_the_ledger_says_so(form, anna, jan, rita, mia):
    actions.edit_form(form, {"takers": [anna.pk, rita.pk, jan.pk]}, by=mia, via="card")
    form.refresh_from_db()
    anna.is_active = False
    anna.save()
    assert owners(form, 2) == [jan, jan]
    decision = Assignment.objects.earliest("pk")
    assert decision.user == jan and decision.passed_over == [
        {"user": anna.pk, "why": "inactive"},
        {"user": rita.pk, "why": "reads"},
    ]


def test_c3_if_nobody_can_take_it_the_lead_belongs_to_nobody(form, anna, jan):
    for user in (anna, jan):
        user.is_active = False
        user.save()
    assert owners(form, 1) == [None] and Assignment.objects.get().user is None


def test_c3_always_the_first(form, jan, anna):
    form.rule, form.takers = "fixed", [jan.pk, anna.pk]
    assert owners(form, 3) == [jan, jan, jan]


def test_c3_whoever_has_the_fewest_open_leads(form, anna, jan, category, status):
    form.rule = "least"
    busy = [PersonFactory(by=anna, company=None, category=category("Lead")) for _number in range(2)]
    assert owners(form, 3) == [jan, jan, anna]
    assert {person.owner for person in busy} == {anna}


def test_c3_by_country_else_in_turns(form, anna, jan, max_):
    form.rule, form.by_country = "country", {"AT": max_.pk}
    form.questions = [*form.questions, {"name": "company.country", "required": False}]
    assert owners(form, 1, **{"company.country": "AT"}) == [max_]
    assert [send(form, f"d{number}", email=f"d{number}@example.com", **{"company.country": "DE"}).person.owner for number in range(2)] == [
        anna, jan,
    ]  # fmt: skip


def test_c3_by_what_was_answered(form, anna, max_):
    form.rule, form.criteria = "criteria", [{"field": "free.1", "operator": "contains", "value": "BIG", "user": max_.pk}]
    assert owners(form, 1, message="a big order") == [max_]
    assert send(form, "other", email="o@example.com", message="a small one").person.owner == anna


def test_c3_a_person_without_an_owner_gets_one(form, anna, jan, mia):
    person = PersonFactory(by=mia, owner=None, company=None, email="jana@nordwind.example")
    assert send(form).owner == anna
    person.refresh_from_db()
    assert person.owner == anna


@pytest.mark.parametrize("values", [
    {"takers": [999_999]}, {"takers": "all"}, {"by_country": {"Germany": 1}}, {"criteria": [{"field": "shoe"}]}, {"rule": "dice"},
    {"criteria": [{"field": "free.1", "operator": "regex", "value": "", "user": 1}]}, {"takers": [True]},
])  # fmt: skip
def test_c3_a_rule_that_cannot_decide_is_refused(form, mia, values):
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError):
        actions.edit_form(form, values, by=mia, via="card")


def test_c3_every_reason_has_words():
    assert set(assign.WHY) == {"inactive", "reads", "gone"}
