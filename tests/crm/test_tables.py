"""The one list component: order, pages and groups equal what plain Python makes of the same records (W3, settled 15)."""

import datetime

import pytest
from django.http import QueryDict
from django.utils import timezone

from activities.actions import create_activities
from crm import records
from crm.fields import Asking
from crm.models import NEVER, TableSetting
from crm.tables import Table, asked
from leads.actions import create_persons
from leads.models import LeadStatus, Person, Source
from tests.factories import CompanyFactory, arrange


def table(user, query="", name="person", key="persons", **kwargs):
    record = records.get(name)
    queryset = record.model.objects.visible_to(user)
    return Table(record, queryset, user, QueryDict(query), key=key, url="/persons/", **kwargs)


@pytest.fixture
def people(ada, anna, max_, category, status):
    """Persons of all sorts: with and without company, owner, status, source, activity; equal names among them."""
    companies = [
        CompanyFactory(name="Nordwind", category=category("Lead"), city="Bremen", country="DE", owner=anna),
        CompanyFactory(name="Ærø Skibe", category=category("Customer"), country="DK", owner=max_),
        CompanyFactory(name="nordwind", category=category("Opportunity"), country="AT", owner=None),
    ]
    sources = [None, *Source.objects.all()[:2]]
    values = [
        {
            "company": [None, *companies][number % 4], "owner": [anna, max_, None][number % 3],
            "title": ["", "CEO", "cto"][number % 3], "source": sources[number % 3],
            "last_name": ["Petersen", "Ångström", "zorn", "Abel"][number % 4], "first_name": ["", "Jana"][number % 2],
        }
        for number in range(26)
    ]  # fmt: skip
    made = create_persons(values, by=ada, via="system")
    due = [timezone.now() + datetime.timedelta(days=number % 4 - 1) for number in range(5)]
    create_activities(
        [{"person": made[number * 5], "subject": "Call", "due_at": due[number]} for number in range(5)], by=ada, via="system"
    )
    for number, one in enumerate([None, *LeadStatus.objects.all()[:3]]):
        arrange(Person.objects.filter(pk__in=[person.pk for person in made[number::4]]), lead_status=one)
    arrange(Person.objects.filter(pk__in=[person.pk for person in made[::4]]), lead_status_since=None)
    return made


def all_pages(user, query, per=25):
    """Return the ids of all pages, walked by their own links one after the other, and walked back from the last to the first."""
    forth = [table(user, f"{query}&per={per}")]
    while forth[-1].next_url:
        forth.append(table(user, forth[-1].next_url.partition("?")[2]))
    back = [forth[-1]]
    while back[-1].previous_url:
        back.append(table(user, back[-1].previous_url.partition("?")[2]))
    assert not any(page.errors for page in forth + back)
    return tuple([row["pk"] for page in pages for row in page.page] for pages in (forth, back[::-1]))


SORTABLE = [field.name for field in records.get("person").fields.values() if field.sort]


def plain_key(field, person, user):
    """Return what a person is compared by, as people would say it: (whether there is none, the value)."""
    asking = Asking(user)
    if field.name in {"category", "lead_status", "category_group", "source", "disqualify_reason"}:
        item = {
            "category": person.category, "disqualify_reason": person.disqualify_reason, "source": person.source, "category_group": person.category.group,
            "lead_status": person.lead_status if person.is_lead else None,
        }[field.name]  # fmt: skip
        return (item is None, item.rank if item else 0)
    if field.name == "owner":
        return (person.owner is None, person.owner.name_key if person.owner else "")
    if field.name == "country":
        labels = [value for value, _label in field.choices()]
        return (not person.country, labels.index(person.country) if person.country else 0)
    value = person
    for step in field.sort.split("__"):  # through a record of its own, which most have not
        value = getattr(value, step, None)
    assert asking
    return (value in {None, "", NEVER}, value if value is not None else NEVER)


@pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("name", SORTABLE)
def test_w3_every_column_sorts_as_people_expect_with_empty_ones_last(people, ada, name, descending, monkeypatch):
    field = records.get("person").fields[name]
    persons = list(Person.objects.select_related("category__group", "lead_status", "owner", "source"))
    by_parts = field.parts(Asking(ada)) is not None
    persons.sort(key=lambda one: (one.name_key, one.pk) if by_parts else one.pk, reverse=descending and not by_parts)
    if not by_parts and descending:
        filled = sorted(
            (one for one in persons if not plain_key(field, one, ada)[0]),
            key=lambda one: plain_key(field, one, ada),
            reverse=True,
        )
        empty = [one for one in persons if plain_key(field, one, ada)[0]]
        persons = filled + empty
    else:
        persons.sort(key=lambda one: plain_key(field, one, ada)[1], reverse=descending)
        persons.sort(key=lambda one: plain_key(field, one, ada)[0])
    expected = [one.pk for one in persons]
    monkeypatch.setattr(asked, "PER", (7, 25, 50))
    query = f"sort={'-' if descending else ''}{name}"
    assert all_pages(ada, query, per=7) == (expected, expected)


@pytest.mark.parametrize("first", SORTABLE)
def test_w3_two_columns_sort_one_within_the_other_and_every_page_is_reached(people, ada, first, monkeypatch):
    monkeypatch.setattr(asked, "PER", (5, 100))
    for second, ways in (
        ("name", [("", ""), ("-", "-")]), ("next_activity_at", [("", "-"), ("-", "")]), ("lead_status", [("", "-"), ("-", "")]),
        ("lead_status_since", [("", ""), ("-", "-")]),
    ):  # fmt: skip
        if second == first:
            continue
        for sort in (f"{one}{first},{other}{second}" for one, other in ways):
            whole = [row["pk"] for row in table(ada, f"sort={sort}&per=100").page]
            assert sorted(whole) == sorted(one.pk for one in people), sort
            assert all_pages(ada, f"sort={sort}", per=5) == (whole, whole), sort


@pytest.mark.parametrize(
    "sent",
    [{"widths": text} for text in ('{"name": null}', '{"name": Infinity}', '{"name": NaN}', '{"name": [1]}', '{"name": "wide"}', "[", "7", "[" * 90_000)]
    + [{"columns": text} for text in ("[" * 90_000, "[null]", "nowhere")],
)  # fmt: skip
def test_w3_settings_that_nobody_could_mean_are_refused(client, anna, sent):
    client.force_login(anna)
    assert client.post("/persons/settings/", sent).status_code == 400
    assert not TableSetting.objects.exists()


def test_w3_a_width_is_kept_within_what_can_be_read(client, anna):
    client.force_login(anna)
    assert client.post("/persons/settings/", {"widths": '{"name": 1e9, "email": -5, "phone": "200"}'}).status_code == 204
    assert TableSetting.objects.get().state["widths"] == {"name": 1_200, "email": 40, "phone": 200}
