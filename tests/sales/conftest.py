"""A sale of Anna's, and the lists of sales by their English names."""

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from sales.models import ExchangeRate, SaleReason, SaleStage
from sales.rates import create_rate
from tests.factories import CompanyFactory, PersonFactory, SaleFactory, arrange


@pytest.fixture
def stage(lists):
    return lambda name: SaleStage.objects.get(name_en=name)


@pytest.fixture
def reason(lists):
    return lambda name: SaleReason.objects.get(name_en=name)


@pytest.fixture
def dollars(ada):
    """One dollar was worth 0.80 in 2024 and is worth 0.90 from 2025 on."""
    for year, rate in ((2024, "0.8"), (2025, "0.9")):
        create_rate({"currency": "USD", "valid_from": datetime.date(year, 1, 1), "rate": Decimal(rate)}, by=ada, via="admin")
    return ExchangeRate.objects.filter(currency="USD").order_by("valid_from")


@pytest.fixture
def company(anna, category):
    return CompanyFactory(by=anna, name="Nordwind Logistik", category=category("Lead"))


@pytest.fixture
def person(anna, company):
    return PersonFactory(by=anna, first_name="Jana", last_name="Petersen", company=company)


@pytest.fixture
def sale(anna, company, person, stage):
    """A sale that has been going on for a month."""
    sale = SaleFactory(
        by=anna, name="Flottensteuerung", company=company, person=person, amount=Decimal("1000.10"), stage=stage("Offer")
    )
    arrange(type(sale).objects.filter(pk=sale.pk), created_at=timezone.now() - datetime.timedelta(days=30))
    sale.refresh_from_db()
    return sale
