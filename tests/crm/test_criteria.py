"""Criteria give the same rows as a plain reading of the same lines, on both databases."""

import datetime
import random
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import override

from activities.actions import create_activity
from crm import criteria, records
from crm.criteria import CriteriaError
from crm.criteria.words import sentence
from crm.fields import OPERATORS, Asking
from crm.models import NEVER
from crm.text import fold
from leads import actions
from leads.models import Category, LeadStatus, Person
from tests.factories import CompanyFactory, PersonFactory

NAMES = ["Müller", "Muller", "MÜLLER GmbH", "Straße & Co.", "100%", "under_score", "Łukasz", "O'Brien", "back\\slash"]
NEEDLES = [*NAMES, "m", "ü", "%", "_", "\\", "gmbh", "nobody"]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def world(anna, jan, ada):
    """Thirty persons of every kind."""
    rng = random.Random(7)
    categories, statuses = list(Category.objects.all()), list(LeadStatus.objects.all())
    companies = [
        CompanyFactory(by=ada, name=name, category=rng.choice(categories), country=rng.choice(["DE", "AT", ""])) for name in NAMES
    ]
    for number in range(30):
        company = rng.choice([None, *companies])
        values = {
            "last_name": rng.choice(NAMES), "title": rng.choice(["", *NAMES]), "company": company, "owner": rng.choice([anna, jan, None]),
            "former_employee": rng.random() < 0.5,
        }  # fmt: skip
        person = actions.create_person(values, by=ada, via="system")
        if person.is_lead:
            actions.set_lead_status(person, rng.choice(statuses), by=ada, via="system")
        if number % 3:
            due = timezone.now() + datetime.timedelta(hours=rng.randint(-72, 72))
            create_activity({"subject": "Call", "person": person, "due_at": due}, by=ada, via="system")


def asked(user, name, operator, value):
    asking = Asking(user)
    line = criteria.line(records.get("person"), name, operator, value, asking)
    found = Person.objects.filter(criteria.to_q([line], asking))
    return set(found.values_list("pk", flat=True)), asking


def expected(test):
    return {person.pk for person in Person.objects.select_related("company", "category", "lead_status") if test(person)}


TEXTS = {
    "contains": lambda text, needle: needle in text,
    "starts": lambda text, needle: text.startswith(needle),
    "ends": lambda text, needle: text.endswith(needle),
    "is": lambda text, needle: text == needle,
}


@pytest.mark.parametrize("field", ["name", "title", "company"])
def test_texts_are_compared_folded(world, anna, field):
    read = {
        "name": lambda p: f"{p.last_name} {p.first_name}",
        "title": lambda p: p.title,
        "company": lambda p: p.company.name if p.company else "",
    }[field]
    for needle in NEEDLES:
        for operator, test in TEXTS.items():
            found, _asking = asked(anna, field, operator, needle)
            assert found == expected(lambda p, test=test, needle=needle: test(fold(read(p)), fold(needle))), (operator, needle)
            opposite = "is_not" if operator == "is" else f"not_{operator}"
            assert asked(anna, field, opposite, needle)[0] == expected(lambda p: True) - found, (opposite, needle)


def test_empty_and_not_empty_are_opposites_for_every_field(world, anna):
    everyone = expected(lambda p: True)
    for name, field in records.get("person").fields.items():
        if "empty" in field.operators:
            empty, not_empty = asked(anna, name, "empty", None)[0], asked(anna, name, "not_empty", None)[0]
            assert empty | not_empty == everyone and not empty & not_empty, name
    assert asked(anna, "company", "empty", None)[0] == expected(lambda p: p.company is None)
    assert asked(anna, "next_activity_at", "empty", None)[0] == expected(lambda p: p.next_activity_at == NEVER)


def test_choices_users_and_yes_or_no(world, anna, jan, category, status):
    both = [status("Open").pk, status("Qualified").pk]
    assert asked(anna, "lead_status", "in", both)[0] == expected(lambda p: p.lead_status_id in both)
    assert asked(anna, "lead_status", "not_in", both)[0] == expected(lambda p: p.lead_status_id not in both)
    assert asked(anna, "category_group", "in", "potential")[0] == expected(lambda p: p.category.group_id == "potential")
    assert asked(anna, "category_group", "not_in", ["potential"])[0] == expected(lambda p: p.category.group_id != "potential")
    assert asked(anna, "lead_status_kind", "in", "open")[0] == expected(lambda p: p.lead_status and p.lead_status.kind == "open")
    assert asked(anna, "owner", "in", "me")[0] == expected(lambda p: p.owner_id == anna.pk)
    assert asked(anna, "owner", "in", "my_team")[0] == expected(lambda p: p.owner_id in {anna.pk, jan.pk})
    assert asked(anna, "owner", "not_in", ["me"])[0] == expected(lambda p: p.owner_id != anna.pk)
    assert asked(anna, "former_employee", "is", "true")[0] == expected(lambda p: p.former_employee)
    assert asked(anna, "country", "in", "DE,AT")[0] == expected(lambda p: p.country in {"DE", "AT"})


def test_dates_are_days_where_the_user_is(world, anna):
    def day(person):
        return person.next_activity_at.astimezone(BERLIN).date()

    today = timezone.now().astimezone(BERLIN).date()
    monday = today - datetime.timedelta(days=today.weekday())
    real = {person.pk for person in Person.objects.exclude(next_activity_at=NEVER)}
    for operator, value, test in [
        ("today", None, lambda p: day(p) == today),
        ("on", str(today), lambda p: day(p) == today),
        ("before", str(today), lambda p: day(p) < today),
        ("after", str(today), lambda p: day(p) > today),
        ("lte", str(today), lambda p: day(p) <= today),
        ("gte", str(today), lambda p: day(p) >= today),
        ("between", [str(monday), str(today)], lambda p: monday <= day(p) <= today),
        ("this_week", None, lambda p: monday <= day(p) < monday + datetime.timedelta(days=7)),
        ("this_month", None, lambda p: (day(p).year, day(p).month) == (today.year, today.month)),
        ("last_days", "2", lambda p: today - datetime.timedelta(days=2) <= day(p) <= today),
        ("next_days", "2", lambda p: today <= day(p) <= today + datetime.timedelta(days=2)),
    ]:
        assert asked(anna, "next_activity_at", operator, value)[0] == expected(test) & real, operator
    found, asking = asked(anna, "next_activity_at", "overdue", None)
    assert found == expected(lambda p: p.next_activity_at < asking.now)


HOSTILE = [
    ("owner__password", None, "x"), ("name", "regex", "x"), ("name", "contains", "x" * 100_000), ("name", "contains", "nul\0"),
    ("name", "contains", {"a": 1}), ("name", "contains", 7), ("lead_status", "in", "999999"), ("lead_status", "in", [True]),
    ("lead_status", "in", []), ("owner", "in", "99999999999999999999999"), ("owner", "in", ["password"]), ("company", "in", "1,x"),
    ("next_activity_at", "on", "2026-02-30"), ("next_activity_at", "on", "9999-12-31"), ("next_activity_at", "last_days", "1e9"),
    ("next_activity_at", "between", "2026-01-01"), ("former_employee", "is", "maybe"), ("former_employee", "is", [1, 2]), (None, None, None),
    ({"a": 1}, "is", "x"), ("country", "in", "XX"), ("created_at", "gte", "0001-01-01"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "operator", "value"), HOSTILE)
def test_what_makes_no_sense_is_refused_with_its_place(anna, field, operator, value):
    with pytest.raises(CriteriaError) as refused:
        criteria.parse(records.get("person"), {"all": [{"field": field, "operator": operator, "value": value}]}, Asking(anna))
    [(place, message)] = refused.value.errors
    assert place.startswith("all[0].") and message


@pytest.mark.parametrize("tree", [[], "x", {"any": {}}, {"all": {}}, {"all": ["x"]}, {"version": 2}, {"all": [{}] * 201}])
def test_a_tree_of_another_shape_is_refused(anna, tree):
    with pytest.raises(CriteriaError):
        criteria.parse(records.get("person"), tree, Asking(anna))


def test_a_url_holds_the_lines_and_back(world, anna, status):
    query = QueryDict(
        f"name__starts=m%25&lead_status={status('Open').pk}&owner=me&next_activity_at__overdue=1&created_at__last_days=30"
    )
    asking = Asking(anna)
    lines, errors = criteria.from_query(records.get("person"), query, asking)
    assert len(lines) == 5 and not errors
    again, _errors = criteria.from_query(records.get("person"), QueryDict(criteria.to_query(lines)), asking)
    assert [(line.field.name, line.operator, line.read) for line in again] == [
        (line.field.name, line.operator, line.read) for line in lines
    ]
    assert all("".join(criteria.in_words(line, asking)) for line in lines)


def test_an_unknown_parameter_is_an_error_and_no_wider_answer(anna):
    lines, errors = criteria.from_query(
        records.get("person"), QueryDict("nmae=x&name__like=y&page=2"), Asking(anna), ignore={"page"}
    )
    assert not lines and set(errors) == {"nmae", "name__like"}


FORMER = {"field": "former_employee", "value": True}


def test_every_operator_has_words():
    for record in records.every():
        for field in record.fields.values():
            assert set(field.operators) <= set(OPERATORS), field.name


@pytest.mark.parametrize(
    ("tree", "told"),
    [({"all": [{"field": "former_employee", "value": True}]}, "Persons where “Former employee” is yes"),
     ({"not": {"field": "former_employee", "value": False}}, "Persons that are not among those (where “Former employee” is no)"),
     ({"any": [{"all": [FORMER, {"field": "email", "operator": "empty"}]}, {"not": FORMER}]},
      "Persons where “Former employee” is yes and whose E-mail is empty, or that are not among those (where “Former employee” is yes)"),
     ({"all": [{"any": [FORMER, {"field": "email", "operator": "empty"}]}, {"field": "phone", "operator": "empty"}]},
      "Persons whose Phone is empty and (where “Former employee” is yes or whose E-mail is empty)"),
     ({"all": [{"all": [{"any": [FORMER, FORMER]}]}, {"any": [FORMER, FORMER]}]},
      "Persons for which this holds: (where “Former employee” is yes or where “Former employee” is yes)"
      " and (where “Former employee” is yes or where “Former employee” is yes)"),
     ({"all": [{"field": "created_at", "operator": "period", "value": ["this_year", "previous_2_quarters", "next_month"]}]},
      "Persons whose Created is this year or in the previous 2 quarters or in the next month"),
     ({"all": [{"field": "owner", "operator": "not_in", "value": ["me"]}]}, "Persons whose Owner is not me")],
)  # fmt: skip
def test_a_question_reads_as_a_sentence(anna, tree, told):
    record, asking = records.get("person"), Asking(anna)
    assert sentence(record, criteria.parse(record, tree, asking), asking) == told


def test_in_german_a_comma_stands_before_what_is_negated(anna):
    record, asking = records.get("person"), Asking(anna)
    with override("de"):
        told = sentence(record, criteria.parse(record, {"not": {"field": "sales", "operator": "some"}}, asking), asking)
        either = {"any": [FORMER, {"field": "email", "operator": "empty"}]}
        bracketed = sentence(record, criteria.parse(record, {"all": [either, either]}, asking), asking)
    assert told == "Personen, die nicht zu denen gehören (mit Verkäufen)"
    one = "(bei denen „Ehemaliger Mitarbeiter“ zutrifft oder deren E-Mail leer ist)"
    assert bracketed == f"Personen, und zwar solche, {one} und {one}"


def test_a_persons_company_is_asked_by_its_id(anna, ada):
    person = PersonFactory(by=ada)
    PersonFactory(by=ada)
    assert asked(anna, "company", "in", str(person.company_id))[0] == {person.pk}
