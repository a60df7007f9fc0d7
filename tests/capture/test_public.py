"""What strangers open and send (C1, C2, C5, settled 20)."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from capture import actions, protect
from capture.models import Form, Submission
from capture.touches import read
from leads.models import Person
from tests.capture.conftest import FACEBOOK, LINKEDIN, sent, token
from tests.factories import PersonFactory

CANARY = '"><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def stranger():
    return Client(enforce_csrf_checks=True)


def post(client, form, data, **headers):
    body = "&".join(f"{name}={_quoted(value)}" for name, value in data.items())
    return client.post(form.public_path, body, content_type="application/x-www-form-urlencoded", **headers)


def _quoted(text):
    from urllib.parse import quote

    return quote(str(text))


def test_c1_a_published_form_is_a_page_in_its_own_language_that_needs_no_script(form, stranger, mia):
    text = stranger.get(form.public_path, HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert '<html lang="en"' in text and 'name="person_email"' in text and "<h1>Website</h1>" in text
    form_tag = re.search(r"<form [^>]*>", text)[0]
    assert f'action="{form.public_path}"' in form_tag and 'method="post"' in form_tag
    actions.edit_form(form, {"published": False}, by=mia, via="card")
    assert stranger.get(form.public_path).status_code == 404
    assert stranger.get("/f/there-is-none/").status_code == 404


def test_c1_it_can_be_sent_without_a_script(form, stranger):
    page = stranger.get(f"{form.public_path}?utm_source=LinkedIn&utm_campaign=Spring").content.decode()
    handed = re.search(r'name="token" value="([^"]+)"', page)[1]
    answer = post(stranger, form, {**sent(form), "token": handed})
    assert answer.status_code == 200 and "Thank you" in answer.content.decode()
    submission = Submission.objects.get()
    assert submission.why == "fast", "a test types quicker than people do"
    assert submission.touches["first"]["source"] == "linkedin" and submission.campaign == "spring"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_c2_after_a_typo_it_is_known_where_one_came_from_and_how_long_the_page_was_open(form, stranger, accept):
    handed = token(form, u=read(LINKEDIN).plain())
    answer = post(
        stranger, form, {**sent(form, email="jana@"), "token": handed}, HTTP_ACCEPT=accept, HTTP_REFERER="http://x.example/"
    )
    assert answer.status_code == 422
    again = (
        answer.json()["token"]
        if accept == "application/json"
        else re.search(r'name="token" value="([^"]+)"', answer.content.decode())[1]
    )
    assert post(stranger, form, {**sent(form), "token": again}).status_code == 200
    submission = Submission.objects.get()
    assert (submission.state, submission.why, submission.source) == ("accepted", "", "linkedin")


def test_c2_a_page_that_was_open_for_too_long_is_sent_once_more_at_once(form, stranger, monkeypatch):
    handed = token(form, u=read(LINKEDIN).plain())
    with monkeypatch.context() as later:
        later.setattr(protect, "TOKEN_SECONDS", -1)
        answer = post(stranger, form, {**sent(form), "token": handed}, HTTP_ACCEPT="application/json")
    assert answer.status_code == 422 and not Submission.objects.exists()
    assert post(stranger, form, {**sent(form), "token": answer.json()["token"]}).status_code == 200
    submission = Submission.objects.get()
    assert (submission.state, submission.why, submission.source) == ("accepted", "", "linkedin")


def test_c5_a_forged_token_is_no_way_around_the_two_seconds(form, stranger):
    answer = post(stranger, form, {**sent(form), "token": "x"}, HTTP_ACCEPT="application/json")
    assert post(stranger, form, {**sent(form), "token": answer.json()["token"]}).status_code == 200
    assert Submission.objects.get().why == "fast"


def test_c3_who_goes_back_and_corrects_an_answer_is_heard_and_who_sends_it_twice_is_one(form, stranger, mia):
    actions.edit_form(form, {"consent_text": "Yes.", "consent_purpose": "Mail"}, by=mia, via="card")
    first, corrected = sent(form, email="jana@nordwnd.example"), sent(form)
    for data in (first, first, corrected, corrected, {**corrected, "consent": "on"}, first):
        assert post(stranger, form, {**data, "token": first["token"]}).status_code == 200
    emails = [one.email for one in Submission.objects.order_by("pk")]
    assert emails == ["jana@nordwnd.example", "jana@nordwind.example", "jana@nordwind.example"]


def test_c2_the_scripts_touches_come_with_it(form, stranger):
    data = {**sent(form), "touches": json.dumps({"first": LINKEDIN, "latest": FACEBOOK})}
    assert post(stranger, form, data).status_code == 200
    origin = Submission.objects.get().person.origin
    assert (origin.first_source, origin.lead_source) == ("linkedin", "facebook")


@pytest.mark.parametrize(
    "given", ["[]", "{", "null", '{"first": 1}', '{"first": {"source": ["a"]}}', "[" * 5000, '{"first": {"campaign": "\\ud83c"}}']
)
def test_c2_touches_that_make_no_sense_lose_no_lead(form, stranger, given):
    assert post(stranger, form, {**sent(form), "touches": given}).status_code == 200
    assert Submission.objects.get().state == "accepted"


def test_c2_half_a_sign_in_a_value_is_left_out_and_the_rest_is_kept(form, stranger):
    touches = json.dumps({"first": {"source": "spring \ud83c", "campaign": "\U0001f33c sale"}})
    assert "\\ud83c" in touches and post(stranger, form, {**sent(form), "touches": touches}).status_code == 200
    origin = Submission.objects.get().person.origin
    assert (origin.first_source, origin.first_campaign) == ("spring", "\U0001f33c sale")


def test_c5_no_cookie_is_set_and_nobody_is_signed_in_there(form, anna):
    client = Client()
    client.force_login(anna)
    anna.language = "de"
    anna.save()
    for answer in (client.get(form.public_path), post(client, form, sent(form)), client.get(reverse("capture:script"))):
        assert answer.status_code == 200 and not answer.cookies and "Cookie" not in answer.headers.get("Vary", "")
        assert "Kraft" not in answer.content.decode() and "csrf" not in answer.content.decode()


def test_settled_20_its_policy_names_the_forms_sites_and_no_other_page_does(form, stranger):
    for path in (form.public_path, reverse("capture:public_frame", args=[form.key])):
        answer = stranger.get(path)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["frame-ancestors"] == "https://www.example.com" and policy["default-src"] == "'none'"
        assert policy["form-action"] == "'self' https://www.example.com"
        assert "X-Frame-Options" not in answer.headers and answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "no-store" in answer.headers["Cache-Control"]
    Form.objects.update(sites=[])
    assert "frame-ancestors 'none'" in stranger.get(form.public_path).headers["Content-Security-Policy"]
    strict = stranger.get("/accounts/login/").headers
    assert "frame-ancestors 'none'" in strict["Content-Security-Policy"] and strict["X-Frame-Options"] == "DENY"
    assert strict["Cross-Origin-Resource-Policy"] == "same-origin"


def test_settled_20_the_script_may_be_used_and_kept_by_any_site_and_is_small(stranger):
    import gzip

    answer = stranger.get(reverse("capture:script"))
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin" and "max-age=3600" in answer.headers["Cache-Control"]
    assert "no-store" not in answer.headers["Cache-Control"] and answer.headers["Content-Type"].startswith("text/javascript")
    assert len(gzip.compress(answer.content)) <= 2_048


def test_c5_a_token_is_signed_of_this_form_and_ends(form, stranger, mia, monkeypatch):
    other = actions.create_form({"name": "Other", "published": True}, by=mia, via="form")
    for bad in ("", "x" * 5_000, token(form)[:-2] + "xx", token(other)):
        assert post(stranger, form, {**sent(form), "token": bad}).status_code == 422
    good = token(form)
    monkeypatch.setattr(protect, "TOKEN_SECONDS", -1)
    answer = post(stranger, form, {**sent(form), "token": good}, HTTP_ACCEPT="application/json")
    assert answer.status_code == 422 and answer.json()["token"] and not Submission.objects.exists()


@pytest.mark.parametrize(("origin", "status"), [
    (None, 200), ("http://testserver", 200), ("https://www.example.com", 200), ("https://evil.example", 403), ("null", 403),
    ("https://www.example.com.evil.example", 403),
])  # fmt: skip
def test_c5_only_our_own_page_and_the_forms_sites_send_it(form, stranger, origin, status):
    assert post(stranger, form, sent(form), **({"HTTP_ORIGIN": origin} if origin else {})).status_code == status


def test_c5_giants_and_other_content_are_refused(form, stranger):
    assert post(stranger, form, {**sent(form), "free_1": "x" * protect.MAX_BYTES}).status_code == 413
    assert stranger.post(form.public_path, "{}", content_type="application/json").status_code == 415
    assert stranger.post(form.public_path, sent(form)).status_code == 415, "a multipart body"
    assert stranger.put(form.public_path).status_code == 405
    assert post(stranger, form, {**sent(form), "free_1": "x" * 6_000}).status_code == 422
    assert not Submission.objects.exists()


def test_c5_nothing_that_was_typed_comes_back(form, stranger):
    for accept in ("text/html", "application/json"):
        for wrong in (
            {"email": CANARY},
            {"email": "a@b\r\nBcc: all@example.com"},
            {"last_name": f"Petersen\r\nBcc: all@example.com {CANARY}"},
        ):
            answer = post(stranger, form, sent(form, **wrong), HTTP_ACCEPT=accept)
            assert (
                answer.status_code == 422 and "alert(1)" not in answer.content.decode() and "Bcc" not in answer.content.decode()
            )
        thanks = post(stranger, form, sent(form, last_name=CANARY, message=CANARY), HTTP_ACCEPT=accept)
        assert thanks.status_code == 200 and "alert(1)" not in thanks.content.decode()
    answer = stranger.get(f"{form.public_path}?utm_source={_quoted(CANARY)}&x={_quoted(CANARY)}")
    assert "alert(1)" not in answer.content.decode()


def test_c5_what_was_typed_is_text_on_our_own_pages_and_no_formula_in_a_spreadsheet(form, stranger, mia):
    data = sent(form, last_name="=HYPERLINK(1)", company=CANARY, message=CANARY)
    assert post(stranger, form, data).status_code == 200
    submission, client = Submission.objects.get(), Client()
    client.force_login(mia)
    for address in (
        submission.get_absolute_url(),
        submission.person.get_absolute_url(),
        reverse("capture:submissions"),
        reverse("crm:bell"),
    ):
        text = client.get(address).content.decode()
        assert "<script>alert" not in text and "49" not in re.findall(r"\{\{7\*7\}\}", text)
    exported = b"".join(client.get(reverse("capture:submissions_export", args=["csv"])).streaming_content).decode()
    assert "'=HYPERLINK(1)" in exported


def test_c5_known_and_unknown_are_answered_alike(form, stranger, anna):
    PersonFactory(by=anna, company=None, email="known@example.com")
    known = post(stranger, form, sent(form, email="known@example.com"))
    unknown = post(stranger, form, {**sent(form, email="unknown@example.com"), "token": token(form, 31)})
    assert (known.status_code, known.content, dict(known.headers)) == (
        unknown.status_code,
        unknown.content,
        dict(unknown.headers),
    )


def test_c5_who_fills_in_the_trap_or_is_too_quick_is_answered_like_all_and_waits(form, stranger):
    right = post(stranger, form, sent(form)).content
    trapped = post(stranger, form, {**sent(form, email="b@example.com"), "token": token(form, 40), protect.TRAP: "http://x"})
    quick = post(stranger, form, {**sent(form, email="c@example.com"), "token": token(form, 1)})
    linked = post(
        stranger, form, {**sent(form, email="d@example.com", message="http://a http://b www.c"), "token": token(form, 41)}
    )
    assert trapped.content == quick.content == linked.content == right
    assert list(Submission.objects.order_by("pk").values_list("state", "why")) == [
        ("accepted", ""), ("spam", "trap"), ("spam", "fast"), ("spam", "links"),
    ]  # fmt: skip
    assert Person.objects.count() == 1


def test_c5_one_address_sends_a_form_no_more_than_so_often(form, stranger):
    answers = [
        post(stranger, form, {**sent(form), "token": token(form, 30 + number)}, REMOTE_ADDR="192.0.2.1") for number in range(11)
    ]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0 and Submission.objects.count() == 10
    other = post(stranger, form, {**sent(form), "token": token(form, 99)}, REMOTE_ADDR="192.0.2.2")
    assert other.status_code == 200
    same_network = [f"2001:db8::{number}" for number in range(11)]
    codes = [post(stranger, form, sent(form), REMOTE_ADDR=address).status_code for address in same_network]
    assert codes[-1] == 429


def test_c5_one_stranger_does_not_close_a_form_for_others(form, stranger, monkeypatch):
    monkeypatch.setattr(protect, "RATES", (("address-form", 3, 600), ("address", 5, 3600), ("form", 8, 3600)))
    for _number in range(20):
        answer = post(stranger, form, {**sent(form), "token": "x"}, REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert post(stranger, form, sent(form), REMOTE_ADDR="192.0.2.2").status_code == 200
    codes = [post(stranger, form, sent(form), REMOTE_ADDR=f"192.0.2.{number}").status_code for number in range(3, 9)]
    assert codes[-1] == 429, "many addresses together still meet the limit of the form"


def test_c1_after_sending_one_is_led_to_a_page_of_the_forms_sites_only(form, stranger, mia):
    from django.core.exceptions import ValidationError

    for bad in ("https://evil.example/", "javascript:alert(1)", "https://www.example.com@evil.example/", "//evil.example",
                "https://www.example.com/\r\nX: 1", "http://www.example.com/"):  # fmt: skip
        with pytest.raises(ValidationError):
            actions.edit_form(form, {"redirect_url": bad}, by=mia, via="card")
    actions.edit_form(form, {"redirect_url": "https://www.example.com/thanks?a=1"}, by=mia, via="card")
    answer = post(stranger, form, sent(form))
    assert (answer.status_code, answer.headers["Location"]) == (303, "https://www.example.com/thanks?a=1")
    again = post(stranger, form, sent(form), HTTP_ACCEPT="application/json")
    assert again.json()["go"] == "https://www.example.com/thanks?a=1" and Submission.objects.count() == 1


def test_c1_a_needed_consent_is_needed(form, stranger, mia):
    actions.edit_form(form, {"consent_text": "Yes.", "consent_purpose": "Mail", "consent_required": True}, by=mia, via="card")
    answer = post(stranger, form, sent(form), HTTP_ACCEPT="application/json")
    assert answer.status_code == 422 and list(answer.json()["errors"]) == ["consent"]
    assert post(stranger, form, {**sent(form), "consent": "on"}).status_code == 200
    assert Submission.objects.get().person.consents.get().purpose == "Mail"


@pytest.mark.parametrize("sites", [["*"], ["https://*.example.com"], ["javascript:x"], ["https://a.example; script-src *"], ["ftp://a.example"],
                                   ["https://a.example/path"], "https://a.example", ["https://a.example'"]])  # fmt: skip
def test_settled_20_what_is_no_site_cannot_get_into_the_policy(form, mia, sites):
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError):
        actions.edit_form(form, {"sites": sites}, by=mia, via="card")


def test_c1_a_site_may_be_written_with_umlauts(form, stranger, mia):
    said = {"sites": ["https://Müller.example"], "redirect_url": "https://müller.example/danke/?a=ü"}
    actions.edit_form(form, said, by=mia, via="card")
    form.refresh_from_db()
    assert form.sites == ["https://xn--mller-kva.example"]
    assert "frame-ancestors https://xn--mller-kva.example" in stranger.get(form.public_path).headers["Content-Security-Policy"]
    answer = post(stranger, form, sent(form), HTTP_ORIGIN="https://xn--mller-kva.example")
    assert answer.status_code == 303 and answer.headers["Location"] == "https://xn--mller-kva.example/danke/?a=%C3%BC"


def test_c2_who_asks_not_to_be_tracked_is_not(form, stranger):
    for header in ("HTTP_SEC_GPC", "HTTP_DNT"):
        page = stranger.get(f"{form.public_path}?utm_source=linkedin", **{header: "1"}).content.decode()
        handed = protect.check(form, re.search(r'name="token" value="([^"]+)"', page)[1])
        assert not handed.touch


BODIES = {
    "NUL": b"person_last_name=A%00B",
    "NUL as it is": b"person_last_name=A\x00B",
    "no UTF-8": b"person_last_name=%ff%fe%00%01",
    "half an escape": b"person_last_name=%&person_first_name=%zz&=&&;",
    "a lone surrogate": b"person_last_name=%ED%A0%80&free_1=%ED%B0%80",
    "formula": b"person_last_name=%3DHYPERLINK(1)&person_email=%3D1%2B1",
    "header": b"person_email=a@example.com%0D%0ABcc:%20b@example.com",
    "thousands of fields": b"&".join(b"f%d=1" % number for number in range(5_000)),
    "one field thousands of times": b"person_last_name=A&" * 3_000,
    "deep JSON": b"touches=" + b"[" * 30_000,
    "giant numbers": b'touches={"first":{"source":"x","at":1e999},"latest":{"source":"y","at":' + b"9" * 5_000 + b"}}",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-7",
                                  "application/x-www-form-urlencoded; charset=nothing"])  # fmt: skip
def test_c5_no_body_breaks_it(form, stranger, name, kind):
    stranger.raise_request_exception = False
    prefix = f"token={_quoted(token(form))}&person_email=a@example.com&".encode() if name != "nothing" else b""
    answer = stranger.generic("POST", form.public_path, prefix + BODIES[name], content_type=kind)
    assert answer.status_code in {200, 400, 415, 422}, answer.status_code
    for text in ("HYPERLINK", "Bcc", "Traceback"):
        assert text not in answer.content.decode()
    for person in Person.objects.all():
        assert person.last_name.isprintable() and "\x00" not in person.email


@pytest.mark.parametrize("kind", [
    "", "text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + "y" * 500,
    "application/x-www-form-urlencoded, text/plain", "text/html; charset=utf-8", "\x00",
])  # fmt: skip
def test_c5_other_kinds_of_content_and_broken_multipart_are_refused(form, stranger, kind):
    stranger.raise_request_exception = False
    body = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n' + token(form).encode() + b"\r\n--"
    answer = stranger.generic("POST", form.public_path, body, content_type=kind)
    assert answer.status_code in {400, 415} and not Submission.objects.exists()


@pytest.mark.parametrize("headers", [
    {"CONTENT_LENGTH": "-1"}, {"CONTENT_LENGTH": "many"}, {"CONTENT_LENGTH": "9" * 30}, {"CONTENT_LENGTH": ""}, {"HTTP_ACCEPT_LANGUAGE": "x" * 9_000},
    {"HTTP_REFERER": "http://[broken/\x00"}, {"HTTP_USER_AGENT": "\r\n\x1b[31m"}, {"QUERY_STRING": "utm_source=%ff&" * 300},
    {"HTTP_ACCEPT": "\x00/*"}, {"HTTP_ORIGIN": "https://www.example.com\x00"}, {"HTTP_ORIGIN": ""}, {"HTTP_X_FORWARDED_FOR": "1, 2, \x00"},
])  # fmt: skip
def test_c5_no_header_breaks_it(form, stranger, headers):
    stranger.raise_request_exception = False
    answer = post(stranger, form, sent(form), **headers)
    assert answer.status_code in {200, 400, 403, 413, 422}, answer.status_code
    assert stranger.get(form.public_path, **headers).status_code in {200, 400}


@pytest.mark.parametrize(
    "query",
    ["utm_source=%00", "a=" + "[" * 5_000, "utm_source=" + "x" * 30_000, "&".join(["a=1"] * 2_000), "utm_source=%ed%a0%80", "%"],
)
def test_c5_no_address_breaks_it(form, stranger, query):
    stranger.raise_request_exception = False
    for path in (form.public_path, reverse("capture:public_frame", args=[form.key]), reverse("capture:script"), "/f/nothing/"):
        assert stranger.get(f"{path}?{query}").status_code in {200, 400, 404}


def test_c5_a_database_that_is_away_is_a_503_that_may_be_tried_again(form, stranger, monkeypatch):
    from django.db import OperationalError

    def away(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr("capture.actions.submit", away)
    for accept in ("text/html", "application/json"):
        answer = post(stranger, form, sent(form), HTTP_ACCEPT=accept)
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "5" and "try again" in answer.content.decode()
        assert "X-Frame-Options" not in answer.headers
