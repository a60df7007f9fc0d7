"""What is guessed of a file's columns and values, and what a mapping may say (I1)."""

import pytest
from django.core.exceptions import ValidationError

from crm.models import User
from exchange import mapping as mappings
from exchange.kinds import KINDS
from leads.models import Category, Industry, Person
from tests.exchange.files import ZOHO, brought, counts, csv_of, tried, uploaded
from tests.factories import UserFactory

GUESSED = {
    "LEADID": "external_id", "Last Name": "last_name", "Company": "company.name", "Lead Owner": "owner", "Email": "email", "Mobile": "mobile",
    "Website": "company.website", "Industry": "company.industry", "Lead Source": "source", "Lead Status": "lead_status",
}  # fmt: skip


def test_the_columns_of_a_zoho_export_are_guessed(lists):
    more = ["Created Time", "CONVERTED", "month_Created Time1"]
    assert mappings.guess("person", ZOHO + more)["columns"] == {**GUESSED, **dict.fromkeys(more, "")}
    accounts = [
        "ACCOUNTID",
        "Account Name",
        "Account Owner Id",
        "Account Owner",
        "Account Type",
        "Industry",
        "Website",
        "Tasks Involved",
    ]
    assert list(mappings.guess("company", accounts)["columns"].values()) == [
        "external_id", "name", "", "owner", "category", "industry", "website", ""]  # fmt: skip
    contacts = [
        "CONTACTID",
        "Last Name",
        "Contact Owner Id",
        "Contact Owner",
        "Account Id",
        "Email",
        "Lead Source",
        "Mobile",
        "Created Time",
    ]
    assert list(mappings.guess("person", contacts)["columns"].values()) == [
        "external_id", "last_name", "", "owner", "company.external_id", "email", "source", "mobile", ""]  # fmt: skip


def test_german_names_of_columns_are_guessed(lists):
    head = ["Nachname", "Vorname", "Firma", "E-Mail-Adresse", "Telefon", "Handy", "Straße / Hausnummer", "PLZ", "Ort", "Land", "Branche",
            "Betreuer", "Lead-Status", "Leadquelle", "Position"]  # fmt: skip
    assert list(mappings.guess("person", head)["columns"].values()) == [
        "last_name", "first_name", "company.name", "email", "phone", "mobile", "company.street", "company.postal_code", "company.city",
        "company.country", "company.industry", "owner", "lead_status", "source", "title"]  # fmt: skip


def test_every_label_of_the_catalogue_is_recognised_in_both_languages(lists):
    from django.utils import translation

    for record_type in KINDS:
        for language in ("de", "en"):
            with translation.override(language):
                offered = mappings.targets(record_type)
            for target, label in offered:
                assert mappings.guess(record_type, [label])["columns"][label] == target, (language, label)


def test_a_target_is_guessed_once(lists):
    assert mappings.guess("person", ["Email", "E-Mail", "Last Name"])["columns"] == {
        "Email": "email",
        "E-Mail": "",
        "Last Name": "last_name",
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Pre Qualified", "qualified"), ("Not Qualified", "disqualified"), ("Junk Lead", "disqualified"), ("Lost Lead", "disqualified"),
        ("Contacted", "working"), ("Attempted to Contact", "working"), ("Not Contacted", "open"), ("Contact in Future", "nurture"),
        ("Kontaktaufnahme", "working"), ("Später erneut", "nurture"), ("Neu", "open"), ("something else", None),
    ],
)  # fmt: skip
def test_values_of_lead_statuses_are_guessed_by_kind(lists, ada, text, kind, status):
    from crm.text import fold
    from leads.models import LeadStatus

    found = mappings.guess_values({"columns": {}}, {"lead_status": [text]}, ada)["values"]["lead_status"][fold(text)]
    # What is not known is left to the default status, and shown so.
    assert found == mappings.NOTHING if kind is None else LeadStatus.objects.get(pk=found).kind == kind


def test_a_name_of_a_status_in_either_language_is_that_status(lists, ada, status):
    found = mappings.guess_values({}, {"lead_status": ["QUALIFIZIERT", "Re-nurture"]}, ada)["values"]["lead_status"]
    assert found == {"qualifiziert": status("Qualified").pk, "re-nurture": status("Re-nurture").pk}


def test_owners_are_found_by_name_user_name_or_address(lists, ada, anna, max_):
    found = mappings.guess_values({}, {"owner": ["Anna Kraft", "MAX", "anna@example.com", "Nobody Known"]}, ada)["values"][
        "owner"
    ]
    assert found == {"anna kraft": anna.pk, "max": max_.pk, "anna@example.com": anna.pk, "nobody known": "create"}


def test_a_sales_reps_unknown_owner_is_the_rep_and_no_error(anna):
    source, report = brought(anna, csv_of(["Name", "Owner", "Source"], ["A", "Nobody Known", "Fair"], ["B", "", ""]))
    assert source.mapping["values"] == {"owner": {"nobody known": "me"}, "source": {"fair": ""}}
    assert counts(report) == {"persons_created": 2}
    assert {person.owner for person in anna.persons.all()} == {anna} and not User.objects.filter(last_name="Known").exists()


def test_a_sales_rep_can_give_owners_to_users_and_to_nobody(anna, max_):
    data = csv_of(["Name", "Owner"], ["A", "X"], ["B", "Y"], ["C", "Z"])
    brought(anna, data, values={"owner": {"x": max_.pk, "y": "", "z": "me"}})
    from leads.models import Person

    assert dict(Person.objects.values_list("last_name", "owner__username")) == {"A": "max", "B": None, "C": "anna"}


def test_a_sales_rep_can_choose_neither_new_users_nor_new_list_items(anna):
    for target, column in (("owner", "Owner"), ("source", "Source")):
        with pytest.raises(ValidationError, match="cannot be matched"):
            tried(anna, csv_of(["Name", column], ["A", "X"]), values={target: {"x": "create"}})
    with pytest.raises(ValidationError, match="cannot be matched"):
        tried(anna, csv_of(["Name", "Lead Status"], ["A", "X"]), values={"lead_status": {"x": "create"}})


def test_a_column_with_hundreds_of_values_creates_nothing_by_itself(ada):
    rows = [[f"N{number}", f"user{number}@example.com", f"Industry {number}", f"C{number}"] for number in range(250)]
    before = User.objects.count()
    _source, report = brought(ada, csv_of(["Name", "Owner", "Industry", "Company"], *rows))
    assert counts(report) == {"persons_created": 250, "companies_created": 250}
    assert User.objects.count() == before and not Industry.objects.filter(name_en__startswith="Industry ").exists()


def test_but_known_names_in_it_are_matched(ada, anna):
    rows = [[f"N{number}", f"user{number}@example.com"] for number in range(250)] + [["Last", "anna@example.com"]]
    brought(ada, csv_of(["Name", "Owner"], *rows))
    assert [person.last_name for person in anna.persons.all()] == ["Last"]


NAME, STATUS = "Last name", "Lead status"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"Last Name": ""}}, "One column must be imported as"),
        ({"columns": {"Email": "last_name"}}, "Two columns are imported as"),
        ({"columns": {"Email": "owner__password"}}, "cannot be imported as"),
        ({"columns": {"Nowhere": "email"}}, "has no column"),
        ({"category": 999_999}, "Choose the category"),
        ({"category": True}, "Choose the category"),
        ({"category": None}, "Choose the category"),
        ({"category": ["Lead"]}, "Choose the category"),
        ({"category": "Nonsense"}, "There is no category “Nonsense”"),
        ({"category": ""}, "Choose the category"),
        ({"policy": "delete"}, "Choose what happens"),
        ({"values": {"email": {"a": 1}}}, "cannot be imported as"),
        ({"values": {"lead_status": {"new": 999_999}}}, "cannot be matched"),
        ({"values": {"lead_status": {"new": True}}}, "cannot be matched"),
        ({"values": {"lead_status": {"new": "me"}}}, "cannot be matched"),
        ({"values": {"lead_status": {"new": [1]}}}, "cannot be matched"),
        ({"values": {"lead_status": {"new": {}}}}, "cannot be matched"),
        ({"sources": {"external_id": "x" * 61}}, "too long"),
        ({"sources": {"external_id": 5}}, "too long"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_in_words(ada, change, message):
    source = uploaded(ada, csv_of(["LEADID", "Last Name", "Email", "Status"], ["1", "A", "a@example.com", "new"]))
    given = {
        **source.mapping,
        **{key: {**source.mapping[key], **value} if isinstance(value, dict) else value for key, value in change.items()},
    }
    with pytest.raises(ValidationError, match=message):
        mappings.check("person", given, source.facts["head"], ada)


@pytest.mark.parametrize("given", [None, [], "x", {}, {"columns": []}, {"columns": {"A": "last_name"}, "values": [1]},
                                   {"columns": {"A": "last_name"}, "values": {"owner": []}}, {"columns": {"A": "last_name"}, "sources": 1}])  # fmt: skip
def test_what_is_no_mapping_is_refused(ada, given):
    with pytest.raises(ValidationError):
        mappings.check("person", {"category": "Lead", **given} if isinstance(given, dict) else given, ["A"], ada)


def test_a_mapping_by_hand_may_give_names(ada, status, category):
    given = {
        "columns": {"A": "last_name", "B": "lead_status"},
        "category": "kunde",
        "values": {"lead_status": {"Top": "Qualifiziert"}},
    }
    made = mappings.check("person", given, ["A", "B"], ada)
    assert made["category"] == category("Customer").pk and made["values"] == {"lead_status": {"top": status("Qualified").pk}}


def test_a_deleted_list_item_or_switched_off_user_cannot_be_chosen(ada, category):
    gone = UserFactory(is_active=False)
    with pytest.raises(ValidationError, match="cannot be matched"):
        tried(ada, csv_of(["Name", "Owner"], ["A", "X"]), values={"owner": {"x": gone.pk}})
    from leads.list_items import delete_item

    delete_item(category("Supplier"), by=ada, via="admin")
    with pytest.raises(ValidationError, match="Choose the category"):
        tried(ada, csv_of(["Name"], ["A"]), category=Category.objects.get(name_en="Supplier").pk)


def test_values_chosen_before_more_letters_were_folded_stay_chosen(client, ada, anna):
    """Their keys have ø and ł as they were written (docs/decisions/0032)."""
    source = uploaded(ada, csv_of(["Name", "Owner"], ["A", "Øre Łuk"]))
    source.mapping["values"]["owner"] = {"øre łuk": anna.pk}
    source.save()
    client.force_login(ada)
    page = client.get(f"/imports/{source.pk}/?mapping=1").content.decode()
    assert f'<option value="{anna.pk}" selected>' in page
    brought(ada, csv_of(["Name", "Owner"], ["A", "Øre Łuk"]), values={"owner": {"øre łuk": anna.pk}})
    assert Person.objects.get().owner == anna
