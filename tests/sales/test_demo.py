"""The demo has sales that look like real ones."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from activities.models import Activity
from crm.history.models import Change
from leads.models import Person
from sales import demo
from sales.lifecycle import drift
from sales.models import Sale


@pytest.mark.skipif(
    connection.vendor == "postgresql", reason="there the browser's installation makes it (tests/browser/test_ground_floor.py)"
)
def test_the_demo_has_sales_of_every_kind_with_a_history_and_follow_ups(lists):
    demo.load()
    sales = Sale.objects.all()
    assert sales.count() == demo.SALES and set(sales.values_list("status", flat=True)) == set(Sale.Status.values)
    assert sales.exclude(currency="EUR").exists() and sales.filter(activities__done_at=None).exists()
    assert not sales.filter(closed_on__lt="2000-01-01").exists() and drift() == []
    assert not Change.objects.filter(change_set=None).exists()
    disqualified = Person.objects.filter(lead_status__kind="disqualified")
    assert disqualified.exists() and not disqualified.filter(disqualify_reason=None).exists()
    assert Activity.objects.filter(subject__startswith="Wieder öffnen").exists(), "what it plans itself is in the demo's language"
    due = Activity.objects.filter(done_at=None)
    assert 0 < due.filter(due_at__lt=timezone.now()).count() < due.count() / 8, "a day one can get through, not a hundred overdue"
    call_command("check_copies")
