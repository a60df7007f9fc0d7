"""Webhooks: what happens to records is told to a real receiver, signed, in order, at least once (A4, Z3, T54)."""

import json
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from activities.actions import set_done
from crm.history.changes import change, long_change, writing
from crm.history.models import ChangeSet
from crm.history.purge import purge_bin
from crm.history.undo import undo
from crm.jobs import schedule
from crm.jobs.models import Job
from crm.jobs.worker import run_pending
from crm.models import ApiToken
from exchange.models import Delivery, Webhook
from exchange.webhooks import actions, outbox, sender
from exchange.webhooks.events import EVENTS
from leads.actions import delete, edit_person, restore, set_category, set_lead_status, set_owner
from leads.models import Company, Person
from sales.actions import lose, set_stage, win
from sales.models import SaleReason, SaleStage
from tests.exchange.receiver import Receiver, closed_port
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory

DOCS = (Path(__file__).resolve().parent.parent.parent / "docs" / "webhooks.md").read_text()


@pytest.fixture(autouse=True)
def _anywhere(settings):
    settings.WEBHOOKS_ANYWHERE = True


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def make(receiver):
    """Make a webhook of a user's to the receiver, for everything unless told; return it and its secret."""

    def make(user, events=tuple(EVENTS), url=None):
        return actions.create({"name": "All", "url": url or receiver.url, "events": events}, by=user)

    return make


@pytest.fixture
def hook(anna, make):
    return make(anna)[0]


@pytest.fixture
def lead(anna, category):
    return PersonFactory(by=anna, company=CompanyFactory(by=anna, category=category("Lead")), last_name="Petersen")


def work():
    """Do what a worker does within a second."""
    schedule.look()
    return run_pending(beating=False)


def hurry():
    """Let the time of all that waits have come."""
    Delivery.objects.filter(state="waiting").update(next_at=timezone.now())


def title(person, text, by):
    person.refresh_from_db()
    edit_person(person, {"title": text}, by=by, via="card")


# --- What is told -----------------------------------------------------------------------------------------------------


def test_each_action_is_told_once_with_all_that_it_was(lead, hook, receiver, anna, jan, mia, status, category):
    company = lead.company
    person = PersonFactory(by=anna, company=company)
    set_lead_status(person, status("Contacting"), by=anna, via="card")
    set_owner(person, jan, by=anna, via="bulk")
    title(person, "CTO", anna)
    delete(person, by=anna, via="card")
    restore(Person.objects.filter(pk=person.pk), by=anna, via="card")
    set_category(company, category("Customer"), by=anna, via="card")
    undo(ChangeSet.objects.latest("pk"), by=anna, via="card")
    sale = SaleFactory(by=anna, company=company, person=None)
    set_stage(sale, SaleStage.objects.exclude(pk=sale.stage_id).first(), by=anna, via="card")
    win(sale, by=anna, via="card")
    lost = SaleFactory(by=anna, company=company, person=None)
    lose(lost, reason=SaleReason.objects.filter(outcome="lost").first(), by=anna, via="card")
    activity = ActivityFactory(by=anna, person=lead, due_at="2030-01-01T10:00Z")
    set_done(activity, True, by=anna, via="card")
    set_done(activity, False, by=anna, via="card")
    work()

    def told(record):
        kind = record.history.record_type
        names = [one["events"] for one in receiver.events if (one["record_type"], one["record_id"]) == (kind, record.pk)]
        return [[name.partition(".")[2] for name in some] for some in names]

    assert told(person) == [
        ["created"], ["changed", "lead_status_changed"], ["changed", "owner_changed"], ["changed"], ["deleted"], ["restored"],
    ]  # fmt: skip
    assert told(company)[:2] == [["changed", "category_changed"]] * 2
    assert told(sale) == [["created"], ["changed", "stage_changed"], ["changed", "won"]]
    assert told(lost) == [["created"], ["changed", "lost"]]
    assert told(activity) == [["created"], ["changed", "done"], ["changed", "reopened"]]
    assert not Delivery.objects.exclude(state="done").exists() and not Webhook.objects.exclude(failures=0).exists()


def test_a_message_holds_the_record_as_the_api_shows_it_now(lead, hook, receiver, anna):
    title(lead, "CTO", anna)
    title(lead, "CEO", anna)
    work()
    first, second = receiver.events
    token = ApiToken.issue(anna)
    shown = Client().get(f"/api/v1/persons/{lead.pk}/", HTTP_AUTHORIZATION=f"Token {token}").json()
    assert first["record"] == second["record"] == shown and shown["title"] == "CEO"
    assert first["changed"] == ["title"] and (first["by"], first["via"]) == (anna.pk, "card")
    assert first["sequence"] < second["sequence"] and first["id"] != second["id"] == receiver.got[1].headers["Lotse-Event-Id"]


def test_only_what_a_webhook_asks_for_is_told_and_only_from_its_beginning_on(lead, make, receiver, anna, status):
    make(anna, ["person.lead_status_changed"])
    title(lead, "CTO", anna)
    set_lead_status(lead, status("Qualified"), by=anna, via="card")
    work()
    assert [one["changed"] for one in receiver.events] == [["lead_status"]]


def test_what_is_removed_for_good_was_told_when_it_was_deleted(lead, hook, receiver, anna):
    delete(lead, by=anna, via="card")
    work()
    assert purge_bin(timezone.now() + timedelta(days=99))
    work()
    assert [(one["events"], one["record"]) for one in receiver.events] == [(["person.deleted"], None)]


def test_what_came_and_was_removed_before_anybody_was_told_is_not_told(hook, receiver, anna, make, jan):
    theirs = make(jan, ["person.created", "person.deleted"])[0]
    with long_change("import", by=anna, via="import") as change_set, writing(change_set):
        person = PersonFactory(by=anna, company=None)
    work()
    theirs.deliveries.all().delete()
    undo(ChangeSet.objects.get(pk=change_set.pk), by=anna, via="import")
    assert not Person.objects.filter(pk=person.pk).exists()
    work()
    told = [one["events"] for one in receiver.events if one["record_type"] == "person"]
    assert sorted(told) == [["person.created"], ["person.created"], ["person.deleted"]]


# --- Of what is not to be known, and of what did not happen -----------------------------------------------------------


def test_t04_nobody_is_told_of_what_they_may_not_see(lead, hook, make, receiver, anna, max_, mia):
    their_hook, _secret = make(max_)
    title(lead, "CTO", anna)
    work()
    assert len(receiver.got) == 1 and not their_hook.deliveries.exists()
    set_owner(lead.company, max_, by=mia, via="bulk")
    set_owner(lead, max_, by=mia, via="bulk")
    work()
    title(lead, "CEO", max_)
    work()
    last = [
        (one.webhook.user.username, one.record_type) for one in Delivery.objects.select_related("webhook__user").order_by("pk")
    ][-1:]
    assert last == [("max", "person")] and receiver.events[-1]["record"]["title"] == "CEO"
    assert not hook.deliveries.filter(pk__gt=their_hook.deliveries.earliest("pk").pk, record_type="person").exists()


def test_what_was_rolled_back_is_not_told(lead, hook, receiver, anna):
    with pytest.raises(RuntimeError), transaction.atomic():
        title(lead, "CTO", anna)
        raise RuntimeError
    assert not outbox.unannounced(outbox.beginning()).exists()
    work()
    assert not receiver.got


def test_a_long_change_is_told_when_it_is_whole_and_never_if_it_failed(lead, hook, receiver, anna):
    with pytest.raises(RuntimeError), long_change("person.edit", by=anna, via="bulk") as change_set:
        with writing(change_set):
            Person.objects.filter(pk=lead.pk).update(title="CTO", **Person.edited())
        raise RuntimeError
    with long_change("person.edit", by=anna, via="bulk") as change_set:
        with writing(change_set), change("automation", by=anna, via="automation"):
            Company.objects.filter(pk=lead.company_id).update(city="Bremen", **Company.edited())
        with writing(change_set):
            Person.objects.filter(pk=lead.pk).update(title="CEO", **Person.edited())
        work()
        assert not receiver.got
    work()
    assert {(one["record_type"], *one["changed"]) for one in receiver.events} == {("company", "city"), ("person", "title")}


def test_t09_whoever_may_no_longer_export_is_told_nothing_more(lead, hook, receiver, anna, roles):
    title(lead, "CTO", anna)
    roles["sales_rep"].may_export = False
    roles["sales_rep"].save()
    work()
    hook.refresh_from_db()
    assert not receiver.got and hook.pause == "rights" and hook.deliveries.count() == 1
    notice = Job.objects.of(anna).get()
    assert "All" in notice.title and "export" in notice.text and notice.url == f"/settings/webhooks/{hook.pk}/"


# --- Signed -----------------------------------------------------------------------------------------------------------


def test_the_signature_is_as_the_documentation_checks_it(lead, make, receiver, anna):
    code: dict = {}
    exec(re.search(r"```python\n(.*?)```", DOCS, re.DOTALL)[1], code)  # our own documentation
    webhook, secret = make(anna)
    title(lead, "CTO", anna)
    work()
    new = actions.change_secret(webhook, by=anna)
    title(lead, "CEO", anna)
    work()
    genuine = code["is_genuine"]
    first, second = [(one.headers["Lotse-Signature"], one.body) for one in receiver.got]
    assert genuine(*first, secret) and not genuine(*first, new)
    assert genuine(*second, secret) and genuine(*second, new)
    header, body = first
    assert not genuine(header, body + b" ", secret) and not genuine(header, body, "whsec_another")
    assert not genuine(header, body, secret, now=time.time() + 600)
    Webhook.objects.update(old_secret_until=timezone.now())
    title(lead, "COO", anna)
    work()
    assert not genuine(receiver.got[2].headers["Lotse-Signature"], receiver.got[2].body, secret)
    webhook.refresh_from_db()
    assert new not in webhook.secret and webhook.secrets() == [new]


def test_a_new_secret_cures_one_of_another_key(make, anna, settings):
    webhook, _secret = make(anna)
    settings.SECRET_KEY = "another" * 9  # as after a restore without the key
    new = actions.change_secret(webhook, by=anna)
    webhook.refresh_from_db()
    assert webhook.secrets() == [new]


# --- Order, repetition, giving up -------------------------------------------------------------------------------------


def test_a_failing_delivery_holds_back_its_record_and_no_other(lead, hook, receiver, anna):
    other = PersonFactory(by=anna, company=lead.company)
    work()
    receiver.got.clear()
    receiver.answer = lambda request: 500 if request.event["record_id"] == lead.pk else 200
    for text in ("One", "Two", "Three"):
        title(lead, text, anna)
        title(other, text, anna)
        work()
    assert sorted(one["record_id"] for one in receiver.events) == sorted([lead.pk, *[other.pk] * 3])
    receiver.answer = lambda request: 200
    receiver.got.clear()
    hurry()
    work()
    sequences = [one["sequence"] for one in receiver.events]
    assert [one["record_id"] for one in receiver.events] == [lead.pk] * 3 and sequences == sorted(sequences)


def test_it_is_tried_later_and_later_then_given_up_and_sent_again_if_asked(lead, hook, receiver, anna):
    receiver.answer = lambda request: 503
    title(lead, "CTO", anna)
    waits = []
    for _try in range(sender.TRIES):
        hurry()
        assert work() and not work()
        one = Delivery.objects.get()
        waits.append(round((one.next_at - one.tried_at).total_seconds()))
    assert waits[: sender.TRIES - 1] == [10, 40, 160, 640, 2560, 10240, 40960]
    assert (one.state, one.attempts, one.status) == ("dead", 8, 503) and "503" in one.error and one.milliseconds is not None
    receiver.answer = lambda request: 200
    title(lead, "CEO", anna)  # what was given up holds back no longer
    work()
    assert actions.send_again(hook, [one.pk], by=anna) == 1 and actions.send_again(hook, by=anna) == 0
    work()
    events = receiver.events[sender.TRIES - 1 :]
    assert [event["record"]["title"] for event in events] == ["CTO", "CEO", "CEO"]
    assert events[0]["id"] == events[2]["id"] and events[2]["sequence"] > events[1]["sequence"]
    hook.refresh_from_db()
    assert hook.failures == 0 and hook.failing_since is None


def test_where_nothing_arrives_any_more_it_is_paused_and_its_owner_told(lead, make, anna):
    webhook, _secret = make(anna, url=f"http://127.0.0.1:{closed_port()}/")
    title(lead, "CTO", anna)
    for _try in range(2):
        hurry()
        work()
    Webhook.objects.update(failures=sender.PAUSE_FAILURES, failing_since=timezone.now() - sender.PAUSE_AFTER)
    hurry()
    work()
    work()
    webhook.refresh_from_db()
    notice = Job.objects.of(anna).get()
    assert webhook.pause == "failing" and "refused" in notice.text
    title(lead, "CEO", anna)
    work()
    assert webhook.deliveries.filter(state="waiting").count() == 2
    server = Receiver()
    actions.edit(webhook, {"url": server.url}, by=anna)
    actions.send_test(webhook, by=anna)
    work()
    assert [one["events"] for one in server.events] == [["test"]]  # also a paused one can be tried
    actions.resume(webhook, by=anna)
    work()
    server.close()
    assert [one["events"] for one in server.events[1:]] == [["person.changed"]] * 2


def test_a_test_that_failed_is_not_given_up_anywhere(page, make, anna):
    webhook, _secret = make(anna, url=f"http://127.0.0.1:{closed_port()}/")
    actions.send_test(webhook, by=anna)
    work()
    log = page.get(f"/settings/webhooks/{webhook.pk}/").content.decode()
    assert ">Failed<" in log and ">Given up</span>" not in log and "Send all given up again" not in log
    rows = {state: page.get(f"/settings/webhooks/{webhook.pk}/?state={state}").content.decode().count("data-row")
            for state in ("failed", "dead", "done")}  # fmt: skip
    assert rows == {"failed": 1, "dead": 0, "done": 0}
    assert 'data-label="Given up">0<' in page.get("/settings/webhooks/").content.decode()


def test_a_secret_that_cannot_be_read_stops_its_own_webhook_alone(lead, make, receiver, anna):
    broken, _secret = make(anna)
    Webhook.objects.filter(pk=broken.pk).update(secret="sealed with another key")
    make(anna)
    title(lead, "CTO", anna)
    work()
    assert len(receiver.got) == 1 and "secret" in broken.deliveries.get().error


def test_a_slow_receiver_holds_back_itself_alone(lead, make, receiver, anna, monkeypatch):
    slow = Receiver()
    slow.answer = lambda request: time.sleep(1) or 200
    make(anna, url=slow.url)
    make(anna)
    persons = [PersonFactory(by=anna, company=lead.company) for _ in range(12)]
    began = time.monotonic()
    receiver.answer = lambda request: receiver_times.append(time.monotonic() - began) or 200
    receiver_times: list[float] = []
    work()
    slow.close()
    assert len(slow.got) == len(receiver.got) == len(persons) and 1 < slow.most_at_once <= sender.AT_ONCE
    assert len([one for one in receiver_times if one < 1]) >= 6, receiver_times


# --- Many -------------------------------------------------------------------------------------------------------------


def test_many_records_cost_the_action_nothing_and_the_outbox_a_few_statements(
    lead, make, receiver, anna, monkeypatch, django_assert_num_queries, status
):
    persons = [PersonFactory(by=anna, company=lead.company) for _ in range(30)]
    title(lead, "CTO", anna)
    with django_assert_num_queries(1):
        schedule.look()
    with_none = counted(lambda: set_lead_status(persons, status("Contacting"), by=anna, via="bulk"))
    assert not Job.objects.filter(unique_key="webhooks").exists()
    make(anna)
    assert counted(lambda: set_lead_status(persons, status("Qualified"), by=anna, via="bulk")) == with_none
    few = counted(outbox.announce)
    set_lead_status(persons[:3], status("Contacting"), by=anna, via="bulk")
    assert counted(outbox.announce) == few and Delivery.objects.count() == 33
    monkeypatch.setattr(outbox, "ENTRIES", 10)
    set_lead_status(persons, status("Contacting"), by=anna, via="bulk")
    outbox.announce()
    outbox.announce()
    assert Delivery.objects.count() == 60
    work()
    assert len(receiver.got) == 60 and not Delivery.objects.exclude(state="done").exists()


def counted(function):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(
        connection,
    ) as queries:
        function()
    return len(queries)


def test_old_deliveries_are_forgotten_at_night(lead, hook, anna, receiver):
    title(lead, "CTO", anna)
    work()
    title(lead, "CEO", anna)
    outbox.announce()
    Delivery.objects.filter(state="done").update(queued_at=timezone.now() - timedelta(days=15))
    sender.forget_deliveries()
    assert [one.state for one in Delivery.objects.all()] == ["waiting"]


# --- The pages and the API --------------------------------------------------------------------------------------------


@pytest.fixture
def page(client, anna):
    client.post("/accounts/login/", {"login": "anna", "password": "a good password"})
    client.post("/accounts/reauthenticate/", {"password": "a good password"})
    return client


def test_a_webhook_is_made_tried_changed_and_deleted_on_its_pages(page, lead, receiver, anna):
    given = {"name": "Shop", "url": receiver.url, "events": ["person.changed", "sale.won"]}
    answer = page.post("/settings/webhooks/new/", given)
    webhook, text = Webhook.objects.get(), answer.content.decode()
    secret = re.search(r"whsec_[\w-]+", text)[0]
    one = f"/settings/webhooks/{webhook.pk}/"
    assert webhook.secrets() == [secret] and secret not in page.get(one).content.decode()
    assert page.post(f"{one}test/").status_code == 302
    title(lead, "<b>CTO</b>", anna)
    receiver.answer = lambda request: 500
    for _try in range(sender.TRIES):
        hurry()
        work()
    shown = page.get(one).content.decode()
    assert all(part in shown for part in ("Petersen", "Given up", "500", "Test", "Send again")) and "<b>CTO" not in shown
    dead = Delivery.objects.get(state="dead", record_type="person")
    page.post(f"{one}again/", {"delivery": dead.pk})
    assert Delivery.objects.filter(state="waiting", attempts=0).count() == 1
    # Only the test failed still, and that is not given up.
    assert page.get(f"{one}?state=dead", HTTP_HX_REQUEST="true").content.decode().count("data-row") == 0
    assert page.post(f"{one}edit/", {**given, "name": "Store"}).status_code == 302
    page.post(f"{one}pause/")
    assert Webhook.objects.get().pause == "user" and "Store" in page.get("/settings/webhooks/").content.decode()
    page.post(f"{one}resume/")
    assert "whsec_" in page.post(f"{one}secret/").content.decode() and Webhook.objects.get().pause == ""
    assert "1 waiting event is dropped." in page.get(f"{one}delete/").content.decode()
    page.post(f"{one}delete/")
    assert not Webhook.objects.exists() and not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("name", "", "required"), ("url", "ftp://example.com", "web address"), ("url", "https://user:pass@example.com/", "without a user"),
     ("url", "http://127.0.0.1:8000/", "https://"), ("url", "https://127.0.0.1/", "private network"), ("events", [], "required"),
     ("events", ["person.exploded"], "person.exploded")],
)  # fmt: skip
def test_what_is_wrong_is_said_at_the_field(page, anna, settings, field, value, said):
    settings.WEBHOOKS_ANYWHERE = False
    given = {"name": "Shop", "url": "https://example.com/hook", "events": ["person.changed"], field: value}
    answer = page.post("/settings/webhooks/new/", given)
    errors = re.search(rf'id="id_{field}_error">(.*?)</div>', answer.content.decode(), re.DOTALL)
    assert answer.status_code == 422 and said in errors[1]
    token = ApiToken.issue(anna)
    headers = {"HTTP_AUTHORIZATION": f"Token {token}", "content_type": "application/json"}
    answer = Client().post("/api/v1/webhooks/", json.dumps(given), **headers)
    assert answer.status_code == 400 and set(answer.json()) == {field}
    assert not Webhook.objects.exists()


def test_the_api_does_what_the_pages_do(lead, receiver, anna, jan, ada, roles):
    def client(user):
        token = ApiToken.issue(user)

        def ask(method, path, body=None):
            answer = Client().generic(method, f"/api/v1/webhooks/{path}", json.dumps(body or {}), "application/json",
                                      HTTP_AUTHORIZATION=f"Token {token}")  # fmt: skip
            return answer.status_code, answer.json() if answer.content else None

        return ask

    ask, other, admin = client(anna), client(jan), client(ada)
    status, made = ask("POST", "", {"name": "Shop", "url": receiver.url, "events": ["person.changed"]})
    one = f"{made['id']}/"
    assert status == 201 and made["secret"].startswith("whsec_") and "secret" not in ask("GET", one)[1]
    assert ask("GET", "")[1]["count"] == 1 and other("GET", "")[1]["count"] == 0 and other("GET", one)[0] == 404
    assert ask("PATCH", one, {"name": "Store"})[1]["name"] == "Store" and ask("PATCH", one, {"pause": "user"})[0] == 400
    assert ask("POST", f"{one}test/")[0] == 201 and ask("POST", f"{one}secret/")[1]["secret"] != made["secret"]
    title(lead, "CTO", anna)
    work()
    log = ask("GET", f"{one}deliveries/?state=done")[1]["results"]
    assert [row["status"] for row in log] == [204, 204] and ask("GET", f"{one}deliveries/?state=lost")[0] == 400
    assert ask("POST", f"{one}pause/")[1]["pause"] == "user" and ask("POST", f"{one}resume/")[1]["pause"] == ""
    Delivery.objects.filter(record_type="person").update(state="dead")
    assert ask("POST", f"{one}again/", {"ids": [log[0]["id"]]})[1] == {"queued": 1}
    # Administrators may look and stop, no more.
    assert admin("GET", one)[0] == 200 and admin("POST", f"{one}pause/")[0] == 200
    assert admin("PATCH", one, {"url": receiver.url})[0] == admin("POST", f"{one}secret/")[0] == 403
    roles["sales_rep"].may_export = False
    roles["sales_rep"].save()
    assert ask("GET", "")[0] == 403 and admin("DELETE", one)[0] == 204


def test_the_list_and_the_log_need_a_constant_number_of_statements(page, lead, receiver, anna, make):
    def ask():
        return counted(lambda: page.get("/settings/webhooks/")), counted(lambda: page.get(f"/settings/webhooks/{webhook.pk}/"))

    webhook, _secret = make(anna)
    title(lead, "One", anna)
    work()
    few = ask()
    for number in range(4):
        make(anna)
        title(PersonFactory(by=anna, company=lead.company), f"{number}", anna)
    work()
    assert ask() == few
