"""Tasks on ticked rows of every list: change a field, plan follow-ups (S8, R6, R16, R17)."""

import html
import json
import re

import pytest
from django.urls import reverse

from activities.models import Activity
from crm.history import changes
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from leads import actions as leads
from leads.models import Company, Person
from sales.models import Sale
from selections import tasks
from tests.factories import PersonFactory, SaleFactory, arrange

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_unattributed")]
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def act(client, anna, persons):
    client.force_login(anna)

    def post(action, on=persons, page="leads:persons", **data):
        ids = ",".join(str(record.pk) for record in on)
        return client.post(reverse(f"{page}_act", args=[action]), {"ids": ids, "count": str(len(on)), **data}, **HTMX)

    return post


def titles():
    return list(Person.objects.order_by("pk").values_list("title", flat=True))


def test_s8_a_field_is_set_after_a_preview_that_changes_nothing_and_undone_as_one(act, anna, persons):
    assert 'value="title"' in act("change").content.decode()
    shown = act("change", field="title", operation="set", title="CTO", **{"try": "1"}).content.decode()
    assert "4 of 4 would change" in shown and set(titles()) == {""}
    before = ChangeSet.objects.count()
    done = act("change", field="title", operation="set", title="CTO", go="1")
    assert done.status_code == 204 and set(titles()) == {"CTO"} and ChangeSet.objects.count() == before + 1
    undo(ChangeSet.objects.latest("pk"), by=anna, via="list")
    assert set(titles()) == {""}


def test_s8_texts_are_cleared_and_replaced_in_and_yes_and_no_turned_round(act, persons):
    leads.edit_person(persons[0], {"title": "CEO Berlin"}, by=persons[0].owner, via="card")
    act("change", field="title", operation="replace", search="Berlin", replace="Hamburg", go="1")
    assert titles() == ["CEO Hamburg", "", "", ""]
    act("change", field="title", operation="clear", go="1")
    assert set(titles()) == {""}
    act("change", field="former_employee", operation="toggle", go="1")
    assert Person.objects.filter(former_employee=True).count() == 4
    act("change", field="former_employee", operation="set", go="1")
    assert Person.objects.filter(former_employee=False).count() == 4


def test_s8_who_is_left_out_and_why_is_in_the_preview_and_the_log(act, anna, persons, category):
    alone = PersonFactory(by=anna, company=None, last_name="XXX")
    given = {"field": "category", "operation": "set", "category": category("Partner").pk}
    shown = act("change", on=[*persons, alone], **given, **{"try": "1"}).content.decode()
    assert "1 of 5 would change" in shown and "The category is that of the company Nordwind" in shown
    done = act("change", on=[*persons, alone], **given, go="1")
    assert "4 left unchanged" in done.headers["HX-Trigger"]


def test_s8_what_was_previewed_is_what_is_done(act, persons):
    """A value typed after the preview is previewed first; and an empty one is no value: there is *Clear*."""
    asked = {"field": "title", "operation": "set"}
    shown = act("change", **asked, title="CEO", **{"try": "1"}).content.decode()
    assert "→ <b>CEO</b>" in shown
    previewed = html.unescape(re.search(r'name="previewed" value="([^"]*)"', shown)[1])
    other = act("change", **asked, title="XXX", previewed=previewed, go="1")
    assert other.status_code == 422 and "no longer what the preview was of" in other.content.decode()
    assert "→ <b>XXX</b>" in other.content.decode() and set(titles()) == {""}
    act("change", **asked, title="CEO", previewed=previewed, go="1")
    assert set(titles()) == {"CEO"}
    empty = act("change", **asked, title="", **{"try": "1"}).content.decode()
    assert "choose “Clear”" in empty and "would change" not in empty


def test_s8_what_is_missing_is_said_at_each_field(act, persons):
    page = act("plan", kind="call", subject=" ", due_on="", go="1")
    text = page.content.decode()
    assert page.status_code == 422 and text.count('aria-invalid="true"') == 2


def test_r17_whom_somebody_changed_after_the_dialog_opened_is_left(act, anna, persons):
    as_of = Change.objects.latest("id").pk
    leads.edit_person(persons[1], {"title": "Theirs"}, by=anna, via="card")
    act("change", field="title", operation="set", title="Mine", as_of=as_of, go="1")
    assert titles() == ["Mine", "Theirs", "Mine", "Mine"]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"field": "owner__password"}, {"field": "lead_status"}, {"field": "title", "operation": "replace"},
     {"field": "last_name", "operation": "set", "last_name": ""}, {"field": "owner", "operation": "set", "owner": "999999"},
     {"field": "email", "operation": "set", "email": "nonsense"}],
)  # fmt: skip
def test_bad_input_is_refused_and_changes_nothing(wrong, act):
    before = Change.objects.count()
    assert act("change", **wrong, go="1").status_code == 422
    assert Change.objects.count() == before


def test_s8_companies_and_sales_are_changed_by_their_own_rules(act, anna, persons):
    company = persons[0].company
    sale = SaleFactory(by=anna, company=company)
    act("change", on=[company], page="leads:companies", field="city", operation="set", city="Kiel", go="1")
    assert Company.objects.get().city_key == "kiel"
    act("change", on=[sale], page="sales:sales", field="amount", operation="set", amount="12.50", go="1")
    assert Sale.objects.get().base_cents == 1250


def test_s8_follow_ups_one_each_or_per_company_and_all_undone(act, anna, persons):
    alone = PersonFactory(by=anna, company=None, last_name="XXX")
    given = {"kind": "call", "subject": "Invite", "due_on": "2030-01-31", "owner": "me", "go": "1"}
    act("plan", on=[*persons, alone], per="record", **given)
    assert Activity.objects.filter(subject="Invite", owner=anna).count() == 5
    undo(ChangeSet.objects.filter(action="activity.create", parent=None).latest("pk"), by=anna, via="list")
    assert not Activity.objects.live().exists()
    done = act("plan", on=[*persons, alone], per="company", **given)
    assert Activity.objects.live().get().company == persons[0].company and "1 left" in done.headers["HX-Trigger"]
    for wrong in ({"subject": " "}, {"due_on": "2030-02-31"}, {"kind": "note"}, {"owner": "999999"}):
        assert act("plan", **{**given, **wrong}).status_code == 422


def test_a1_follow_ups_are_planned_for_those_that_their_owner_sees(act, anna, max_, mia, persons):
    shared = PersonFactory(by=mia, company=None, owner=anna, last_name="XXX")
    given = {"kind": "call", "subject": "Invite", "due_on": "2030-01-31", "owner": str(max_.pk), "go": "1"}
    for per in ("record", "company"):
        done = act("plan", on=[*persons, shared], per=per, **given)
        assert done.status_code == 204 and "Nothing was changed" in done.headers["HX-Trigger"]
    arrange(Company.objects.all(), owner=max_)
    done = act("plan", on=[*persons, shared], per="record", **given)
    assert Activity.objects.filter(owner=max_).count() == 4 and "1 left" in done.headers["HX-Trigger"]


@pytest.mark.parametrize("per, told", [("record", "4 follow-ups created: Invite"), ("company", "Follow-up created: Invite")])
def test_r16_the_undo_of_many_follow_ups_tells_how_many_they_were(per, told, act, client):
    act("plan", kind="call", subject="Invite", due_on="2030-01-31", owner="me", per=per, go="1")
    planned = ChangeSet.objects.filter(action="activity.create", parent=None).latest("pk")
    answer = client.post(reverse("crm:undo", args=[planned.pk]), **HTMX)
    assert json.loads(answer.headers["HX-Trigger"])["toast"]["text"] == f"Undone: {told}"


def test_settled_11_many_follow_ups_are_one_change_set_undone_as_one(anna, persons, monkeypatch):
    monkeypatch.setattr(changes, "AT_ONCE", 2)
    monkeypatch.setattr(changes.chunks, "__defaults__", (2,))
    options = {"kind": "call", "subject": "Invite", "due_on": "2030-01-31", "owner": "record", "per": "record"}
    outcome = tasks.run_plan(Person.objects.all(), "", by=anna, via="bulk", **options)
    assert outcome.changed == 4 and outcome.change_set.state == "done"
    undo(outcome.change_set, by=anna, via="list")
    assert not Activity.objects.live().exists()
