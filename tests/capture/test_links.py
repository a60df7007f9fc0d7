"""The link builder (C4): the team's naming, addresses that survive, links that are kept, found and copied again."""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import translation

from capture import links, touches, utm
from capture.models import CampaignLink, Naming, UtmMedium, UtmSource
from crm.history.undo import undo

HTMX = {"HTTP_HX_REQUEST": "true"}
GIVEN = {"target": "https://www.example.com/offer", "source": "linkedin", "medium": "social", "campaign": "spring-2026"}


@pytest.fixture
def page(mia, client):
    client.force_login(mia)
    return client


@pytest.mark.parametrize(("typed", "value"), [
    ("Frühjahrs-Messe 2026", "fruehjahrs-messe-2026"), ("  LinkedIn ", "linkedin"), ("Größe & Preis!", "groesse-preis"), ("a  b\tc", "a-b-c"),
    ("ÄÖÜ", "aeoeue"), ("café", "cafe"), ("50%", "50"), ("--a--", "a"), ("Łódź", "lodz"), ("a\u200bb", "a-b"), ("?!", ""), ("v1.2_x", "v1.2_x"),
])  # fmt: skip
def test_c4_a_value_is_written_as_the_naming_says(typed, value):
    assert utm.written(typed, Naming()) == value == utm.written(value, Naming()), "what is written so stays so"


def test_c4_an_administrator_says_how_values_are_written(ada, mia, page):
    with pytest.raises(PermissionDenied):
        links.edit_naming({"blank": "_"}, by=mia)
    page.force_login(ada)
    assert "spring-fair-muenster-2026" in page.get("/admin/capture/naming/", follow=True).content.decode()
    sent = {"blank": "_", "umlauts": "on", "plain": "on", "note": "Year first", "initial-blank": "-", "initial-lower_case": "True", "initial-umlauts": "True",
            "initial-plain": "True", "initial-listed_only": "False", "initial-note": ""}  # fmt: skip
    assert page.post("/admin/capture/naming/1/change/", sent).status_code == 302
    assert utm.written("Spring Fair", utm.naming()) == "Spring_Fair"
    assert "Year first" in page.get("/links/new/").content.decode()
    links.edit_naming({"listed_only": True, "plain": False}, by=ada)
    built = utm.build({**GIVEN, "source": "somewhere", "content": "a & b"})
    assert "not in the team's list" in built.errors["source"][0] and built.values["content"] == "a_&_b"


def test_c4_an_administrator_keeps_the_sources_and_media_that_are_offered(ada, page):
    page.force_login(ada)
    sent = {"name_en": "Podcast", "name_de": "", "value": "Pod Cast", "description_en": "", "description_de": ""}
    refused = page.post("/admin/capture/utmsource/add/", sent)
    assert refused.status_code == 422 and "Lower-case letters, digits and . - _ only." in refused.content.decode()
    assert page.post("/admin/capture/utmsource/add/", {**sent, "value": "podcast"}).status_code == 302
    assert list(utm.listed()["source"].items())[-1] == ("podcast", "Podcast")
    assert '<option value="podcast">Podcast</option>' in page.get("/links/new/").content.decode()


@pytest.mark.parametrize(("target", "link"), [
    ("https://example.com", "https://example.com/?utm_source=s"),
    ("example.com/a", "https://example.com/a?utm_source=s"),
    ("https://example.com/a?x=1&y=%C3%A4&x=2#part", "https://example.com/a?x=1&y=%C3%A4&x=2&utm_source=s#part"),
    ("https://example.com/#/route?x=1", "https://example.com/?utm_source=s#/route?x=1"),
    ("https://example.com/?UTM_Source=old&utm_term=kept&flag", "https://example.com/?utm_term=kept&flag&utm_source=s"),
    ("http://localhost:8000/a?", "http://localhost:8000/a?utm_source=s"),
    ("https://münchen.example/straße?q=a+b|c", "https://münchen.example/straße?q=a+b|c&utm_source=s"),
    ("http://[::1]/", "http://[::1]/?utm_source=s"),
])  # fmt: skip
def test_c4_query_and_fragment_of_the_target_survive(target, link):
    assert utm.link_of(utm.clean_target(target), {"source": "s"}) == link


@pytest.mark.parametrize("target", [
    "", "not a page", "javascript:alert(1)", "mailto:a@b.example", "ftp://example.com/", "https://", "https:///a", "https://user:secret@example.com/",
    "https://example.com:99999/", 'https://example.com/"><script>', "https://example", "https://exa mple.com", "https://example.com/\x00", "//", "https://[::1/",
    "https://example.com/" + "x" * 1_000,
])  # fmt: skip
def test_c4_a_bad_address_is_told_at_its_field(target, page):
    answer = page.post("/links/new/", {**GIVEN, "target": target})
    text = answer.content.decode()
    told = text[text.index('id="told-target"') :]
    assert answer.status_code == 422 and told.index('class="error"') < told.index("</div>") and not CampaignLink.objects.exists()
    assert 'value="spring-2026"' in text, "what was typed stays"


@pytest.mark.parametrize(("name", "value", "told"), [
    ("campaign", "", "This is required."), ("source", "   ", "This is required."), ("medium", "&?!", "None of these characters can be used in a link."),
    ("campaign", "anna@example.com", "No e-mail addresses"), ("content", "x" * 201, "At most 200 characters."), ("campaign", "весна", "Letters from a to z"),
])  # fmt: skip
def test_c4_what_breaks_the_naming_is_told_at_the_field(name, value, told, page):
    assert told in utm.build({**GIVEN, name: value}).errors[name][0]
    answer = page.post("/links/new/", {**GIVEN, name: value}, **HTMX)
    assert answer.status_code == 422 and told in answer.content.decode() and not CampaignLink.objects.exists()


def test_c4_while_one_types_the_link_is_built_and_hints_are_given(page, mia):
    links.keep_link(utm.build(GIVEN), by=mia, via="form")
    text = page.get(
        "/links/check/", {"target": "example.com/?utm_source=x", "source": "Linked In", "campaign": "Spring 2026"}
    ).content.decode()
    assert "“linkedin” already exists." in text and "In the link: spring-2026" in text and "Still missing: Medium" in text
    assert "Its own utm_source is replaced." in text and "This is required" not in text
    text = page.get("/links/check/", {**GIVEN, "campaign": " ", "content": "x" * 201}).content.decode()
    assert "Still missing: Campaign. Please check: Content." in text
    text = page.get("/links/check/", {**GIVEN, "campaign": "spring_2026", "source": "elsewhere"}).content.decode()
    assert "“spring-2026” already exists." in text and "New: not in the team&#39;s list." in text
    assert "https://www.example.com/offer?utm_source=elsewhere&amp;utm_medium=social&amp;utm_campaign=spring_2026" in text
    text = page.get("/links/new/", {"campaign": "spring-2026"}).content.decode()
    assert (
        '<option value="linkedin">LinkedIn</option>' in text
        and '<option value="spring-2026">' in text
        and "This is required" not in text
    )
    with translation.override("de"):
        assert utm.listed()["medium"]["cpc"] == "Bezahlte Suche (je Klick)"
    UtmSource.objects.filter(value="linkedin").update(deleted_at="2026-01-01T00:00Z")
    assert "linkedin" not in utm.listed()["source"]


def test_c4_a_link_is_kept_once_found_copied_deleted_and_brought_back(page, mia, nothing_unattributed):
    answer = page.post("/links/new/", {**GIVEN, "campaign": "Spring 2026"}, **HTMX)
    link = CampaignLink.objects.get()
    assert link.url == "https://www.example.com/offer?utm_source=linkedin&utm_medium=social&utm_campaign=spring-2026"
    assert (link.owner, link.campaign, link.name_key) == (mia, "spring-2026", "spring-2026") and '"copyText"' in answer.headers[
        "HX-Trigger"
    ]
    assert "already saved" in page.post("/links/new/", GIVEN, **HTMX).headers["HX-Trigger"] and CampaignLink.objects.count() == 1
    # Without a script the browser is led to the link.
    assert (
        page.post("/links/new/", {**GIVEN, "content": "top"}).headers["Location"]
        == CampaignLink.objects.latest("pk").get_absolute_url()
    )
    shown = page.get("/links/?campaign__contains=spring").content.decode()
    assert shown.count("data-row data-id") == 2 and f'data-copy="{link.url.replace("&", "&amp;")}"' in shown
    text = page.get(link.get_absolute_url()).content.decode()
    assert "Built by Mia" in text and 'value="https://www.example.com/offer"' in text
    page.post(reverse("capture:link_delete", args=[link.pk]))
    link.refresh_from_db()
    assert link.deleted_at and page.get(link.get_absolute_url()).status_code == 404
    assert "spring-2026" in page.get("/bin/?of=link").content.decode()
    page.post("/bin/restore/?of=link", {"ids": link.pk}, **HTMX)
    assert page.get(link.get_absolute_url()).status_code == 200


def test_c4_a_link_is_seen_by_those_who_see_its_owner(mia, anna, jan, max_, rita, client):
    link, made = links.keep_link(utm.build(GIVEN), by=anna, via="form")
    for user, status in ((anna, 200), (jan, 200), (max_, 404), (mia, 200)):
        client.force_login(user)
        assert client.get(link.get_absolute_url()).status_code == status
        assert ("spring-2026" in utm.campaigns_known(user)) == (status == 200)
    client.force_login(rita)
    assert (
        client.get("/links/new/").status_code
        == client.get("/links/check/").status_code
        == client.post("/links/new/", GIVEN).status_code
        == 403
    )
    undo(made, by=anna, via="toast")
    link.refresh_from_db()
    assert link.deleted_at


def test_c4_what_the_builder_writes_is_what_a_visit_is_kept_as(lists):
    built = utm.build({**GIVEN, "campaign": "Frühjahr & Sommer", "content": "Knopf oben", "term": "crm für kmu"})
    touch = touches.of_address(built.url.partition("?")[2])
    assert {name: getattr(touch, name) for name in touches.PARAMS} == built.values
    assert built.values["campaign"] == "fruehjahr-sommer"


def test_the_admin_page_of_a_medium_speaks_of_no_records_as_none_can_name_it(ada, page):
    page.force_login(ada)
    medium = UtmMedium.objects.first()
    text = page.get(f"/admin/capture/utmmedium/{medium.pk}/change/").content.decode()
    assert medium.name in text and "Used by" not in text
