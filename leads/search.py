"""What companies and persons are found by in the global search (W7)."""

import re

from crm import search
from crm.text import fold
from leads.models import Company, Person


def digits(*numbers):
    """Return phone numbers as their digits, so that they are found however they were typed."""
    return " ".join(filter(None, (re.sub(r"\D", "", number) for number in numbers)))


@search.described_by("company")
def describe_companies(ids):
    rows = Company.objects.filter(pk__in=ids).values_list("pk", "name_key", "number", "email", "website", "city_key", "phone")
    return {
        pk: (" ".join(filter(None, [name, fold(f"{number} {email} {website}"), city, digits(phone)])), name)
        for pk, name, number, email, website, city, phone in rows
    }


@search.described_by("person")
def describe_persons(ids):
    rows = Person.objects.filter(pk__in=ids).values_list(
        "pk", "first_name", "last_name", "email_key", "company_key", "phone", "mobile"
    )
    described = {}
    for pk, first, last, email, company, phone, mobile in rows:
        name = fold(f"{first} {last}")
        described[pk] = (" ".join(filter(None, [name, email, company, digits(phone, mobile)])), name)
    return described


@search.shown_by("company")
def show_companies(ids):
    rows = Company.objects.filter(pk__in=ids).values_list("pk", "name", "city", "website")
    return {pk: (name, " · ".join(filter(None, [city, website]))) for pk, name, city, website in rows}


@search.shown_by("person")
def show_persons(ids):
    rows = Person.objects.filter(pk__in=ids).values_list("pk", "first_name", "last_name", "company__name", "email")
    return {
        pk: (f"{first} {last}".strip(), " · ".join(filter(None, [company, email]))) for pk, first, last, company, email in rows
    }
