"""Who types a record that may be there already is told so, and may save past it (I2, S6, settled 17)."""

import pytest
from django.urls import reverse

from leads import actions
from leads.duplicates import alike, core
from leads.models import Company, Person
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def ask(client):
    """Return a function that tells what `user` is hinted at while typing."""

    def hint(user, kind, **given):
        client.force_login(user)
        return client.get(reverse("leads:similar", args=[kind]), given, headers={"HX-Request": "true"}).content.decode().strip()

    return hint


@pytest.fixture
def companies(anna):
    names = "Nordwind Energie GmbH & Co. KG", "Nordwind Yachten AG", "Straßenbau Müller"
    return [CompanyFactory(by=anna, name=name, city="Kiel") for name in names]


@pytest.mark.parametrize("typed, found", [
    ("NORDWIND energie", "Nordwind Energie GmbH"), ("Nordwind-Energie AG", "Nordwind Energie GmbH"),
    ("Nordwind Enegrie GmbH", "Nordwind Energie GmbH"), ("nordwind yachten", "Nordwind Yachten AG"),
    ("Strassenbau Muller GmbH", "Straßenbau Müller"), ("Straßenbau Möller", "Straßenbau Müller"),
    ("Nordwind", ""), ("Nordwind Energie Süd", ""), ("Yachten", ""), ("GmbH", ""), ("  ", ""), ("AG", ""), ("…" * 300, ""),
])  # fmt: skip
def test_i2_a_company_is_known_without_its_legal_form_and_with_a_slip(ask, anna, companies, typed, found):
    told = ask(anna, "companies", name=typed)
    assert found in told and bool(told) == bool(found)
    if found:
        assert "(Kiel)" in told and "You may save anyway." in told and told.count("<a ") == 1


def test_i2_what_is_short_is_told_only_where_it_is_the_same():
    assert alike(core("Kupfer"), core("Kupfer KG")) and not alike("kupfer", "kapfer")
    assert alike("kupferwerk", "kapferwerk") and not alike("kupferwerk", "kapfarwerk")
    assert alike("kupferwerk nordost", "kapferwerk nordast")


def test_i2_a_person_is_known_by_e_mail_or_name_those_of_the_company_first(ask, anna, companies):
    PersonFactory(by=anna, first_name="Jana", last_name="Petersen", email="jana@nordwind.example", company=companies[0])
    PersonFactory(by=anna, first_name="Jana", last_name="Petersen", company=companies[1])
    assert "(Nordwind Energie" in ask(anna, "persons", email=" JANA@nordwind.example", last_name="Other")
    assert "(Nordwind Yachten" not in ask(anna, "persons", email="jana@nordwind.example", first_name="Jana", last_name="Petersen")
    told = ask(anna, "persons", first_name="jana", last_name="PETERSEN", company=companies[1].pk)
    assert told.index("(Nordwind Yachten") < told.index("(Nordwind Energie")
    assert not ask(anna, "persons", last_name="Petersen") and not ask(anna, "persons", email="", last_name=" ")


def test_settled_17_of_a_match_one_may_not_see_is_told_only_that_it_exists(ask, anna, max_, companies):
    PersonFactory(by=anna, first_name="Jana", last_name="Petersen", email="jana@nordwind.example", company=companies[0])
    for kind, given in (("companies", {"name": "Nordwind YACHTEN AG"}), ("persons", {"email": "jana@nordwind.example"})):
        told = ask(max_, kind, **given)
        assert "exists already" in told and "<a " not in told and "Nordwind" not in told and "Jana" not in told
    assert not ask(max_, "companies", name="Nordwind Yachten")  # only the very same
    assert not ask(max_, "persons", first_name="Jana", last_name="Petersen")
    actions.delete(companies[1], by=anna, via="card")
    assert not ask(max_, "companies", name="Nordwind Yachten AG")


def test_i2_a_card_is_compared_with_others_by_what_was_changed(ask, client, anna, companies):
    jana, other = (
        PersonFactory(by=anna, first_name="Jana", last_name="Petersen", email=f"{n}@x.example", company=companies[0])
        for n in "ab"
    )
    seen = {"but": jana.pk, "first_name": "Jana", "was-first_name": "Jana", "last_name": "Petersen", "was-last_name": "Petersen"}
    mail = {"email": "a@x.example", "was-email": "a@x.example"}
    assert not ask(anna, "persons", **seen, **mail)  # a namesake is no news
    assert other.get_absolute_url() in ask(anna, "persons", **seen, **mail | {"email": "b@x.example"})
    told = ask(anna, "persons", **seen | {"was-first_name": "Jan"}, **mail)
    assert other.get_absolute_url() in told and jana.get_absolute_url() not in told
    assert not ask(anna, "companies", name=companies[0].name, but=companies[0].pk)
    for address, there in (
        (reverse("leads:edit", args=["persons", jana.pk]), True),
        (reverse("leads:fact", args=["persons", jana.pk, "email"]), True),
        (reverse("leads:fact", args=["persons", jana.pk, "last_name"]), True),
        (reverse("leads:fact", args=["persons", jana.pk, "title"]), False),
        (reverse("leads:fact", args=["companies", companies[0].pk, "name"]), True),
        (reverse("leads:fact", args=["companies", companies[0].pk, "city"]), False),
    ):
        text = client.get(address, headers={"HX-Request": "true"}).content.decode()
        assert ('class="similar"' in text) is there, address


def test_i2_one_may_save_past_the_hint(client, anna, companies):
    client.force_login(anna)
    assert (
        client.post(reverse("leads:company_new"), {"name": "Nordwind Energie", "category": companies[0].category_id}).status_code
        == 302
    )
    assert Company.objects.filter(name__startswith="Nordwind Energie").count() == 2 and not Person.objects.exists()


@pytest.mark.parametrize("kind", ["sales", "forms"])
def test_a_kind_without_likeness_has_no_hint(client, anna, kind):
    client.force_login(anna)
    assert client.get(f"/{kind}/similar/").status_code == 404


def test_i2_the_hint_asks_a_few_questions_however_many_there_are(ask, anna, companies, django_assert_max_num_queries):
    def counted():
        with django_assert_max_num_queries(18) as captured:
            ask(anna, "companies", name="Nordwind Enegrie")
        return len(captured)

    ask(anna, "companies", name="Nordwind Enegrie")
    few = counted()
    for n in range(30):
        CompanyFactory(by=anna, name=f"Nordwind Energie {n}")
    assert counted() == few
