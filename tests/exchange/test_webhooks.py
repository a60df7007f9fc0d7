"""Webhooks: what happens to records is told to a real receiver, signed, in order, at least once (A4, Z3, T54)."""

import hashlib
import hmac
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from activities.actions import set_done
from crm.history.changes import act, change, long_change, writing
from crm.history.models import ChangeSet
from crm.history.purge import purge_bin
from crm.history.undo import undo
from crm.jobs import schedule
from crm.jobs.models import Job
from crm.jobs.worker import run_pending
from crm.models import Record
from exchange.models import Delivery, Webhook
from exchange.webhooks import actions, address, outbox, sender
from exchange.webhooks.events import EVENTS
from leads.actions import delete, edit_person, restore, set_category, set_lead_status, set_owner
from leads.models import Person
from sales.actions import win
from tests.exchange.receiver import Receiver, closed_port
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory

pytestmark = pytest.mark.usefixtures("_anywhere")


@pytest.fixture
def _anywhere(settings):
    settings.WEBHOOKS_ANYWHERE = True


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def hook(anna, receiver):
    """A webhook of Anna's for everything."""
    webhook, _secret = actions.create({"name": "All", "url": receiver.url, "events": list(EVENTS)}, by=anna)
    return webhook


@pytest.fixture
def lead(anna, category):
    return PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Lead")), last_name="Petersen")


def work():
    """Do what a worker does within a second."""
    schedule.look()
    return run_pending(beating=False)


def test_it_works(lead, hook, receiver, anna, status):
    set_lead_status(lead, status("Contacting"), by=anna, via="card")
    work()
    assert [event["events"] for event in receiver.events] == [["person.changed", "person.lead_status_changed"]]
