"""Known characters: Anna owns, Max is of another team, Mia sees all, Rita only reads, Ada administers."""

import inspect

import pytest
from django.core.management import call_command
from django.utils import timezone

from crm.models import Change, Role, Team
from leads.models import Category, LeadStatus
from tests.factories import HOME, UserFactory


def pytest_collection_modifyitems(items):
    """Mark what asks for no database: pytest-django lets it reach none, so that it says the same beside each of them."""
    for item in items:
        asks = {"db", "transactional_db"} & set(item.fixturenames) or item.get_closest_marker("django_db")
        perhaps = "request" in inspect.signature(item.function).parameters  # it may ask for a fixture by its name
        if not asks and not perhaps and "tests/browser" not in str(item.path):
            item.add_marker(pytest.mark.no_database)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        call_command("setup_lists")


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


@pytest.fixture(autouse=True)
def _at_home():
    """What day it is, a test asks where its users are: elsewhere it may be another one (T81)."""
    with timezone.override(HOME):
        yield


@pytest.fixture
def lists(db):
    """The predefined lists; a test with real transactions emptied them, and the history of that has no change set."""
    if not Role.objects.exists():
        Change.objects.all().delete()
        call_command("setup_lists")


@pytest.fixture
def roles(lists):
    return {role.code: role for role in Role.objects.all()}


@pytest.fixture
def teams(lists):
    return {"north": Team.objects.create(name="Nord"), "south": Team.objects.create(name="Süd")}


@pytest.fixture
def anna(roles, teams):
    user = UserFactory(username="anna", first_name="Anna", last_name="Kraft", role=roles["sales_rep"])
    user.teams.add(teams["north"])
    return user


@pytest.fixture
def jan(roles, teams):
    """Anna's colleague in the same team."""
    user = UserFactory(username="jan", first_name="Jan", last_name="Behrens", role=roles["sales_rep"])
    user.teams.add(teams["north"])
    return user


@pytest.fixture
def max_(roles, teams):
    user = UserFactory(username="max", first_name="Max", last_name="Lorenz", role=roles["sales_rep"])
    user.teams.add(teams["south"])
    return user


@pytest.fixture
def mia(roles):
    return UserFactory(username="mia", first_name="Mia", last_name="Sommer", role=roles["marketer"])


@pytest.fixture
def rita(roles):
    return UserFactory(username="rita", first_name="Rita", last_name="Roth", role=roles["read_only"])


@pytest.fixture
def ada(roles):
    return UserFactory(username="ada", first_name="Ada", last_name="Lind", role=roles["administrator"])


@pytest.fixture
def category(lists):
    """Return a predefined category by its English name."""
    return lambda name: Category.objects.get(name_en=name)


@pytest.fixture
def status(lists):
    """Return a predefined lead status by its English name."""
    return lambda name: LeadStatus.objects.get(name_en=name)


@pytest.fixture
def nothing_unattributed(db):
    """After the test, every entry of the history has a change set."""
    yield
    assert not Change.objects.filter(change_set=None).exists()
