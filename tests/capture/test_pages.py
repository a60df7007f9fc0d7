"""The pages on which marketers make forms and look at what came in (C1, C3, C4)."""

import json
import re

import pytest
from django.urls import reverse

from capture import actions
from capture.models import Form, Submission
from crm import criteria, records
from crm.fields import Asking
from crm.history.words import of_field
from dashboards.filters import Filters
from dashboards.tiles import count as tiles
from dashboards.tiles import spec
from dashboards.tiles.question import Question
from leads.models import Company, Person
from tests.capture.conftest import FACEBOOK, LINKEDIN, send

OTHERS = "%"  # the key of the values that are not named
HTMX = {"HTTP_HX_REQUEST": "true"}


def ask(record, field, operator, value, user):
    tree = {"version": 1, "all": [{"field": field, "operator": operator, "value": value}]}
    return criteria.condition(records.get(record), tree, Asking(user))


def test_c1_a_marketer_makes_a_form_with_fields_of_the_catalogue_and_of_their_own(mia, client_of):
    client = client_of(mia)
    answer = client.post("/forms/new/", {"name": "Trade fair", "language": "en", "owner": mia.pk, "title": "", "source": ""})
    form = Form.objects.get()
    assert answer.headers["Location"] == form.get_absolute_url() and form.takers == [mia.pk]
    sent = {
        "version": form.version, "use-free-1": "on", "label-free-1": "Stand", "kind-free-1": "choice", "choices-free-1": "Hall 1\nHall 2\n",
        "use-person-email": "on", "use-person-last_name": "on", "required-person-last_name": "on", "help-person-last_name": "As on your badge",
    }  # fmt: skip
    assert client.post(f"/forms/{form.pk}/fields/", sent, **HTMX).status_code == 204
    form.refresh_from_db()
    assert [one["name"] for one in form.questions] == ["free.1", "person.email", "person.last_name"]
    assert form.questions[0]["choices"] == ["Hall 1", "Hall 2"] and form.questions[1]["required"] is True
    preview = client.get(f"/forms/{form.pk}/publish/").content.decode()
    assert "Hall 2" in preview and "As on your badge" in preview and form.key in preview


def test_c1_the_page_of_forms_offers_a_new_one_to_who_may_make_one(form, mia, rita, client_of):
    def links(user):
        return client_of(user).get("/forms/").content.decode().count('href="/forms/new/"')

    assert (links(mia), links(rita)) == (2, 0)  # beside the title, and in the menu *New*
    assert client_of(mia).get("/selections/").content.decode().count('href="/selections/new/"') == 2  # with an empty list its own


def test_c1_a_form_is_published_on_its_tab_and_taken_offline(form, mia, anna, client_of):
    address = f"/forms/{form.pk}/publish/"
    for published, words in ((False, b"Take offline"), (True, b"Take offline")):
        form.refresh_from_db()
        answer = client_of(mia).post(address, {"published": str(int(published)), "version": form.version}, **HTMX)
        form.refresh_from_db()
        assert answer.status_code == 204 and form.published == published
        assert (words in client_of(mia).get(address).content) == published
    assert client_of(mia).post(address, {"published": "0", "version": form.version - 1}, **HTMX).status_code == 422
    text = client_of(mia).get(address).content.decode()
    assert text.count("data-copy=") == 2


def test_u3_a_field_of_ones_own_without_a_label_is_told_at_that_field(form, mia, client_of):
    sent = {"version": form.version, "use-person-email": "on", "use-free-1": "on", "use-free-2": "on", "label-free-2": "Stand"}
    text = client_of(mia).post(f"/forms/{form.pk}/fields/", sent, **HTMX).content.decode()
    assert text.count("A field of your own needs a label.") == 1 and 'aria-describedby="wrong-free-1"' in text


@pytest.mark.parametrize("wrong", [
    {"use-person-last_name": "on"},  # without the e-mail
    {"use-person-email": "on", "use-free-1": "on", "kind-free-1": "text"},  # without a label
    {"use-person-email": "on", "use-free-1": "on", "label-free-1": "One", "kind-free-1": "choice", "choices-free-1": "only one"},
    {"use-person-email": "on", "use-free-1": "on", "label-free-1": "x" * 121, "kind-free-1": "text"},
])  # fmt: skip
def test_c1_fields_that_cannot_be_asked_are_refused_and_stay_on_the_page(form, mia, client_of, wrong):
    before = form.questions
    answer = client_of(mia).post(f"/forms/{form.pk}/fields/", {"version": form.version, **wrong}, **HTMX)
    form.refresh_from_db()
    assert answer.status_code == 422 and b'role="alert"' in answer.content and form.questions == before


def test_c3_the_rule_is_set_on_its_tab_and_the_ledger_tells_what_it_did(form, mia, anna, jan, max_, client_of):
    client = client_of(mia)
    sent = {"version": form.version, "rule": "country", "takers": [anna.pk], "country": ["AT", ""], "country-user": [max_.pk, ""]}
    assert client.post(f"/forms/{form.pk}/assignment/", sent, **HTMX).status_code == 204
    form.refresh_from_db()
    assert (form.rule, form.takers, form.by_country) == ("country", [anna.pk], {"AT": max_.pk})
    anna.is_active = False
    anna.save()
    send(form)
    text = client.get(f"/forms/{form.pk}/assignment/").content.decode()
    assert "Anna Kraft: switched off" in text and "Nobody" in text


def test_r17_a_stale_tab_does_not_overwrite(form, mia, client_of):
    answer = client_of(mia).post(f"/forms/{form.pk}/fields/", {"version": form.version - 1, "use-person-email": "on"}, **HTMX)
    assert answer.status_code == 422 and "in the meantime" in answer.content.decode()


@pytest.mark.parametrize("tab", ["fields", "assignment"])
def test_r17_a_second_click_on_a_stale_tab_does_not_overwrite_either_and_there_is_a_way_on(form, mia, anna, client_of, tab):
    client, address = client_of(mia), f"/forms/{form.pk}/{tab}/"
    stale = form.version
    actions.edit_form(form, {"takers": [mia.pk], "questions": form.questions[::-1]}, by=mia, via="api")
    form.refresh_from_db()
    kept = (form.takers, form.questions)
    sent = {
        "version": stale,
        "rule": "turns",
        "takers": [anna.pk],
        "use-person-email": "on",
        "label-person-email": "As I typed it",
    }
    for _click in range(2):
        answer = client.post(address, sent, **HTMX)
        text = answer.content.decode()
        assert answer.status_code == 422 and "in the meantime" in text and f'href="/forms/{form.pk}/?tab={tab}"' in text
        sent["version"] = re.search(r'name="version" value="(\d+)"', text)[1]
    assert tab == "assignment" or "As I typed it" in text
    form.refresh_from_db()
    assert (form.takers, form.questions) == kept
    fresh = client.get(address).content.decode()
    assert f'name="version" value="{form.version}"' in fresh and f"?tab={tab}" not in fresh


def lines_of(html):
    """Return what is chosen or typed in the lines of the tab *Assignment*, empty ones left out."""
    lines = [
        [re.search(r'value="([^"]*)" selected', part) for part in re.findall(r"<select.*?</select>", line)]
        for line in re.findall(r'<div class="line-of">(.*?)</div>', html, re.DOTALL)
    ]
    found = [[one[1] if one else "" for one in line] for line in lines]
    return [line for line in found if any(one for one in line if one != "is")]


@pytest.mark.parametrize(("wrong", "told"), [
    ({"rule": "dice"}, "valid choice"), ({"takers": [10**6]}, "valid choice"), ({"country": ["AT", "DE"]}, "lacks"), ({"country-user": ["MAX", "MAX"]}, "lacks"),
    ({"country": ["AT", "AT"], "country-user": ["MAX", "MAX"]}, "twice"), ({"user": [""]}, "has no field"), ({"field": [""]}, "has no field"),
    ({"field": ["person.phone"]}, "not on the form"),
])  # fmt: skip
def test_u3_no_line_of_the_assignment_is_lost_when_something_is_wrong(form, mia, max_, anna, client_of, wrong, told):
    form_before = (form.rule, form.by_country, form.criteria)
    sent = {"version": form.version, "rule": "country", "takers": [anna.pk], "country": ["AT", ""], "country-user": ["MAX", ""],
            "field": ["person.email"], "operator": ["contains"], "value": ["nordwind"], "user": ["MAX"], **wrong}  # fmt: skip
    for name in ("country-user", "user"):
        sent[name] = [str(max_.pk) if one == "MAX" else one for one in sent[name]]
    answer = client_of(mia).post(f"/forms/{form.pk}/assignment/", sent, **HTMX)
    text = answer.content.decode()
    assert answer.status_code == 422 and told in text and 'value="nordwind"' in text
    asked = [name for name in sent["field"] if name != "person.phone"] or [""]
    countries = [list(pair) for pair in zip(sent["country"], sent["country-user"], strict=True) if any(pair)]
    assert lines_of(text) == [*countries, [asked[0], "contains", sent["user"][0]]]
    form.refresh_from_db()
    assert (form.rule, form.by_country, form.criteria) == form_before


def test_c3_a_line_of_a_user_who_is_switched_off_stays_as_it_is(form, mia, max_, anna, client_of):
    actions.edit_form(form, {"by_country": {"AT": max_.pk}, "takers": [anna.pk]}, by=mia, via="card")
    max_.is_active = False
    max_.save()
    form.refresh_from_db()
    client, address = client_of(mia), f"/forms/{form.pk}/assignment/"
    ((country, user),) = lines_of(client.get(address).content.decode())
    sent = {"version": form.version, "rule": "country", "takers": [anna.pk], "country": [country], "country-user": [user]}
    assert client.post(address, sent, **HTMX).status_code == 204
    form.refresh_from_db()
    assert (form.rule, form.by_country) == ("country", {"AT": max_.pk})


def test_c4_utm_fields_are_columns_filters_groups_and_criteria(form, mia, client_of):
    send(form, "a", first=LINKEDIN, latest=FACEBOOK, email="a@example.com")
    send(form, "b", first=LINKEDIN, latest=LINKEDIN, email="b@example.com", company="Other")
    send(form, "c", email="c@example.com", company="Third")
    client = client_of(mia)
    text = client.get("/persons/?cols=name,first_touch_source,lead_creation_campaign&group=lead_creation_source").content.decode()
    assert "facebook" in text and "linkedin" in text
    for address, count in (("lead_creation_source=facebook", 1), ("lead_creation_source=face", 0), ("first_touch_source__contains=linked", 2),
                           ("lead_creation_source__empty=1", 1), ("sort=-first_touch_source", 3), ("first_touch_at__last_days=1", 2)):  # fmt: skip
        text = client.get(f"/persons/?{address}").content.decode()
        assert text.count("data-row data-id") == count, address
    assert Person.objects.filter(ask("person", "lead_creation_campaign", "is", "Summer", mia)).count() == 1
    assert Person.objects.filter(ask("person", "first_touch_source", "is_not", "linkedin", mia)).count() == 1
    assert Person.objects.filter(ask("person", "submissions.number", "gte", "1", mia)).count() == 3
    assert Company.objects.filter(ask("company", "company_source_source", "is", "facebook", mia)).count() == 1
    assert Submission.objects.filter(ask("submission", "conversion_source", "is", "linkedin", mia)).count() == 1


def test_c4_the_parts_of_a_utm_field_hold_every_record_once(form, mia):
    send(form, "a", first=LINKEDIN, latest=FACEBOOK, email="a@example.com")
    send(form, "b", email="b@example.com")
    field, asking = records.get("person").fields["first_touch_source"], Asking(mia)
    counts = {part.key: Person.objects.filter(part.q).count() for part in field.parts(asking)}
    assert counts == {"linkedin": 1, "": 1}
    rows = Person.objects.values(*field.part_columns)
    assert sorted(field.part_key(row, asking) for row in rows) == ["", "linkedin"]


def test_c1_submissions_are_seen_by_those_who_see_the_person_or_the_form(form, anna, max_, mia, client_of):
    submission = send(form)
    for user, status in ((anna, 200), (mia, 200), (max_, 404)):
        assert client_of(user).get(submission.get_absolute_url()).status_code == status
    spam = send(form, "spam", why="trap", email="s@example.com")
    assert client_of(anna).get(spam.get_absolute_url()).status_code == 404, "it belongs to nobody yet, and the form is Mia's"


def ids_in(client):
    return re.findall(r'name="ids" value="(\d+)"', client.get("/submissions/mine/").content.decode())


def test_c3_i_have_seen_it_is_said_of_what_was_shown(form, anna, mia, client_of, monkeypatch):
    monkeypatch.setattr("capture.views.card.SHOWN", 2)
    actions.edit_form(form, {"takers": [anna.pk]}, by=mia, via="card")
    form.refresh_from_db()
    for number in range(3):
        send(form, f"k{number}", email=f"p{number}@example.com")
    client = client_of(anna)
    shown = ids_in(client)
    assert "and 1 more" in client.get("/submissions/mine/").content.decode()
    late = send(form, "late", email="late@example.com")
    assert client.post("/submissions/mine/", {"ids": shown}).status_code == 204
    assert len(shown) == 2 and "2 submissions of forms for you" in client.get(reverse("crm:bell")).content.decode()
    assert str(late.pk) in ids_in(client)


def test_c3_the_bell_tells_the_owner_until_they_have_looked(form, anna, jan, client_of):
    send(form)
    client = client_of(anna)
    assert "1 submission of a form for you" in client.get(reverse("crm:bell")).content.decode()
    assert "submission of a form" not in client_of(jan).get(reverse("crm:bell")).content.decode()
    assert "Petersen" in client.get("/submissions/mine/").content.decode()
    for nothing in ({}, {"ids": ["x", "9" * 30, "0"]}):
        assert client.post("/submissions/mine/", nothing).status_code == 204
    assert "1 submission of a form for you" in client.get(reverse("crm:bell")).content.decode()
    assert client.post("/submissions/mine/", {"ids": ids_in(client)}).status_code == 204
    assert "submission of a form" not in client.get(reverse("crm:bell")).content.decode()


def test_c5_quarantine_is_released_on_its_page_and_from_the_list(form, mia, client_of):
    client, submission = client_of(mia), send(form, why="links")
    assert "No record was created" in client.get(submission.get_absolute_url()).content.decode()
    client.post(submission.get_absolute_url())
    submission.refresh_from_db()
    assert submission.state == "accepted"
    other = send(form, "other", why="fast", email="o@example.com")
    client.post(reverse("capture:submissions_act", args=["release"]), {"ids": other.pk, "go": "1"}, **HTMX)
    other.refresh_from_db()
    assert other.state == "accepted"


def test_c5_what_is_accepted_from_the_list_offers_an_undo_if_that_takes_back_all_of_it(form, mia, client_of):
    one, two, three = (send(form, name, why="links", email=f"{name}@example.com") for name in ("one", "two", "three"))
    client = client_of(mia)

    def told(*submissions):
        answer = client.post(
            reverse("capture:submissions_act", args=["release"]), {"ids": [found.pk for found in submissions], "go": "1"}, **HTMX
        )
        return json.loads(answer.headers["HX-Trigger"])["toast"]

    assert told(one)["undo_url"]
    toast = told(one, two, three)
    assert toast["text"].startswith("2 submissions were accepted") and not toast["undo_url"]
    assert {found.state for found in Submission.objects.all()} == {"accepted"}


def test_c2_the_card_tells_where_a_person_and_a_company_came_from(form, anna, client_of):
    person, client = send(form, first=LINKEDIN, latest=FACEBOOK).person, client_of(anna)
    text = client.get(f"/persons/{person.pk}/origin/").content.decode()
    assert "linkedin" in text and "facebook" in text and "www.linkedin.com/feed" in text
    assert "facebook" in client.get(f"/companies/{person.company_id}/origin/").content.decode()
    timeline = client.get(reverse("activities:timeline", args=["persons", person.pk]), **HTMX).content.decode()
    assert "Form sent:" in timeline and "facebook / cpc / summer" in timeline


def test_c1_the_list_of_forms_counts_what_came_in_by_one_statement(form, mia, client_of, django_assert_num_queries):
    send(form)
    others = [actions.create_form({"name": f"Fair {number}"}, by=mia, via="form") for number in range(4)]
    count_of = records.get("form").fields["number_of_submissions"].load
    with django_assert_num_queries(1):
        found = count_of([form.pk, *(one.pk for one in others)], Asking(mia))
    assert found == {form.pk: "1", **{one.pk: "0" for one in others}}


def test_c4_values_beyond_those_that_are_named_stand_together(form, mia, client_of, monkeypatch):
    """Whoever sends forms with ever new campaigns takes no lead out of a list, a board or a tile."""
    records.get("person")  # the catalogue is read first
    monkeypatch.setattr("capture.utm.MOST_VALUES", 2)
    monkeypatch.setattr("capture.fields.MOST_VALUES", 2)
    for number, campaign in enumerate(["b", "d", "a", "c", "c", None]):
        latest = {"source": "web", "campaign": campaign} if campaign else None
        send(form, str(number), first=latest, latest=latest, email=f"{number}@example.com", company=f"Company {number}")
    field, asking = records.get("person").fields["lead_creation_campaign"], Asking(mia)
    parts = field.parts(asking)
    assert [(part.key, Person.objects.filter(part.q).count()) for part in parts] == [("a", 1), ("b", 1), (OTHERS, 3), ("", 1)]
    keys = [field.part_key(row, asking) for row in Person.objects.values(*field.part_columns)]
    assert sorted(keys) == ["", OTHERS, OTHERS, OTHERS, "a", "b"]
    for keys, expected in (([OTHERS], 3), (["a", OTHERS], 4), (["", OTHERS], 4), (["a"], 1), (["", "a", "b"], 3)):
        tree = {"version": 1, "all": [field.asked(keys, asking)]}
        assert Person.objects.filter(criteria.condition(records.get("person"), tree, asking)).count() == expected, keys
    client = client_of(mia)
    grouped = client.get("/persons/?group=lead_creation_campaign").content.decode()
    assert "others" in grouped
    assert client.get("/persons/?group=lead_creation_campaign&in=%25").content.decode().count("data-row data-id") == 3
    assert client.get("/persons/?sort=lead_creation_campaign").content.decode().count("data-row data-id") == 6
    tile = spec.read({"id": 1, "kind": "bar", "record": "person", "group": "lead_creation_campaign"}, asking)
    cells = tiles.count(tile, Filters()).series[0].cells
    assert {cell.part.x: cell.records for cell in cells}[OTHERS] == 3
    for cell in cells:
        assert Question(tile, Filters()).records_of(cell.part).count() == cell.records


def test_r17_a_conflict_tells_what_a_form_holds_in_the_words_of_its_history(form, anna, jan):
    form.refresh_from_db()
    assert of_field(form, "sites") == ("Sites", "https://www.example.com")
    assert of_field(form, "takers")[1] == f"{anna.name}, {jan.name}"
