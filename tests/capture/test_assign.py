"""Who gets the leads (C3), and the ledger that says why."""

import datetime
import zoneinfo

import pytest
from django.core.exceptions import ValidationError

from capture import actions, assign
from capture.models import Assignment
from crm import users
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
    with pytest.raises(ValidationError):
        actions.edit_form(form, values, by=mia, via="card")


def test_c3_every_reason_has_words():
    assert set(assign.WHY) == {"inactive", "absent", "reads", "gone"}


TODAY = datetime.date(2026, 3, 31)


@pytest.mark.parametrize(("begins", "ends", "absent"), [
    ("2026-03-31", "2026-03-31", True), ("2026-03-01", "2026-04-30", True), ("2026-03-31", None, True), (None, "2026-03-31", True),
    ("2026-04-01", "2026-04-30", False), ("2026-03-01", "2026-03-30", False), (None, None, False), (None, "2026-03-30", False), ("2026-04-01", None, False),
])  # fmt: skip
def test_c3_both_days_of_an_absence_count_where_the_user_is(anna, begins, ends, absent):
    anna.absent_from, anna.absent_until = (value and datetime.date.fromisoformat(value) for value in (begins, ends))
    for zone, hour in (("Europe/Berlin", 23), ("Pacific/Kiritimati", 0), ("America/Los_Angeles", 23)):
        anna.time_zone = zone
        vars(anna).pop("zone", None)
        moment = datetime.datetime.combine(TODAY, datetime.time(hour, 30), zoneinfo.ZoneInfo(zone))
        assert anna.is_absent(moment) is absent, zone


def test_c3_who_is_absent_is_passed_over_until_they_are_back_and_the_ledger_says_why(form, anna, jan, mia, client):
    client.force_login(anna)
    away = {"absent_from": "2026-01-01", "absent_until": "2999-12-31"}
    assert client.post("/settings/absence/", away).status_code == 302
    assert "You are absent today." in client.get("/settings/").content.decode()
    assert owners(form, 2) == [jan, jan]
    assert Assignment.objects.earliest("pk").passed_over == [{"user": anna.pk, "why": "absent"}]
    client.force_login(mia)
    tab = client.get(f"/forms/{form.pk}/assignment/").content.decode()
    assert "passed over: Anna Kraft: absent" in tab and "Anna Kraft (absent)" in tab
    client.force_login(anna)
    client.post("/settings/absence/", {"absent_from": "", "absent_until": ""})
    assert send(form, "back", email="back@example.com").owner == anna


def test_u3_an_absence_that_ends_before_it_begins_is_refused_at_its_field(anna, ada, client):
    client.force_login(anna)
    answer = client.post("/settings/absence/", {"absent_from": "2026-05-02", "absent_until": "2026-05-01"})
    assert (
        answer.status_code == 422
        and "ends before it begins" in answer.content.decode()
        and 'value="2026-05-02"' in answer.content.decode()
    )
    with pytest.raises(ValidationError) as refused:
        users.edit_user(anna, {"absent_from": datetime.date(2026, 5, 2), "absent_until": TODAY}, by=ada)
    assert set(refused.value.message_dict) == {"absent_until"}
    users.edit_user(anna, {"absent_from": TODAY, "absent_until": None}, by=ada)
    anna.refresh_from_db()
    assert anna.absent_from == TODAY
