"""My day as a rep meets it: with the mouse, by the keyboard alone, on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import violations

PLAN = """
import datetime
from django.utils import timezone
from activities.actions import create_activities
from activities.models import Activity
from crm.models import User
from leads.actions import create_person
from leads.models import Person
user = User.objects.get(username='{user}')
person = Person.objects.filter(last_name='{last}').first() or create_person({{'first_name': 'Edda', 'last_name': '{last}'}}, by=user, via='system')
start = timezone.now() - datetime.timedelta(days={days})
create_activities([{{'subject': '{last} %d' % n, 'person': person, 'kind': 'call', 'due_at': start + datetime.timedelta(minutes=n)}}
                   for n in range({count})], by=user, via='system')
print(person.pk)
"""


@pytest.fixture
def plan(server):
    """Return a function that plans overdue calls with a person of this name, and returns the person's id."""
    return lambda user, last, count=3, days=400: int(
        server.manage("shell", "-v0", "-c", PLAN.format(user=user, last=last, count=count, days=days)).split()[-1]
    )


def row(page, subject):
    return page.locator("[data-day] [data-row]", has=page.get_by_role("link", name=subject, exact=True))


@pytest.mark.both_databases
def test_by_mouse(open_page, plan):
    person = plan("max", "Mausmann")
    page = open_page("max")
    page.goto("/")
    page.wait_for_url("**/my-day/")
    expect(page.locator(".side [aria-current=page]")).to_contain_text("My day")
    # Ticked off, and back by the message; the navigation counts along.
    due = page.locator(".side a[data-key=h] .count")
    before = int(due.inner_text())
    row(page, "Mausmann 0").get_by_role("checkbox").check()
    expect(row(page, "Mausmann 0")).to_have_count(0)
    expect(due).to_have_text(str(before - 1))
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(row(page, "Mausmann 0")).to_have_count(1)
    expect(due).to_have_text(str(before))
    # Postponed in place: to tomorrow it leaves the overdue ones.
    row(page, "Mausmann 1").locator("summary").click()
    row(page, "Mausmann 1").get_by_role("button", name="Tomorrow").click()
    expect(page.locator("#toasts")).to_contain_text("Mausmann 1 is now due tomorrow")
    expect(page.locator(".day-part", has=page.locator("#part-overdue"))).not_to_contain_text("Mausmann 1")
    # To a day that is picked.
    row(page, "Mausmann 2").locator("summary").click()
    row(page, "Mausmann 2").get_by_role("button", name="Pick a day").click()
    page.locator("#panel input[name=to]").fill("2035-01-15")
    page.locator("#panel").get_by_role("button", name="Postpone").click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("15 Jan 2035")
    # A new one, with somebody who is found by typing: it is in sight, however much is due today.
    page.locator("main [data-new]").click()
    page.locator("#panel").get_by_role("combobox", name="Person, company or sale").press_sequentially("mausm", delay=20)
    page.locator("#panel [role=option]", has_text="Edda Mausmann").click()
    page.locator("#panel").get_by_label("Subject").fill("Bring the samples")
    page.keyboard.press("Escape")
    expect(page.locator(".toast-line.warning")).to_contain_text("Not saved yet.")
    page.locator("#panel").get_by_label("Repeat").select_option("weekly")
    page.locator("#panel").get_by_label("Every").fill("2")
    page.locator("#panel").get_by_role("button", name="Create follow-up").click()
    expect(page.locator("#panel")).to_be_hidden()
    expect(row(page, "Bring the samples")).to_contain_text("Edda Mausmann")
    # And to the record.
    row(page, "Bring the samples").get_by_role("link", name="Bring the samples", exact=True).click()
    page.wait_for_url(f"**/persons/{person}/")


def test_by_keyboard_alone(open_page, plan):
    person = plan("max", "Tastmann", days=500)
    page = open_page("max")
    page.goto("/persons/")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/my-day/")
    current = page.locator("[data-day] [data-row].current")
    page.keyboard.press("j")
    expect(current).to_contain_text("Tastmann 0")
    page.keyboard.press(" ")
    expect(row(page, "Tastmann 0")).to_have_count(0)
    # The one in its place is the current one now.
    expect(current).to_contain_text("Tastmann 1")
    page.keyboard.press("x")
    expect(row(page, "Tastmann 1")).to_have_count(0)
    page.keyboard.press("u")
    expect(row(page, "Tastmann 1")).to_have_count(1)
    expect(current).to_contain_text("Tastmann")
    page.keyboard.press("k")
    expect(current).to_contain_text("Tastmann 1")
    page.keyboard.press("p")
    expect(row(page, "Tastmann 1").get_by_role("button", name="Tomorrow")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Tastmann 1 is now due")
    expect(current).to_contain_text("Tastmann 2")
    page.keyboard.press("e")
    expect(page.locator("#panel").get_by_label("Subject")).to_have_value("Tastmann 2")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    page.keyboard.press("Enter")
    # The pencil has the focus back: it opens the form again; from the row's name one gets to the person.
    expect(page.locator("#panel")).to_be_visible()
    page.keyboard.press("Escape")
    row(page, "Tastmann 2").get_by_role("link", name="Tastmann 2", exact=True).press("Enter")
    page.wait_for_url(re.compile(rf"/persons/{person}/"))


def test_on_a_phone(open_page, plan):
    plan("max", "Handmann", 1, days=600)
    page = open_page("max", width=390, height=844, touch=True, language="de", dark=True)
    page.goto("/my-day/")
    assert not violations(page)
    row(page, "Handmann 0").locator("summary").tap()
    expect(row(page, "Handmann 0").locator(".panel")).to_be_visible()
    row(page, "Handmann 0").locator(".panel .item").first.tap()
    expect(page.locator("#toasts")).to_contain_text("Handmann 0")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
