"""Every address has a line that says for whom it is, and is tried by those it is not for (T02, T05, T06, T13, T21)."""

import hashlib

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from capture.actions import create_form
from capture.links import keep_link
from capture.models import Consent
from capture.utm import build
from crm.history.models import ChangeSet
from crm.jobs.models import Job
from crm.models import ApiToken, TableSetting, Throttle
from dashboards.actions import create_dashboard
from exchange import actions as imports
from exchange.webhooks import actions as webhooks
from leads import actions
from leads.models import AutomationRule, Proposal
from selections.actions import create_selection
from tests.capture.conftest import send
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory

HTMX = {"HTTP_HX_REQUEST": "true"}
UNSAFE = ("post", "put", "patch", "delete")
#: For whom an address is. *Changing* is for who may edit that record, *seeing* for who may see it (others get a 404), *mine* for
#: the one whose it is, *making* for a role that edits; *open* needs no sign-in.
OPEN, ALL, SEEING, CHANGING, MINE, MAKING, ADMIN, SIGNED = [
    "open",
    "all",
    "seeing",
    "changing",
    "mine",
    "making",
    "admin",
    "signed",
]
LISTS = {
    "leads:leads": ALL,
    "leads:persons": ALL,
    "leads:companies": ALL,
    "leads:company_persons": SEEING,
    "activities:follow_ups": ALL,
    "capture:forms": ALL,
    "capture:links": ALL,
    "capture:submissions": ALL,
    "capture:form_submissions": SEEING,
    "sales:sales": ALL,
    "sales:company_sales": SEEING,
    "sales:person_sales": SEEING,
    "selections:selections": ALL,
    "dashboards:all": ALL,
    **{f"selections:selection_{name}": SEEING for name in ("person", "company", "sale", "activity")},
    **{f"selections:find_{name}": ALL for name in ("person", "company", "sale", "activity")},
}
BOARDS = {
    **{f"selections:board_{name}": ALL for name in ("leads", "persons", "companies", "sales")},
    **{f"selections:board_of_{name}": SEEING for name in ("person", "company", "sale")},
}
BOARD_PARTS = ("", "_filter", "_view", "_settings", "_cards", "_figures", "_live", "_menu")
PARTS = ("", "_totals", "_count", "_sums", "_filter", "_columns", "_settings", "_export")
ROUTES = {
    **dict.fromkeys(["healthz", "readyz", "crm:set_language"], OPEN),
    # What strangers send: tests/capture/test_public.py.
    **dict.fromkeys(["capture:script", "capture:public", "capture:public_frame", "capture:unsubscribe"], OPEN),
    **dict.fromkeys(["capture:form", "capture:fields", "capture:assignment", "capture:publish", "capture:submission", "capture:person_origin",
                     "capture:company_origin"], SEEING),
    **dict.fromkeys(["capture:new_leads", "capture:given_out", "capture:campaigns", "capture:campaigns_open"], ALL),
    **dict.fromkeys(["capture:form_new", "capture:link_new", "capture:link_check"], MAKING), "capture:link": SEEING, "capture:link_delete": CHANGING, "capture:withdraw": CHANGING,
    # Signing in and out, and what allauth guards by itself: tests/crm/test_signin.py.
    **dict.fromkeys(["?", "account_login", "account_logout", "account_inactive", "account_signup", "account_reauthenticate", "account_email",
                     "account_email_verification_sent", "account_change_password", "account_set_password", "account_reset_password",
                     "account_confirm_login_code", "account_confirm_email", "account_reset_password_from_key_done",
                     "account_reset_password_from_key", "account_reset_password_done", "mfa_index", "mfa_authenticate", "mfa_reauthenticate",
                     "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
                     "mfa_download_recovery_codes"], SIGNED),
    **dict.fromkeys(["home", "crm:left", "crm:signed_in_as", "crm:numbers", "crm:underway", "crm:search", "crm:bell", "crm:jobs_watch", "crm:jobs_seen", "crm:settings", "crm:profile",
                     "crm:preferences", "crm:absence", "crm:set_theme", "crm:token_new", "crm:lists_reset", "crm:lists_restore", "leads:choices",
                     "leads:similar", "exchange:webhooks", "exchange:webhook_new", "api-webhooks-list", "activities:my_day", "activities:choices", "api-schema", "api-docs", "api-nowhere", "dashboards:dashboards"], ALL),
    **{f"{name}{part}": who for name, who in LISTS.items() for part in PARTS},
    **{f"selections:find_{name}_{part}": ALL for name in ("person", "company", "sale", "activity") for part in ("edit", "why", "choices")},
    **{f"selections:find_{name}_save": CHANGING for name in ("person", "company", "sale", "activity")},
    **dict.fromkeys(["crm:criteria_fields", "crm:criteria_edit", "crm:criteria_counts"], ALL),
    **{f"{name}_act": MAKING if who == ALL else CHANGING for name, who in LISTS.items()},
    **{f"{name}{part}": who for name, who in BOARDS.items() for part in BOARD_PARTS},
    **{f"{name}_{part}": MAKING if who == ALL else CHANGING for name, who in BOARDS.items() for part in ("act", "move", "add")},
    **dict.fromkeys(["leads:person_new", "leads:company_new", "leads:bin", "leads:restore", "activities:follow_up_new", "sales:sale_new", "selections:selection_new", "exchange:new", "exchange:imports", "dashboards:dashboard_new"], MAKING),
    **dict.fromkeys(["leads:person", "leads:company", "sales:sale", "selections:selection", *(f"selections:{name}" for name in ("criteria", "charts", "favourite", "subscribe", "since", "why")), "leads:facts", "leads:head", "leads:history", "leads:details", "activities:next",
                     "activities:timeline"], SEEING),
    **dict.fromkeys(["leads:set_status", "leads:fact", "leads:edit", "leads:delete", "activities:new", "activities:note", "activities:edit",
                     "activities:follow_up", "activities:tick", "activities:postpone", "activities:delete", "crm:undo",
                     "selections:copy", "selections:freeze", "selections:keep_table", "selections:fill", "selections:parts", *(f"sales:{name}" for name in ("set_stage", "win", "lose", "stall", "reopen"))], CHANGING),
    **dict.fromkeys(["crm:job_cancel", "crm:token_revoke", "leads:proposal", "api-proposals-detail", "api-proposals-answer", *(f"exchange:{name}" for name in (
        "import", "values", "mapping", "run", "cancel", "failed", "discard", "webhook", *(f"webhook_{part}" for part in (
            "edit", "secret", "test", "pause", "resume", "again", "delete")))),
        *(f"api-webhooks-{name}" for name in ("detail", "test", "secret", "pause", "resume", "deliveries", "again"))], MINE),
    **{f"api-{name}-{part}": ALL for part in ("list", "detail") for name in (
        "category-groups", "categories", "lead-statuses", "disqualify-reasons", "industries", "sources", "stages", "sale-types", "sale-reasons",
        "exchange-rates", "users", "selection-categories")},
    **{f"api-{name}-list": ALL for name in ("companies", "persons", "activities", "sales", "selections", "proposals")},
    **dict.fromkeys([f"dashboards:{name}" for name in ("dashboard", "tile", "open", "data", "favourite")] + ["api-dashboards-tile"], SEEING),
    **dict.fromkeys([f"dashboards:{name}" for name in ("edit", "copy", "delete", "arrange", "library", "preview", "tile_new", "tile_edit",
                     "tile_remove", "tile_size", "tile_copy")] + ["api-dashboards-detail"], CHANGING),
    "api-forms-list": ALL, "api-forms-detail": CHANGING, "api-submissions-list": ALL, "api-submissions-detail": SEEING, "api-consents-list": ALL, "api-consents-detail": SEEING,
    "api-dashboards-list": ALL, "api-find-list": ALL, "api-selections-members": SEEING, "api-selections-combine": MAKING, "api-selections-freeze": CHANGING,
    **dict.fromkeys(["api-selections-add", "api-selections-remove"], CHANGING),
    **{f"api-{name}-detail": CHANGING for name in ("companies", "persons", "activities", "sales", "selections")},
}  # fmt: skip


def routes(patterns=None, space=""):
    """Yield (name, names of its parameters) of every address."""
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        if isinstance(entry, URLPattern):
            regex = getattr(entry.pattern, "regex", None)
            given = set(entry.pattern.converters) | (set(regex.groupindex) if regex else set())
            yield space + (entry.name or "?"), given - set(entry.default_args)
        else:
            yield from routes(entry.url_patterns, space + (f"{entry.namespace}:" if entry.namespace else ""))


def who(name):
    return ADMIN if name.startswith("admin:") else ROUTES.get(name)


def test_t02_every_address_says_for_whom_it_is():
    names = {name for name, _parameters in routes()}
    assert not {name for name in names if who(name) is None}, "Add these to ROUTES, with those they are for."
    assert not ROUTES.keys() - names, "These are no addresses any more."


@pytest.fixture
def annas(anna, category):
    """What is Anna's: the key of each thing an address can name."""
    company = CompanyFactory(by=anna, name="Nordwind", category=category("Lead"))
    person = PersonFactory(by=anna, company=company, first_name="Jana", last_name="Petersen")
    activity = ActivityFactory(by=anna, person=person, due_at="2030-01-01T10:00Z")
    gone = PersonFactory(by=anna, company=None)
    actions.delete(gone, by=anna, via="card")
    actions.edit_person(person, {"title": "CTO"}, by=anna, via="card")
    ApiToken.issue(anna)
    proposal = Proposal.objects.create(rule=AutomationRule.objects.first(), change_set=ChangeSet.objects.latest("pk"), user=anna)
    proposal.records.create(company=company)
    file = SimpleUploadedFile("file.csv", b"Last Name\nWehner\n")
    made = {name: create_selection({"name": "Annas", "kind": "static", "record_type": name, "visibility": "private"}, by=anna, via="form").pk
            for name in ("person", "company", "sale", "activity")}  # fmt: skip
    return {
        **{f"selection_{name}": pk for name, pk in made.items()},
        "dashboard": create_dashboard({"name": "Annas", "tiles": [{"id": 1, "ready": "leads_by_status"}]}, by=anna, via="form").pk,
        "form": (form := create_form({"name": "Annas", "consent_text": "Yes", "consent_purpose": "News"}, by=anna, via="form")).pk, "submission": send(form, company=None, message=None, consent=True).pk,
        "consent": Consent.objects.get().pk,
        "proposal": proposal.pk, "sale": SaleFactory(by=anna, company=company, person=person).pk, "person": person.pk, "company": company.pk, "activity": activity.pk, "gone": gone.pk, "change": ChangeSet.objects.latest("pk").pk,
        "link": keep_link(build({"target": "example.com", "source": "a", "medium": "b", "campaign": "Annas"}), by=anna, via="form")[0].pk,
        "token": ApiToken.objects.get().pk, "job": Job.objects.create(owner=anna, path="tests.crm.job_functions.nothing", title="Work").pk,
        "webhook": webhooks.create({"name": "Annas", "url": "https://example.com/hook", "events": ["person.changed"]}, by=anna)[0].pk,
        "import": imports.upload(file, "file.csv", "person", by=anna, at_once=True).pk,
    }  # fmt: skip


def key_of(name, kind, keys):
    """Return the key an address of this name is asked with."""
    for part, key in {**{f"selections:selection_{name}": f"selection_{name}" for name in ("person", "company", "sale", "activity")},
                      **{f"selections:board_of_{name}": f"selection_{name}" for name in ("person", "company", "sale")},
                      "dashboards:": "dashboard", "api-dashboards": "dashboard",
                      "selections:": "selection_person", "api-selections": "selection_person", "capture:submission": "submission", "capture:link": "link", "capture:person": "person", "capture:withdraw": "person", "capture:company": "company", "capture:": "form", "crm:undo": "change", "crm:job": "job", "crm:token": "token", "exchange:webhook": "webhook", "api-webhooks": "webhook", "exchange:": "import", "activities:edit": "activity", "activities:follow_up": "activity", "activities:postpone": "activity",
                      "activities:tick": "activity", "activities:delete": "activity", "api-persons": "person", "api-companies": "company",
                      "api-activities": "activity", "api-forms": "form", "api-submissions": "submission", "api-consents": "consent", "api-sales": "sale", "sales:company": "company", "sales:person": "person", "sales:": "sale",
                      "leads:company": "company", "leads:person": "person", "leads:proposal": "proposal", "api-proposals": "proposal", "leads:set_status": "person"}.items():  # fmt: skip
        if name.startswith(part):
            return keys[key]
    return keys[
        {"persons": "person", "companies": "company", "sales": "sale", "selections": "selection_person", "forms": "form"}[kind]
    ]


def addresses(wanted, keys):
    """Yield (name, address) of every address of these kinds, about these records."""
    for name, parameters in routes():
        if who(name) not in wanted or name == "api-nowhere":
            continue
        kinds = ("persons", "companies") + (() if name.startswith("activities:") else ("sales", "selections", "forms"))
        for kind in kinds if "kind" in parameters else ("persons",):
            values = {
                "kind": kind,
                "pk": key_of(name, kind, keys),
                "name": "owner",
                "file_type": "csv",
                "action": "owner",
                "object_id": 1,
                "what": "leads",
                "record_type": "person",
                "number": 1,
            }
            if "pk" in parameters and who(name) == ALL:
                values["pk"] = "customer" if "category-groups" in name else 1
            yield name, reverse(name, kwargs={one: values[one] for one in parameters})


def digest():
    """Return a hash of every row of the product, but for what counts requests."""
    seen = hashlib.sha256()
    for model in sorted(apps.get_models(), key=lambda model: model._meta.label):
        if model._meta.app_label in settings.LOTSE_APPS and model not in {Throttle, TableSetting}:
            for row in model._default_manager.order_by("pk").values_list():
                seen.update(repr(row).encode())
    return seen.hexdigest()


def ask(client, method, address, **headers):
    body = {"content_type": "application/json", "data": "{}"} if address.startswith("/api/") and method in UNSAFE else {}
    return getattr(client, method)(address, **body, **HTMX, **headers).status_code


def signed_in(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def test_t05_t06_of_what_is_anothers_nothing_is_there_and_nothing_changes(annas, max_):
    client, before, missing = signed_in(max_), digest(), dict.fromkeys(annas, 999_999)
    wrong, wanted = [], {SEEING, CHANGING, MINE}
    for (name, theirs), (_name, nothing) in zip(addresses(wanted, annas), addresses(wanted, missing), strict=True):
        for method in ("get", *UNSAFE) if theirs.startswith("/api/") else ("get", "post"):
            answers = ask(client, method, theirs), ask(client, method, nothing)
            allowed = {404, 405} | ({403} if name == "crm:undo" else set())
            if not set(answers) <= allowed or (answers[0] != answers[1] and name != "crm:undo"):
                wrong.append((method, theirs, answers))
    assert not wrong and digest() == before


@pytest.mark.parametrize(
    ("method", "headers"),
    [("head", {}), ("options", {}), ("get", {"HTTP_IF_NONE_MATCH": '"1"'}), ("post", {"HTTP_X_HTTP_METHOD_OVERRIDE": "GET"}),
     ("get", {"HTTP_RANGE": "bytes=0-10", "HTTP_IF_MODIFIED_SINCE": "Wed, 25 Nov 2099 01:00:00 GMT", "HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"})],
)  # fmt: skip
def test_t13_no_method_or_header_tells_what_is_anothers_from_what_is_not_there(annas, max_, method, headers):
    client, missing, wanted = signed_in(max_), dict.fromkeys(annas, 999_999), {SEEING, CHANGING, MINE}
    for (name, theirs), (_name, nothing) in zip(addresses(wanted, annas), addresses(wanted, missing), strict=True):
        if name != "crm:undo" or method != "post":
            assert ask(client, method, theirs, **headers) == ask(client, method, nothing, **headers), theirs


def test_a1_who_only_reads_changes_nothing_anywhere(annas, rita):
    client, before, wrong = signed_in(rita), digest(), []
    for name, address in addresses({CHANGING, MAKING, MINE}, annas):
        for method in UNSAFE if address.startswith("/api/") else ("post",):
            if (status := ask(client, method, address)) not in {403, 404, 405, 428}:
                wrong.append((name, method, address, status))
    assert not wrong and digest() == before


def test_t10_only_administrators_enter_the_admin_site(annas, anna):
    client, before = signed_in(anna), digest()
    answers = {
        (address, ask(client, method, address)) for _name, address in addresses({ADMIN}, annas) for method in ("get", "post")
    }
    assert {status for _address, status in answers} == {403} and digest() == before


def test_t21_looking_changes_nothing(annas, anna):
    client, before = signed_in(anna), digest()
    for name, address in addresses({ALL, SEEING, CHANGING, MINE, MAKING}, annas):
        assert ask(client, "get", address) in {200, 204, 302, 400, 404, 405, 422}, name
    assert digest() == before


def test_t21_the_api_takes_no_session_without_its_token(annas, anna):
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    for _name, address in addresses({ALL, CHANGING}, annas):
        if address.startswith("/api/v1/") and ("persons" in address or "companies" in address or "activities" in address):
            for method in UNSAFE:
                assert ask(client, method, address, HTTP_ORIGIN="null") in {403, 405}, (method, address)
