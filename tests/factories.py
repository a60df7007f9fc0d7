"""Records for tests. They are made by the product's own actions, so that copies and history are as in real life."""

import factory

from activities.actions import create_activity
from activities.models import Activity
from crm.history.changes import change
from crm.models import Role, User
from leads.actions import create_company, create_person
from leads.models import Company, Person
from sales.actions import create_sale
from sales.models import Sale

#: Where the users of a test live.
HOME = "Europe/Berlin"


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    first_name = factory.Faker("first_name")
    last_name = factory.Faker("last_name")
    language = "en"
    time_zone = HOME
    role = factory.LazyFunction(lambda: Role.objects.get(code="administrator"))
    password = factory.django.Password("a good password")


class _ByAction(factory.django.DjangoModelFactory):
    """`by` makes it (an administrator unless given); `owner` owns it (`by` unless given)."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class, *args, by=None, **values):
        by = by or User.objects.filter(role__administers=True).first() or UserFactory()
        return cls.make(values, by=by, via="system")


class CompanyFactory(_ByAction):
    class Meta:
        model = Company

    name = factory.Sequence(lambda n: f"Company {n}")
    make = staticmethod(create_company)


class PersonFactory(_ByAction):
    class Meta:
        model = Person

    first_name = factory.Faker("first_name")
    last_name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@example.com")
    # Whoever makes a person has to see the company.
    company = factory.SubFactory(CompanyFactory, by=factory.LazyAttribute(lambda one: getattr(one.factory_parent, "by", None)))
    make = staticmethod(create_person)


class ActivityFactory(_ByAction):
    class Meta:
        model = Activity

    subject = factory.Sequence(lambda n: f"Follow-up {n}")
    person = factory.SubFactory(PersonFactory, by=factory.LazyAttribute(lambda one: getattr(one.factory_parent, "by", None)))
    make = staticmethod(create_activity)


class SaleFactory(_ByAction):
    class Meta:
        model = Sale

    name = factory.Sequence(lambda n: f"Sale {n}")
    company = factory.SubFactory(CompanyFactory, by=factory.LazyAttribute(lambda one: getattr(one.factory_parent, "by", None)))
    make = staticmethod(create_sale)


def arrange(queryset, **values):
    """Write values no action of this test is about; under a change set, as everything that is written."""
    with change("arrange", by=None, via="system"):
        queryset.update(**values)
