"""The API of forms and submissions (C1–C3, A4; settled 14, 17)."""

import pytest

from capture import actions
from capture.models import Assignment, Form, Submission
from crm.history.models import ChangeSet
from crm.models import ApiToken
from leads.models import Company, Person
from tests.capture.conftest import FACEBOOK, LINKEDIN
from tests.capture.conftest import send as send_form
from tests.factories import PersonFactory

API = "/api/v1/"
FORM = {"id", "key", "address", *actions.FIELDS, "consent_version", "version", "created_at", "updated_at"}
SUBMISSION = {"id", "form", "state", "answers", "touches", "consent", "person", "known", "owner", "source", "medium", "campaign", "term", "content",
              "referrer", "version", "created_at", "updated_at"}  # fmt: skip
pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def api_of(client):
    def ask(user, method, path, body=None, **headers):
        headers["HTTP_AUTHORIZATION"] = f"Token {ApiToken.issue(user)}"
        return getattr(client, method)(API + path, body or {}, content_type="application/json", **headers)

    return ask


def body(form, **values):
    answers = {
        "person.email": "jana@nordwind.example",
        "person.last_name": "Petersen",
        "company.name": "Nordwind GmbH",
        **values.pop("answers", {}),
    }
    return {"form": form.pk, "answers": answers, **values}


def test_a4_a_form_is_read_made_changed_and_put_into_the_bin(form, mia, anna, api_of):
    shown = api_of(mia, "get", f"forms/{form.pk}/").json()
    assert set(shown) == FORM and (shown["takers"], shown["address"]) == (form.takers, form.public_path)
    assert api_of(mia, "get", "forms/?published=true&language=en&ordering=-updated_at").json()["count"] == 1
    made = api_of(mia, "post", "forms/", {"name": "Fair", "language": "en", "takers": [anna.pk],
                                          "questions": [{"name": "person.email"}, {"name": "free.1", "label": "Stand", "kind": "text"}]})  # fmt: skip
    assert made.status_code == 201 and made.json()["questions"][0]["required"] is True, made.content
    path = f"forms/{made.json()['id']}/"
    assert api_of(mia, "patch", path, {"name": "Trade fair"}).status_code == 428
    assert (
        api_of(
            mia, "patch", path, {"name": "Trade fair", "consent_text": "Yes", "consent_purpose": "News", "version": 1}
        ).status_code
        == 200
    )
    assert Form.objects.get(pk=made.json()["id"]).consent_version == 2
    assert api_of(mia, "delete", path, {"version": 2}).status_code == 204
    assert list(Form.objects.live()) == [form]


@pytest.mark.parametrize(("values", "field"), [
    ({"questions": "all"}, "questions"), ({"questions": [{"name": "person.password"}]}, "questions"), ({"sites": ["*"]}, "sites"),
    ({"takers": [999_999]}, "takers"), ({"by_country": []}, "by_country"), ({"criteria": [1]}, "criteria"), ({"rule": "dice"}, "rule"),
    ({"questions": [{"name": []}]}, "questions"), ({"questions": [{"name": "free.1", "label": "A", "kind": {}}]}, "questions"),
    ({"criteria": [{"field": [], "operator": "is"}]}, "criteria"), ({"criteria": [{"field": "person.email", "operator": []}]}, "criteria"),
    ({"key": "mine"}, "key"), ({"redirect_url": "https://evil.example"}, "redirect_url"), ({"owner": None}, "owner"),
])  # fmt: skip
def test_t08_what_makes_no_form_is_a_400_at_its_field(form, mia, api_of, values, field):
    answer = api_of(mia, "post", "forms/", {"name": "Fair", **values})
    assert answer.status_code == 400 and field in answer.json(), answer.content
    assert api_of(mia, "patch", f"forms/{form.pk}/", {**values, "version": form.version}).status_code == 400
    assert list(Form.objects.all()) == [form]


def test_c2_c3_what_another_source_hands_over_becomes_a_lead_as_by_the_form_itself(form, mia, anna, api_of, status):
    answer = api_of(mia, "post", "submissions/", body(form, touches={"first": LINKEDIN, "latest": FACEBOOK}))
    assert answer.status_code == 201 and set(answer.json()) == SUBMISSION, answer.content
    person = Person.objects.get()
    assert (answer.json()["state"], answer.json()["person"], answer.json()["known"], answer.json()["campaign"]) == (
        "accepted",
        person.pk,
        False,
        "summer",
    )
    assert (person.owner, person.lead_status, person.company.category.name_en) == (anna, status("Open"), "Lead")
    assert (person.origin.first_source, person.origin.lead_source, person.company.origin.source) == (
        "linkedin",
        "facebook",
        "facebook",
    )
    assert Assignment.objects.get().user == anna
    kept = ChangeSet.objects.filter(action__startswith="submission")
    assert {(one.by, one.via) for one in kept} == {(mia, "api")}
    again = api_of(mia, "post", "submissions/", body(form, answers={"person.last_name": "Other"}))
    assert again.json()["known"] is True and Person.objects.get().last_name == "Petersen"
    listed = api_of(mia, "get", f"submissions/?form={form.pk}&known=true&conversion_source__empty=1").json()
    assert [one["id"] for one in listed["results"]] == [again.json()["id"]]
    assert api_of(mia, "get", f"submissions/{answer.json()['id']}/").json() == answer.json()


def test_t43_with_a_key_it_comes_in_once_however_often_it_is_sent(form, mia, ada, api_of):
    first = api_of(mia, "post", "submissions/", body(form), HTTP_IDEMPOTENCY_KEY="crm-7")
    again = api_of(mia, "post", "submissions/", body(form), HTTP_IDEMPOTENCY_KEY="crm-7")
    assert (
        (first.status_code, again.status_code) == (201, 201) and first.json() == again.json() and Submission.objects.count() == 1
    )
    other = body(form, answers={"person.email": "other@example.com"})
    assert api_of(mia, "post", "submissions/", other, HTTP_IDEMPOTENCY_KEY="crm-7").status_code == 422
    assert api_of(ada, "post", "submissions/", other, HTTP_IDEMPOTENCY_KEY="crm-7").status_code == 201, "a key is its user's own"
    for _number in range(2):
        api_of(mia, "post", "submissions/", body(form))
    assert Submission.objects.count() == 4
    assert api_of(mia, "post", "submissions/", body(form), HTTP_IDEMPOTENCY_KEY="k" * 101).status_code == 400


@pytest.mark.parametrize(("wrong", "field"), [
    ({"person.email": "no"}, "answers.person.email"), ({"person.email": None}, "answers.person.email"), ({"person.email": ["a@example.com"]}, "answers.person.email"),
    ({"person.last_name": "A\r\nBcc: all@example.com"}, "answers.person.last_name"), ({"person.last_name": "A\x00"}, "answers.person.last_name"),
    ({"shoe": "45"}, "answers.shoe"), ({"free.1": True}, "answers.free.1"), ({"free.1": "x" * 6_000}, "answers.free.1"), ({"person.owner": "1"}, "answers.person.owner"),
])  # fmt: skip
def test_t34_an_answer_that_is_wrong_is_a_400_that_names_it(form, mia, api_of, wrong, field):
    answer = api_of(mia, "post", "submissions/", body(form, answers=wrong))
    assert answer.status_code == 400 and field in answer.json(), answer.content
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"answers": []},
        {"touches": []},
        {"touches": {"last": {}}},
        {"state": "spam"},
        {"person": 1},
        {"form": 999_999},
        {"consent": "perhaps"},
    ],
)
def test_t08_what_is_not_to_be_sent_is_refused(form, mia, api_of, values):
    assert api_of(mia, "post", "submissions/", {**body(form), **values}).status_code == 400
    assert not Submission.objects.exists()


def test_c2_touches_that_make_no_sense_lose_no_lead(form, mia, api_of):
    for value in (1, [], {"source": ["a"]}, {"source": "x", "at": 10**400}, {"source": "spring \ud83c", "campaign": "\udf3c"}):
        assert api_of(mia, "post", "submissions/", body(form, touches={"first": value})).status_code == 201


def test_a5_a_consent_is_handed_over_and_needed_where_the_form_needs_it(form, mia, api_of):
    actions.edit_form(form, {"consent_text": "Yes.", "consent_purpose": "Mail", "consent_required": True}, by=mia, via="card")
    assert "consent" in api_of(mia, "post", "submissions/", body(form)).json()
    answer = api_of(mia, "post", "submissions/", body(form, consent=True))
    assert answer.json()["consent"] is True and Person.objects.get().consents.get().purpose == "Mail"


def test_a1_who_only_reads_or_does_not_see_the_form_hands_nothing_over(form, rita, max_, anna, api_of):
    assert api_of(rita, "post", "submissions/", body(form)).status_code == 403
    assert api_of(max_, "post", "submissions/", body(form)).status_code == 400, "the form is Mia's, and Max sees his own team's"
    assert api_of(rita, "patch", f"forms/{form.pk}/", {"name": "x", "version": 1}).status_code == 403
    assert not Submission.objects.exists()


def test_settled_17_a_match_one_may_not_see_is_only_said_to_exist(anna, max_, api_of, client):
    hidden = PersonFactory(by=anna, company=None, first_name="Jana", last_name="Geheim", email="jana@nordwind.example")
    form = actions.create_form({"name": "Max asks", "takers": [max_.pk]}, by=max_, via="form")
    answer = api_of(max_, "post", "submissions/", body(form))
    assert answer.status_code == 201 and (answer.json()["known"], answer.json()["person"]) == (True, None)
    submission = Submission.objects.get()
    assert submission.person == hidden
    assert api_of(max_, "get", "submissions/").json()["results"][0]["person"] is None
    client.force_login(max_)
    for path in (submission.get_absolute_url(), "/submissions/", "/submissions/?cols=name,person"):
        text = client.get(path).content.decode()
        assert "already exists" in text and "Geheim" not in text, path
    exported = b"".join(client.get("/submissions/export.csv?cols=name,person").streaming_content).decode()
    assert "Geheim" not in exported and "already exists" in exported
    rows = {query: client.get(f"/submissions/?{query}").content.decode().count("data-row data-id") for query in (
        "person__contains=geheim", "person__not_contains=geheim", f"person={hidden.pk}", "person__contains=xx", "person__not_contains=xx")}  # fmt: skip
    assert list(rows.values()) == [0, 1, 0, 0, 1]
    client.force_login(anna)
    assert "Geheim" in client.get(submission.get_absolute_url()).content.decode()


@pytest.mark.parametrize("many", [2, 12])
def test_t63_lists_ask_a_constant_number_of_questions(form, mia, api_of, many, django_assert_max_num_queries):
    for number in range(many):
        send_form(form, f"k{number}", email=f"p{number}@example.com", company=f"C{number}")
    for path in ("submissions/", "forms/"):
        with django_assert_max_num_queries(12):
            assert api_of(mia, "get", path).json()["count"] in {1, many}
    assert Company.objects.count() == many
