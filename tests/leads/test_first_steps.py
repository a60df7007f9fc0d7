"""The heart, in one breath."""

import pytest
from django.core.exceptions import ValidationError

from crm.history.undo import undo
from leads import actions
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


def test_a_lead_becomes_a_customer_and_comes_back(anna, category, status):
    company = CompanyFactory(by=anna, category=category("Lead"))
    person = PersonFactory(by=anna, company=company)
    assert person.lead_status == status("Open")
    actions.set_lead_status(person, status("Qualified"), by=anna, via="card")
    outcome = actions.set_category(company, category("Customer"), by=anna, via="card")
    person.refresh_from_db()
    assert not person.is_lead and person.lead_status == status("Qualified")
    with pytest.raises(ValidationError, match="not a potential customer"):
        actions.set_lead_status(person, status("Open"), by=anna, via="card")
    undo(outcome.change_set, by=anna, via="card")
    person.refresh_from_db()
    assert person.is_lead and person.lead_status == status("Qualified")
