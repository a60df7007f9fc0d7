"""Follow-ups that two plan at the same moment (R15)."""

import datetime

import pytest
from django.utils import timezone

from activities import actions, lifecycle
from tests.factories import CompanyFactory
from tests.meanwhile import meanwhile, only_postgresql

pytestmark = [pytest.mark.django_db(transaction=True), only_postgresql]


def test_r15_of_two_who_plan_something_at_one_company_at_once_the_earlier_is_its_next_activity(lists, anna, jan):
    company = CompanyFactory(by=anna)
    soon, later = (timezone.now() + datetime.timedelta(days=days) for days in (1, 5))

    def plan(by, due_at):
        return lambda: actions.create_activity({"subject": "Call", "company": company, "due_at": due_at}, by=by, via="card")

    meanwhile(plan(anna, soon), plan(jan, later))
    company.refresh_from_db()
    assert company.next_activity_at == soon and not any(lifecycle.drift().values())
