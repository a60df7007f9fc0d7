"""Many who send at the same moment (C3, settled 17)."""

import threading

import pytest
from django.db import connection

from capture.models import Assignment, Submission
from crm.models import Change
from leads.models import Company, Person
from tests.capture.conftest import send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lists")]
THREADS = 20


def at_once(function):
    """Run function(number) in many threads at the same moment; return what they raised."""
    start, errors = threading.Barrier(THREADS), []

    def run(number):
        try:
            start.wait()
            function(number)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_c3_twenty_who_send_the_same_email_at_once_make_one_person_and_one_company(form):
    assert not at_once(lambda number: send(form, f"k{number}"))
    assert (Submission.objects.count(), Person.objects.count(), Company.objects.count()) == (20, 1, 1)
    assert Submission.objects.filter(known=False).count() == Assignment.objects.count() == 1
    assert not Change.objects.filter(change_set=None, record_type__in=["person", "company", "submission"]).exists()


def test_c3_twenty_retries_of_one_submission_are_one(form):
    assert not at_once(lambda number: send(form, "one"))
    assert (Submission.objects.count(), Person.objects.count()) == (1, 1)


def test_c3_twenty_at_once_take_turns_fairly_at_one_company(form, anna, jan):
    assert not at_once(lambda number: send(form, f"k{number}", email=f"p{number}@example.com"))
    assert (Person.objects.count(), Company.objects.count()) == (20, 1)
    assert [Person.objects.filter(owner=user).count() for user in (anna, jan)] == [10, 10]
