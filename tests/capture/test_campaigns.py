"""Campaigns and what they brought (C4): every number is counted plainly, and is that of the list it opens."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from capture.campaigns import Report
from capture.models import PersonOrigin
from crm import criteria, records
from crm.fields import Asking
from leads import actions as leads
from leads.models import Person
from sales import actions as sales
from tests.factories import CompanyFactory, PersonFactory, SaleFactory

HTMX = {"HTTP_HX_REQUEST": "true"}


def came(person, campaign, days=0, **first):
    at = timezone.now() - timedelta(days=days)
    return PersonOrigin.objects.create(person=person, lead_campaign=campaign, lead_at=at, first_at=at, **first)


@pytest.fixture
def world(anna, jan, max_, ada, status, category):
    """Leads of several owners by some campaigns, one of them spelled in three ways; some qualified, some with sales."""
    made = []
    for number, (owner, campaign, days) in enumerate([
        (anna, "spring-2026", 3), (anna, "spring 2026", 40), (jan, "spring_2026", 3), (max_, "spring-2026", 3), (anna, "frühjahr", 3), (jan, "fruehjahr", 3),
        (anna, "a, b/c", 3), (anna, "", 3), (None, "spring-2026", 3),
    ]):  # fmt: skip
        person = PersonFactory(by=ada, owner=owner, company=CompanyFactory(by=ada, owner=owner or ada))
        came(person, campaign, days, first_campaign="spring-2026" if number == 6 else "")
        made.append(person)
    for number in (0, 2, 3):
        leads.set_lead_status(Person.objects.get(pk=made[number].pk), status("Qualified"), by=ada, via="card")
    for number, amount, won in ((0, 1_000, True), (0, 500, False), (3, 7_000, True), (6, 250, True)):
        sale = SaleFactory(by=ada, owner=made[number].owner, company=made[number].company, person=made[number], amount=amount)
        if won:
            sales.win(sale, by=ada, via="card")
    # A customer's colleague who never was a lead, and one who is in the bin.
    came(
        PersonFactory(by=ada, owner=anna, company=CompanyFactory(by=ada, owner=anna, category=category("Customer"))),
        "spring-2026",
        3,
    )
    gone = PersonFactory(by=ada, owner=anna)
    came(gone, "spring-2026", 3)
    leads.delete(gone, by=ada, via="card")
    return made


def numbers(user, touch="lead", days=None):
    found = Report(Asking(user), touch, days).campaigns()
    return {one.campaign: (one.leads, one.qualified, one.buyers, one.sales, one.won, one.cents // 100) for one in found}


def test_c4_a_campaign_tells_what_it_brought_of_what_one_may_see(world, ada, anna):
    assert numbers(ada) == {
        "spring-2026": (5, 3, 2, 3, 2, 8_000), "fruehjahr": (2, 0, 0, 0, 0, 0), "a, b/c": (1, 0, 1, 1, 1, 250),
    }  # fmt: skip
    # Max is of another team: his lead is none of Anna's.
    assert numbers(anna)["spring-2026"] == (4, 2, 1, 2, 1, 1_000)
    assert numbers(ada, "first") == {"spring-2026": (1, 0, 1, 1, 1, 250)}


def test_c4_the_time_is_that_in_which_the_leads_came(world, ada):
    today = timezone.localdate()
    assert numbers(ada, days=(today - timedelta(days=7), today))["spring-2026"] == (4, 3, 2, 3, 2, 8_000)
    assert numbers(ada, days=(today - timedelta(days=60), today - timedelta(days=20))) == {"spring 2026": (1, 0, 0, 0, 0, 0)}


def test_c4_each_number_is_that_of_the_list_it_opens(world, ada, anna, client):
    for user in (ada, anna):
        client.force_login(user)
        today = timezone.localdate()
        for days in (None, (today - timedelta(days=7), today)):
            report = Report(Asking(user), "lead", days)
            for one in report.campaigns():
                for name, (record, tree) in report.questions(one.values).items():
                    described = records.get(record)
                    seen = described.model.objects.visible_to(user)
                    assert seen.filter(criteria.condition(described, tree, Asking(user))).count() == getattr(one, name), (
                        user,
                        one,
                        name,
                    )
        page = client.get("/campaigns/?period=last_30_days&sort=campaign").content.decode()
        opened = re.findall(r'data-label="(?:Leads|Sales)"><a\s+href="([^"]+)"\s*>([\d,]+)</a', page)
        assert len(opened) == 7  # three campaigns and all of them, two of which have sales
        for address, number in opened:
            path, _question, query = client.get(address.replace("&amp;", "&")).headers["Location"].partition("?")
            counted = client.get(f"{path}count/?{query}").content.decode()
            assert re.sub(r"\D", "", counted.partition("</span>")[0]) == number, address
    for wrong in ("nonsense/", "leads/?period=nonsense"):
        assert client.get(f"/campaigns/open/{wrong}").status_code == 404


def test_c4_the_page_keeps_its_state_in_the_address(world, ada, client):
    client.force_login(ada)
    text = client.get("/campaigns/?sort=-amount&touch=lead").content.decode()
    # Amounts that stand below one another all have their cents.
    amounts = re.findall(r'data-label="Won amount"><a\s[^>]*>([^<]+)<', text)
    assert amounts and all(re.search(r"\.\d\d$", amount) for amount in amounts)
    assert "also as spring_2026, spring 2026" in text and text.index(">spring-2026<") < text.index(">a, b/c<") < text.index(
        ">fruehjahr<"
    )
    assert 'aria-sort="descending"' in text and ">40.0%<" in text
    fragment = client.get("/campaigns/?period=this_year", **HTMX).content.decode()
    assert fragment.lstrip().startswith("<div") and 'value="this_year" selected' in fragment
    assert "No campaigns in this period" in client.get("/campaigns/?period=2001-01-01/2001-12-31").content.decode()
    for wrong in ("nonsense", "last_x_days", "2026-02-30/2026-03-01", "9" * 60):
        assert client.get("/campaigns/", {"period": wrong}).status_code == 400
    assert client.get("/campaigns/?sort=nonsense&touch=nonsense").status_code == 200


def test_c4_the_statements_of_the_page_do_not_grow_with_its_rows(world, ada, client, django_assert_max_num_queries):
    client.force_login(ada)
    client.get("/campaigns/")
    with django_assert_max_num_queries(9) as few:
        client.get("/campaigns/")
    company = CompanyFactory(by=ada)
    for number in range(30):
        person = PersonFactory(by=ada, company=company)
        came(person, f"campaign-{number}")
        SaleFactory(by=ada, company=company, person=person)
    with django_assert_max_num_queries(len(few)) as many:
        assert client.get("/campaigns/").content.decode().count("data-row") == 34  # thirty, three and the foot
    assert len(many) == len(few)


def test_c4_several_values_are_asked_as_one_text(world, ada, client):
    client.force_login(ada)
    for value, count in (("fruehjahr,frühjahr", 2), ('"A, b/c", frühjahr', 2), ("a,b", 0)):
        assert client.get("/persons/", {"lead_creation_campaign__in": value}).content.decode().count("data-row data-id") == count
    assert (
        client.get("/persons/", {"lead_creation_campaign__not_in": "spring-2026,spring 2026"})
        .content.decode()
        .count("data-row data-id")
        == 5
    )
    for wrong in ("", " , ", "a\nb", ",".join(["a"] * 501)):
        assert client.get("/persons/", {"lead_creation_campaign__in": wrong}).status_code == 400, wrong
    # A group's key has no sign that addresses give a meaning of their own.
    text = client.get("/persons/?group=lead_creation_campaign").content.decode()
    assert "in=a%252C b%252Fc" in text or "in=a%252C+b%252Fc" in text
    assert (
        client.get("/persons/?group=lead_creation_campaign&in=a%252C+b%252Fc", **HTMX).content.decode().count("data-row data-id")
        == 1
    )
