"""What somebody might try through lists and the API, generated from fields, filters and models (T04, T05, T07, T08, T11, T29)."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from activities.api import ActivitySerializer
from activities.models import Activity
from crm import access, api, records, search
from crm.filters import parameters_of
from crm.models import ApiToken, Role, User
from leads import actions
from leads.api import CompanySerializer, PersonSerializer
from leads.models import Company, Person
from sales.api import SaleSerializer
from sales.models import Sale
from tests.crm.test_routes import digest
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, arrange
from tests.leads.test_api import asked

API = "/api/v1/"
SERIALIZERS = {"companies": CompanySerializer, "persons": PersonSerializer, "activities": ActivitySerializer}
MODELS = {"companies": Company, "persons": Person, "activities": Activity}


@pytest.fixture
def theirs(anna, category):
    """Anna's records, of which Max of another team sees nothing."""
    company = CompanyFactory(by=anna, name="Nordwind", category=category("Lead"))
    person = PersonFactory(by=anna, company=company)
    sale = SaleFactory(by=anna, company=company, person=person)
    return {"companies": company, "persons": person, "activities": ActivityFactory(by=anna, person=person), "sales": sale}


@pytest.fixture
def mine(max_, category):
    company = CompanyFactory(by=max_, name="Helios", category=category("Lead"))
    person = PersonFactory(by=max_, company=company)
    sale = SaleFactory(by=max_, company=company, person=person)
    return {"companies": company, "persons": person, "activities": ActivityFactory(by=max_, person=person), "sales": sale}


def send(client, method, path, body):
    return getattr(client, method)(API + path, body, content_type="application/json")


@pytest.fixture
def nobodys(anna, category):
    """A company of nobody's, which everybody sees, with a person, a sale and follow-ups of Anna's, which Max does not."""
    company = CompanyFactory(by=anna, name="Nordwind", category=category("Lead"), owner=None)
    person = PersonFactory(by=anna, company=company)
    sale = SaleFactory(by=anna, company=company, person=person)
    return {"companies": company, "persons": person, "activities": ActivityFactory(by=anna, person=person), "sales": sale}


@pytest.mark.parametrize("what", ["persons", "sales"])
@pytest.mark.parametrize("keep", [True, False])
def test_a1_a_company_of_nobodys_does_not_go_with_what_others_have_there(client, nobodys, anna, max_, what, keep):
    company = nobodys["companies"]
    arrange(MODELS["persons"].objects.all(), **({"deleted_at": timezone.now()} if what == "sales" else {}))
    arrange(Sale.objects.all(), **({"deleted_at": timezone.now()} if what == "persons" else {}))
    client.force_login(max_)
    with pytest.raises(PermissionDenied, match="Records of others"):
        actions.delete(company, keep_persons=keep, by=max_, via="card")
    mine = CompanyFactory(by=max_, name="Helios")
    many = actions.delete(Company.objects.all(), keep_persons=keep, by=max_, via="bulk")
    assert many.changed == 1 and [pk for pk, _reason in many.left] == [company.pk]
    mine.refresh_from_db()
    assert mine.deleted_at
    refused = client.delete(f"{API}companies/{company.pk}/", HTTP_IF_MATCH=f'"{company.version}"')
    assert refused.status_code == 403 and "Records of others" in refused.json()["detail"]
    dialog = client.get(f"/companies/{company.pk}/delete/")
    assert dialog.status_code == 403 and "Records of others" in dialog.content.decode()
    assert client.post(f"/companies/{company.pk}/delete/", {"keep_persons": keep and "1"}).status_code == 403
    nobodys[what].refresh_from_db()
    assert nobodys[what].deleted_at is None and nobodys[what].company_id == company.pk
    assert actions.delete(company, keep_persons=keep, by=anna, via="card").changed == 1


def test_settled_14_a_follow_up_of_a_person_is_not_lent_by_a_company_of_nobodys(client, nobodys, anna, max_):
    hidden = nobodys["activities"]
    shown = ActivityFactory(by=anna, person=None, company=nobodys["companies"], subject="Of the company")
    assert hidden.company == nobodys["companies"]
    client.force_login(max_)
    of_sale = ActivityFactory(by=anna, person=None, sale=nobodys["sales"], subject="Of the sale")
    arrange(Activity.objects.filter(pk=of_sale.pk), person=None)
    listed = client.get(f"{API}activities/").json()["results"]
    assert [one["id"] for one in listed] == [shown.pk]
    page = client.get(f"/companies/{nobodys['companies'].pk}/timeline/").content.decode()
    assert (
        "Of the company" in page
        and "Of the sale" not in page
        and hidden.subject not in page
        and nobodys["persons"].last_name not in page
    )
    assert client.get(f"/follow-ups/{hidden.pk}/").status_code == 404
    assert not Activity.objects.visible_to(max_).filter(pk=hidden.pk).exists()
    # Nor does the list of companies say what is planned there.
    planned = ActivityFactory(by=anna, person=nobodys["persons"], due_at="2030-01-31T09:00Z")
    assert planned.subject not in client.get("/companies/?cols=name,next_activity_at").content.decode()
    arrange(Activity.objects.filter(pk=shown.pk), due_at="2030-02-01T09:00Z")
    assert "Of the company" in client.get("/companies/?cols=name,next_activity_at").content.decode()
    # Owning the company still lends what its persons have, also of those who have left it since.
    arrange(Company.objects.filter(pk=nobodys["companies"].pk), owner=max_)
    assert Activity.objects.visible_to(max_).filter(pk=hidden.pk).exists()


# --- T04: exactly what one may see ------------------------------------------------------------------------------------


def sees(user, scope, owner, colleagues, lent=()):
    """The rule in plain words (settled 14), apart from crm.access."""
    circle = colleagues if scope == "team" else {user.pk}
    return scope == "all" or owner in circle or (scope == "team" and owner is None) or any(one in circle for one in lent)


@pytest.mark.parametrize("see", ["own", "team", "all"])
def test_t04_lists_counts_search_files_and_follow_ups_show_exactly_what_one_may_see(client, anna, jan, max_, teams, see):
    role = Role.objects.create(code="watcher", name_en="Watcher", name_de="Beobachter", see=see, edit="own")
    companies = [CompanyFactory(by=anna, name=f"Firma {n}") for n in range(4)]
    people = [PersonFactory(by=anna, company=companies[n % 5] if n % 5 < 4 else None, last_name=f"Mensch {n}") for n in range(8)]
    todo = [ActivityFactory(by=anna, person=person) for person in people]
    owners = [None, anna.pk, jan.pk, max_.pk]
    colleagues = {anna.pk, jan.pk}
    User.objects.filter(pk=anna.pk).update(role=role)
    user = User.objects.get(pk=anna.pk)
    client.force_login(user)

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.sampled_from(owners), min_size=12, max_size=12))
    def holds(chosen):
        owner = dict(zip([*companies, *people], chosen, strict=True))
        for record, pk in owner.items():
            arrange(type(record).objects.filter(pk=record.pk), owner=pk)
        seen = {company.pk for company in companies if sees(user, see, owner[company], colleagues)}
        met = {person.pk for person in people
               if sees(user, see, owner[person], colleagues, [owner[person.company]] if person.company else [])}  # fmt: skip
        due = {one.pk for one in todo if one.person_id in met or (one.company_id in seen and owner[one.company])}
        for path, right in (("companies", seen), ("persons", met), ("activities", due)):
            answer = client.get(f"{API}{path}/?page_size=200").json()
            assert ({row["id"] for row in answer["results"]}, answer["count"]) == (right, len(right)), path
        assert {row["id"] for row in client.get(f"{API}persons/?search=mensch").json()["results"]} == met
        file = b"".join(client.get("/persons/export.csv?cols=name").streaming_content).decode()
        assert {person.pk for person in people if person.last_name in file} == met
        assert {hit.pk for hit in search.find(user, "mensch", 30).get("person", [])} == met
        for model, right in ((Company, seen), (Person, met)):  # what links go by
            assert {one.pk for one in model.objects.all() if access.sees(user, one)} == right

    holds()


# --- T05: ids of others in a body ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*SERIALIZERS, "sales"])
def test_t05_an_id_one_may_not_see_is_as_one_that_is_not_there(client, max_, mine, theirs, path):
    client.force_login(max_)
    hidden = {"company": theirs["companies"].pk, "person": theirs["persons"].pk, "sale": theirs["sales"].pk}
    start = {
        "companies": {"name": "New"},
        "persons": {"last_name": "New"},
        "activities": {"subject": "New", "company": mine["companies"].pk},
        "sales": {"name": "New", "company": mine["companies"].pk},
    }
    fields = {**SERIALIZERS, "sales": SaleSerializer}[path]().fields
    choices = {name for name, field in fields.items() if isinstance(field, api.Choice) and field.visible}
    known = {
        "companies": set(),
        "persons": {"company"},
        "activities": {"person", "company", "sale"},
        "sales": {"person", "company"},
    }
    assert choices == known[path]
    before = digest()
    for name in choices:
        for pk in (hidden[name], 999_999, -1, 2**63, 10**30, str(hidden[name]), [hidden[name]], {"id": hidden[name]}, True, 1.5):
            answers = [send(client, "post", f"{path}/", {**start[path], name: pk}),
                       send(client, "patch", f"{path}/{mine[path].pk}/", {name: pk, "version": 1})]  # fmt: skip
            for answer in answers:
                assert answer.status_code == 400 and set(answer.json()) == {name}, (name, pk, answer.content)
    assert digest() == before


@pytest.mark.parametrize("url", ["/persons/act/status/", "/persons/act/owner/", "/persons/act/delete/", "/leads/act/status/", "/companies/act/delete/",
                                 "/companies/act/category/", "/bin/restore/?of=person", "/bin/restore/?of=company"])  # fmt: skip
def test_t05_ticked_rows_of_others_are_left_alone(client, max_, anna, theirs, status, category, url):
    client.force_login(max_)
    gone = PersonFactory(by=anna, company=None)
    actions.delete(gone, by=anna, via="card")
    value = {"status": status("Qualified").pk, "owner": max_.pk, "category": category("Customer").pk}.get(
        url.split("/")[3] if "act" in url else "", ""
    )
    before = digest()
    ids = f"{theirs['persons'].pk},{theirs['companies'].pk},{gone.pk}"
    for data in ({"ids": ids, "go": "1", "value": value}, {"everything": "1", "count": "3", "go": "1", "value": value}):
        assert client.post(url, data, HTTP_HX_REQUEST="true").status_code in {200, 204, 422}
    assert digest() == before


# --- T07: what one may not read tells nothing ---------------------------------------------------------------------------


def test_t07_a_hidden_company_tells_no_more_than_its_name_and_category(client, anna, max_, theirs):
    """Max may see a person whose company he may not: two worlds that differ only in that company look alike to him."""
    person, company = theirs["persons"], theirs["companies"]
    actions.set_owner(person, max_, by=anna, via="card")
    client.force_login(max_)
    queries = [f"persons/?search={text}" for text in ("secret", "bremen", "0421", "k-77")]
    queries += [
        f"persons/?ordering={sign}{name}"
        for name, field in records.get("person").fields.items()
        if field.sort
        for sign in ("", "-")
    ]
    queries += [f"persons/?company__contains={text}" for text in ("secret", "bremen")] + ["companies/", "activities/"]

    def looks():
        return [client.get(API + query).content for query in queries] + [client.get("/persons/export.csv").getvalue()]

    before = looks()
    arrange(Company.objects.filter(pk=company.pk), street="Secret Street 5", phone="+49 421 555 0142", email="secret@example.com", number="K-77",
            website="secret.example", stop=True, no_mailings=True)  # fmt: skip
    actions.edit_company(company, {"city": "Bremen"}, by=User.objects.filter(role__administers=True).first() or anna, via="card")
    assert looks() == before


def test_settled_14_cards_tell_no_more_of_what_is_hidden_than_lists_and_lead_to_nothing_that_is_not_there(
    client, anna, max_, theirs
):
    person, company, sale = theirs["persons"], theirs["companies"], theirs["sales"]
    actions.edit_company(company, {"city": "Bremen"}, by=anna, via="card")
    other = PersonFactory(by=anna, company=company)
    own = SaleFactory(by=anna, company=company, person=other)
    follow_up = ActivityFactory(by=anna, person=person, sale=sale, due_at="2030-01-31T09:00Z")
    actions.set_owner(person, max_, by=anna, via="card")
    arrange(Sale.objects.filter(pk=own.pk), owner=max_)
    pages = [*(f"/persons/{person.pk}/{part}" for part in ("", "head/", "facts/", "edit/", "timeline/", "next/")),
             f"/sales/{own.pk}/", f"/follow-ups/{follow_up.pk}/"]  # fmt: skip
    hidden = [
        "Bremen",
        f'href="/companies/{company.pk}/',
        f'href="/sales/{sale.pk}/',
        f'href="/persons/{other.pk}/',
        f"{sale.name}<",
    ]
    for user, told in ((max_, False), (anna, True)):
        client.force_login(user)
        found = "".join(client.get(page).content.decode() for page in pages)
        assert company.name in found and [text in found for text in hidden] == [told] * len(hidden), user


# --- T08: only what is documented changes -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SERIALIZERS)
def test_t08_every_column_that_is_not_a_field_of_the_api_is_refused(client, max_, mine, path):
    client.force_login(max_)
    serializer, model = SERIALIZERS[path](), MODELS[path]
    needed = {"companies": "name", "persons": "last_name", "activities": "subject"}[path]
    writable = {name for name, field in serializer.fields.items() if not field.read_only}
    columns = {field.attname for field in model._meta.concrete_fields} | {field.name for field in model._meta.get_fields()}
    others = (
        (columns | {"role", "is_admin", "is_staff", "history", "pk", "visible", "__class__", "save", "change_set"})
        - writable
        - {"version"}
    )
    assert {"deleted_at", "created_at", "id", "owner_id"} <= others
    before, shown = digest(), client.get(f"{API}{path}/{mine[path].pk}/").json()
    for name in sorted(others):
        for value in (1, None):
            if name in shown and shown[name] == value:
                continue  # sent back as it is
            changed = send(client, "patch", f"{path}/{mine[path].pk}/", {name: value, "version": 1})
            assert changed.status_code == 400 and set(changed.json()) == {name}, (name, value, changed.content)
        made = send(client, "post", f"{path}/", {needed: "New", name: 1})
        assert made.status_code == 400 and name in made.json()
    assert send(client, "post", f"{path}/", {"version": 7}).json()["version"]
    assert digest() == before


def test_t08_a_form_takes_nothing_it_did_not_ask_for(client, max_, anna, mine):
    client.force_login(max_)
    person = mine["persons"]
    data = {"title": "CTO", "was-title": "", "version": 1, "owner": anna.pk, "is_lead": "", "deleted_at": "2026-01-01", "category": 5, "company": "",
            "lead_status": 3, "version_": 9, "email_key": "x"}  # fmt: skip
    before = Person.objects.values().get(pk=person.pk)
    assert client.post(f"/persons/{person.pk}/facts/title/", data, HTTP_HX_REQUEST="true").status_code == 204
    after = Person.objects.values().get(pk=person.pk)
    assert {name for name in after if after[name] != before[name]} == {"title", "version", "updated_at"}


# --- T11: tokens --------------------------------------------------------------------------------------------------------


def test_t11_a_token_ends_with_its_revocation_and_its_user(theirs, anna):
    client, token = Client(), ApiToken.issue(anna)
    header = {"HTTP_AUTHORIZATION": f"Token {token}"}
    assert client.get(f"{API}persons/", **header).status_code == 200
    User.objects.filter(pk=anna.pk).update(role=Role.objects.get(code="read_only"))
    assert client.patch(
        f"{API}persons/{theirs['persons'].pk}/", {"version": 1}, content_type="application/json", **header
    ).status_code in {200, 403}
    assert client.post(f"{API}companies/", {"name": "x"}, content_type="application/json", **header).status_code == 403
    ApiToken.objects.update(revoked_at="2026-01-01T00:00Z")
    assert client.get(f"{API}persons/", **header).status_code == 401
    # A token opens the API and nothing else.
    ApiToken.objects.update(revoked_at=None)
    assert client.get("/persons/", **header).status_code == 302
    for wrong in ("", "Token", "Token a b", f"Bearer {token}", f"Token {token}x", f"token {token[:-1]}", "Token \xff"):
        assert client.get(f"{API}persons/", HTTP_AUTHORIZATION=wrong).status_code == 401, wrong


# --- T29: questions nobody would ask ------------------------------------------------------------------------------------

NAMES = ["owner__password", "owner__role__administers", "company__owner__password", "_connector", "_negated", "pk", "id", "id__in", "deleted_at", "version",
         "is_lead", "name__regex", "name__isnull", "name__contains__contains", "__", "name__", "owner__in__in", "lead_status__kind__in__x", "a" * 5_000,
         "name\x00", "company_key", "history", "search__x", "ordering__x", "sql", "name) OR 1=1 --"]  # fmt: skip
VALUES = ["\x00", "1e1000000", "9" * 400, "-1", "1.5", "NaN", "0x10", "[]", "{}", "null", "true,false", "2026-02-30", "9999-12-31T23:59:59.999999Z", "0001-01-01",
          "2026-01-01T00:00:00+99:99", "1' OR '1'='1", "%", "_", "\\", "a" * 401, "x,y,z", ",", ",,1", " ", "me,me", "＃", "١٢"]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["api/v1/persons/", "api/v1/companies/", "api/v1/activities/", "persons/", "companies/", "leads/"]
)
def test_t29_a_filter_that_is_none_is_refused_and_named(client, anna, theirs, path):
    client.force_login(anna)
    for name in NAMES:
        answer = client.get(f"/{path}", {name: "1"})
        assert answer.status_code == 400, (name, answer.status_code)
        assert b"Jana" not in answer.content


#: One filter for each kind of field and operator: (record type, name).
KINDS = {
    (type(described).__name__, operator): (record, name)
    for record in records.every()
    for name, (described, operator) in parameters_of(record).items()
}


@pytest.mark.parametrize("value", VALUES)
def test_t29_a_value_is_understood_or_refused_and_never_breaks_anything(rf, anna, theirs, value):
    tried = [*KINDS.values(), *((record, name) for record in records.every() for name in ("search", "ordering"))]
    for record, name in tried:
        try:
            asked(rf, anna, record, **{name: value})
        except ValidationError as refused:
            assert set(refused.detail) == {name}
