"""Consents: kept with the person, asked for by selections, taken back by a link (A5)."""

import re

import pytest
from django.test import Client

from capture import actions, consents
from capture.models import Consent
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.models import ApiToken
from leads.models import Person
from tests.capture.conftest import send
from tests.capture.test_pages import ask

BASE = "http://127.0.0.1:8000"


@pytest.fixture
def news(form, mia):
    actions.edit_form(form, {"consent_text": "You may write to me.", "consent_purpose": "News, offers"}, by=mia, via="card")
    form.refresh_from_db()
    return form


@pytest.fixture
def person(news):
    return send(news, consent=True).person


@pytest.fixture
def stranger():
    return Client(enforce_csrf_checks=True)


def path_of(person, *purposes):
    return consents.link(person.pk, purposes or ["News, offers"]).removeprefix(BASE)


def held():
    return list(Consent.objects.order_by("pk").values_list("purpose", "withdrawn_via"))


def test_a5_a_mail_scanner_that_opens_the_link_unsubscribes_nobody(person, stranger):
    for method in ("get", "head", "get"):
        answer = getattr(stranger, method)(path_of(person))
        assert answer.status_code == 200 and not answer.cookies
    assert b"<button>" in answer.content and "News, offers" in answer.content.decode() and held() == [("News, offers", "")]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"] and answer.headers["Cache-Control"].count(
        "no-store"
    )
    assert stranger.put(path_of(person)).status_code == 405 and stranger.options(path_of(person)).status_code == 405


def test_a5_the_button_withdraws_and_the_history_stays(news, person, stranger):
    answer = stranger.post(path_of(person), HTTP_ACCEPT_LANGUAGE="en")
    assert answer.status_code == 200 and "You are unsubscribed" in answer.content.decode()
    consent = Consent.objects.get()
    assert consent.withdrawn_via == "link" and consent.withdrawn_at > consent.at and consent.text == "You may write to me."
    withdrawn = consent.withdrawn_at
    assert stranger.post(path_of(person)).status_code == 200
    consent.refresh_from_db()
    assert consent.withdrawn_at == withdrawn, "the first time counts"
    send(news, "again", consent=True)
    assert held() == [("News, offers", "link"), ("News, offers", "")], "who agrees again has another"


@pytest.mark.parametrize(("body", "kind"), [
    (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
    (b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n', "multipart/form-data; boundary=b"),
])  # fmt: skip
def test_a5_the_one_click_of_a_mail_program_works(person, stranger, body, kind):
    assert stranger.generic("POST", path_of(person), body, content_type=kind).status_code == 200
    assert held() == [("News, offers", "oneclick")]


@pytest.mark.parametrize(("body", "kind"), [(b"--b\r\nbroken", "multipart/form-data; boundary=b"), (b"x", "multipart/form-data"), (b"{}", "application/json"),
                                            (b"\x00%zz" * 50, "application/x-www-form-urlencoded"), (b"a=1&" * 2_000, "application/x-www-form-urlencoded"),
                                            (b"", "nothing")])  # fmt: skip
def test_c5_whatever_is_sent_along_breaks_nothing(person, stranger, body, kind):
    stranger.raise_request_exception = False
    assert stranger.generic("POST", path_of(person), body, content_type=kind).status_code in {200, 400}


def test_c5_a_link_that_is_not_ours_does_nothing(person, stranger, news, mia):
    token = path_of(person).removeprefix("/u/").removesuffix("/")
    other = send(news, "other", email="other@example.com", consent=True).person
    forged = [token[:-1] + ("a" if token[-1] != "a" else "b"), token[1:], "x", "x" * 5_000, token.replace(":", ""), "%00", "..", f"{token}=",
              path_of(other).split("/")[2].split(":")[0] + ":" + ":".join(token.split(":")[1:])]  # fmt: skip
    for text in forged:
        answer = stranger.post(f"/u/{text}/")
        assert answer.status_code in {400, 404}, text
    assert [via for _purpose, via in held()] == ["", ""]


def test_c5_it_tells_nothing_of_the_person_and_answers_alike_if_they_are_gone(person, stranger, mia):
    address, canary = path_of(person), path_of(person, "<script>alert(1)</script>")
    there = stranger.get(address).content
    assert b"Petersen" not in there and b"nordwind" not in there.lower() and b"<script>" not in stranger.get(canary).content
    done = stranger.post(address).content
    Person.objects.all().delete()
    assert stranger.get(address).content == there and stranger.post(address).content == done


def test_a5_a_link_withdraws_its_own_purposes_and_no_other(news, person, mia, stranger):
    actions.edit_form(news, {"consent_purpose": "Events"}, by=mia, via="card")
    news.refresh_from_db()
    send(news, "events", consent=True)
    stranger.post(path_of(person))
    assert held() == [("News, offers", "link"), ("Events", "")]


def test_a5_a_marketing_selection_can_require_a_consent(news, person, mia, client):
    send(news, "without", email="without@example.com")
    client.force_login(mia)

    def count(operator, value=None):
        return Person.objects.filter(ask("person", "consent", operator, value, mia)).count()

    assert (count("in", ["News, offers"]), count("not_in", ["News, offers"]), count("in", ["Nothing"])) == (1, 1, 0)
    assert (count("empty"), count("not_empty")) == (1, 1)
    for address, number in (
        ("consent=News, offers", 1),
        ("consent=News", 0),
        ("consent__empty=1", 1),
        ("consent__not_in=News, offers", 1),
    ):
        assert client.get(f"/persons/?{address}").content.decode().count("data-row data-id") == number, address
    assert "News, offers" in client.get("/persons/filter/?field=consent").content.decode()
    consents.withdraw(person.pk, ["News, offers"], via="link")
    assert (count("in", ["News, offers"]), count("not_empty")) == (0, 0)


def test_a5_an_export_of_persons_has_a_link_for_each(news, person, mia, client, stranger):
    send(news, "without", email="without@example.com", last_name="Ohne")
    client.force_login(mia)
    address = "/persons/export.csv?cols=name,email,consent,unsubscribe_link"
    exported = b"".join(client.get(address).streaming_content).decode()
    link = re.search(rf"{BASE}(/u/\S+/)", exported)[1]
    assert exported.count(BASE) == 1 and '"News, offers"' in exported
    stranger.post(link)
    assert held() == [("News, offers", "link")]
    assert BASE not in b"".join(client.get(address).streaming_content).decode()


def test_a5_the_card_shows_each_consent_and_a_user_may_note_that_it_was_withdrawn(person, anna, rita, max_, client):
    client.force_login(anna)
    origin = f"/persons/{person.pk}/origin/"
    text = client.get(origin).content.decode()
    for shown in ("News, offers", "wording version 2", "You may write to me.", "Website", "Holds", f"{BASE}/u/"):
        assert shown in text, shown
    dialog = client.get(f"/persons/{person.pk}/consent/?purpose=News,%20offers")
    assert "no longer agrees to: News, offers" in dialog.content.decode()
    for other, status in ((rita, 403), (max_, 404)):
        client.force_login(other)
        assert client.post(f"/persons/{person.pk}/consent/", {"purpose": "News, offers"}).status_code == status
    client.force_login(anna)
    assert client.post(f"/persons/{person.pk}/consent/", {"purpose": "News, offers"}).status_code == 204
    assert Consent.objects.get().withdrawn_by == anna
    text = client.get(origin).content.decode()
    assert "noted by a user: Anna Kraft" in text and f"{BASE}/u/" not in text
    timeline = client.get(f"/persons/{person.pk}/timeline/", HTTP_HX_REQUEST="true").content.decode()
    assert "Consent withdrawn:" in timeline


def test_a5_with_a_submission_that_is_taken_back_its_consent_no_longer_holds(news, person, mia):
    known = send(news, "perhaps somebody else", consent=True)
    undo(ChangeSet.objects.filter(action="submission.accept").latest("pk"), by=mia, via="card")
    assert held() == [("News, offers", ""), ("News, offers", "undone")]
    known.refresh_from_db()
    actions.release(known, by=mia, via="card")
    assert held() == [("News, offers", ""), ("News, offers", "")]


def test_a5_what_was_withdrawn_while_its_submission_was_taken_back_does_not_come_back(news, person, mia):
    known = send(news, "perhaps somebody else", consent=True)
    undo(ChangeSet.objects.filter(action="submission.accept").latest("pk"), by=mia, via="card")
    assert consents.withdraw(person.pk, ["News, offers"], via="link") == 2
    known.refresh_from_db()
    actions.release(known, by=mia, via="card")
    assert held() == [("News, offers", "link"), ("News, offers", "link")]


def test_a4_the_api_tells_consents_of_persons_one_sees(person, mia, max_, client):
    def get(user, query=""):
        return client.get(f"/api/v1/consents/{query}", HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user)}")

    (told,) = get(mia, f"?person={person.pk}&purpose=News, offers").json()["results"]
    assert (told["purpose"], told["version"], told["withdrawn_at"]) == ("News, offers", 2, None)
    assert told["unsubscribe_url"] == consents.link(person.pk, ["News, offers"])
    assert get(max_).json()["count"] == 0 and get(max_, f"{told['id']}/").status_code == 404
    for wrong in ("?person=x", "?shoe=1", "?purpose=%00"):
        assert get(mia, wrong).status_code == 400
