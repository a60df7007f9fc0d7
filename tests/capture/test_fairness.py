"""How leads were given out: received, worked on, time to first touch (C3)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activities import actions as activities
from capture import actions, fairness
from capture.models import Assignment
from leads import actions as leads
from tests.capture.conftest import send
from tests.factories import ActivityFactory

DAYS = timedelta(days=1)


@pytest.fixture
def given(form):
    """Return a function that gives a lead to the next user so long ago; it returns the person."""

    def give(number, ago, of=form):
        submission = send(of, f"k{number}", email=f"p{number}@example.com", company=f"C{number}")
        Assignment.objects.filter(submission=submission).update(at=timezone.now() - ago)
        return submission.person

    return give


def test_c3_each_who_got_leads_has_a_row_with_what_they_did_with_them(form, given, anna, jan, mia, status):
    done, moved, waits, _jans = given(1, 6 * DAYS), given(2, 5 * DAYS), given(3, 4 * DAYS), given(4, 2 * DAYS)
    call = ActivityFactory(by=anna, person=done, kind="call")
    activities.edit_activity(call, {"done_at": timezone.now() - 3 * DAYS}, by=anna, via="card")
    leads.set_lead_status(moved, status("Contacting"), by=jan, via="card")
    anna_row, jan_row = fairness.rows(mia, form)
    assert (anna_row.user, anna_row.received, anna_row.worked, anna_row.share) == (anna, 2, 1, 50)
    assert fairness.span(anna_row.median) == "3 d" and fairness.span(anna_row.waiting) == "4 d" and waits.owner == anna
    assert (jan_row.user, jan_row.received, jan_row.worked) == (jan, 2, 1)
    assert fairness.span(jan_row.median) == "5 d" and fairness.span(jan_row.waiting) == "2 d"


def test_c3_what_was_before_or_is_of_others_does_not_count(form, given, anna, mia, jan, status):
    person = given(1, 2 * DAYS)
    early = ActivityFactory(by=anna, person=person)
    activities.edit_activity(early, {"done_at": timezone.now() - 9 * DAYS}, by=anna, via="card")
    (row,) = fairness.rows(mia, form)
    assert (row.worked, row.median) == (0, None)
    leads.set_owner(person, jan, by=anna, via="card")
    (row,) = fairness.rows(mia, form)
    assert (row.user, row.received, row.waiting) == (anna, 1, None), "it does not wait for her any more"
    given(2, 100 * DAYS)
    assert len(fairness.rows(mia, form)) == 1 and len(fairness.rows(mia, days=365)) == 2


def test_c3_a_status_that_a_machine_set_is_no_touch(form, given, mia, status):
    person = given(1, DAYS)
    leads.set_lead_status(person, status("Contacting"), by=actions.nobody(), via="automation")
    assert fairness.rows(mia, form)[0].worked == 0


def test_a1_the_page_counts_the_forms_one_sees(form, given, mia, anna, max_, client):
    given(1, DAYS)
    client.force_login(mia)
    text = client.get("/forms/given-out/?days=30").content.decode()
    assert "Anna Kraft" in text and "Longest wait" in text
    assert "Time to first action" in client.get(f"/forms/{form.pk}/assignment/").content.decode()
    client.force_login(max_)
    assert "Anna Kraft" not in client.get("/forms/given-out/?days=x").content.decode()


@pytest.mark.parametrize(("time", "text"), [(timedelta(seconds=30), "0 min"), (timedelta(minutes=59), "59 min"), (timedelta(hours=47), "47 h"),
                                            (timedelta(days=1200), "1,200 d"), (None, "")])  # fmt: skip
def test_a_length_of_time_is_said_as_people_say_it(time, text):
    assert fairness.span(time) == text
