"""The lists that administrators edit, by their actions: R2, R5, R8, R9, R10, R11."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, transaction

from crm.history.changes import AT_ONCE, Conflict
from crm.history.models import Change, ChangeSet
from crm.history.undo import is_large, undo
from crm.jobs.worker import run_pending
from leads import actions, lifecycle, list_items
from leads.models import Category, CategoryGroup, Company, Industry, LeadStatus, Person, Source
from leads.setup import CATEGORIES, STATUSES
from tests.factories import CompanyFactory, PersonFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


@pytest.fixture
def admin(ada):
    """Keyword arguments of every action here."""
    return {"by": ada, "via": "admin"}


@pytest.fixture
def company(ada, category):
    return CompanyFactory(by=ada, name="Nordwind", category=category("Lead"))


@pytest.fixture
def person(ada, company):
    return PersonFactory(by=ada, company=company)


def no_drift():
    return lifecycle.drift() == []


# --- R9, R10: what is there from the start ----------------------------------------------------------------------------


def test_r9_the_predefined_categories_are_there_with_their_groups(lists):
    found = set(Category.objects.values_list("name_en", "name_de", "group", "lead_status_enabled"))
    assert found == {(english, german, group, enabled) for english, german, group, enabled, *_rest in CATEGORIES}
    assert set(Category.objects.values_list("group", flat=True)) == set(CategoryGroup.CODES)


def test_r10_the_predefined_statuses_are_there_with_kind_and_description_in_both_languages(lists):
    assert list(LeadStatus.objects.values_list("name_en", "kind")) == [(english, kind) for english, _de, kind, *_rest in STATUSES]
    assert not LeadStatus.objects.filter(description_en="").exists() and not LeadStatus.objects.filter(description_de="").exists()


def test_r10_a_renamed_status_keeps_its_kind(admin, status):
    list_items.edit_item(status("Qualified"), {"name_en": "Sales ready"}, **admin)
    assert status("Sales ready").kind == "qualified"


# --- Who may -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anna", "mia", "rita"])
def test_only_administrators_change_lists(who, request, status, category):
    admin = {"by": request.getfixturevalue(who), "via": "admin"}
    for attempt in (
        lambda: list_items.create_item(Source, {"name_en": "Fair"}, **admin),
        lambda: list_items.edit_item(status("Open"), {"name_en": "New"}, **admin),
        lambda: list_items.reorder(Source, [], **admin),
        lambda: list_items.set_default(category("Opportunity"), **admin),
        lambda: list_items.delete_item(status("Qualified"), **admin),
        lambda: list_items.restore_item(status("Qualified"), **admin),
    ):
        with pytest.raises(PermissionDenied):
            attempt()


# --- R11: adding, renaming, ordering ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Category, LeadStatus, Industry, Source])
def test_r11_a_new_item_stands_at_the_end_and_undo_takes_it_away(model, admin):
    values = {"name_en": " Referral ", "name_de": "Vermittlung", "colour": "teal", "description_en": "By a friend"}
    item = list_items.create_item(model, values | group_of(model), **admin)
    assert (item.name_en, item.colour, list(model.objects.all())[-1]) == ("Referral", "teal", item)
    undo(ChangeSet.objects.latest("pk"), **admin)
    item.refresh_from_db()
    assert item.deleted_at


def group_of(model):
    return {"group": CategoryGroup.objects.get(pk="other")} if model is Category else {}


def test_r11_one_name_serves_both_languages_until_the_other_is_given(admin):
    item = list_items.create_item(Source, {"name_de": "Messestand"}, **admin)
    assert item.name_en == "Messestand"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name_en": "", "name_de": ""}, "name_en"),
        ({"name_en": "x" * 81}, "name_en"),
        ({"name_en": "Nul\x00"}, "name_en"),
        ({"name_en": "Two\nlines"}, "name_en"),
        ({"name_en": "Fair", "description_de": "y" * 401}, "description_de"),
        ({"name_en": "Fair", "colour": "#ff0000"}, "colour"),
        ({"name_en": "google"}, "name_en"),
        ({"name_en": "Fair", "name_de": "MESSE"}, "name_de"),
        ({"name_en": "Fair", "rank": 1}, "rank"),
        ({"name_en": "Fair", "is_default": True}, "is_default"),
    ],
)
def test_r11_what_cannot_be_an_item_is_refused_at_its_field(values, field, admin):
    before = Source.objects.count()
    with pytest.raises(ValidationError) as refused:
        list_items.create_item(Source, values, **admin)
    assert field in refused.value.message_dict
    assert Source.objects.count() == before and not ChangeSet.objects.filter(action="source.create").exists()


def test_r11_the_name_of_a_deleted_item_is_free_again_but_then_that_one_cannot_come_back(admin):
    old = Source.objects.get(name_en="Google")
    list_items.delete_item(old, **admin)
    list_items.create_item(Source, {"name_en": "Google"}, **admin)
    with pytest.raises(ValidationError, match="Rename that one first"):
        list_items.restore_item(old, **admin)


def test_r11_items_are_put_into_an_order_and_undo_puts_them_back(admin):
    before = list(LeadStatus.objects.values_list("pk", flat=True))
    outcome = list_items.reorder(LeadStatus, before[::-1], **admin)
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == before[::-1]
    undo(outcome.change_set, **admin)
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == before


def test_r11_an_order_that_names_only_some_items_lets_the_others_follow(admin):
    ids = list(LeadStatus.objects.values_list("pk", flat=True))
    list_items.reorder(LeadStatus, [ids[3], ids[1]], **admin)
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == [ids[3], ids[1], ids[0], ids[2], ids[4]]
    with pytest.raises(ValidationError):
        list_items.reorder(LeadStatus, [10**9], **admin)


def test_r17_a_stale_edit_keeps_both_where_the_fields_differ_and_is_refused_where_they_do_not(admin, status):
    seen = status("Qualified")
    list_items.edit_item(seen, {"name_en": "Sales ready"}, version=seen.version, **admin)
    was = {"name_en": "Qualified", "colour": "green"}
    list_items.edit_item(seen, {"colour": "teal"}, version=seen.version, was=was, **admin)
    with pytest.raises(Conflict) as conflict:
        list_items.edit_item(seen, {"name_en": "Ready"}, version=seen.version, was=was, **admin)
    assert conflict.value.fields == {"name_en": ("Sales ready", "Ready")}
    assert status("Sales ready").colour == "teal"


def test_r11_an_order_is_undone_as_a_whole_or_not_at_all(admin):
    ids = list(LeadStatus.objects.values_list("pk", flat=True))
    first = list_items.reorder(LeadStatus, [ids[2], *ids[:2], *ids[3:]], **admin)
    list_items.reorder(LeadStatus, [ids[0], ids[2], ids[1], *ids[3:]], **admin)
    outcome = undo(first.change_set, **admin)
    assert outcome.changed == 0 and {reason for _pk, reason in outcome.left} == {"The order was changed again later."}
    assert list(LeadStatus.objects.values_list("pk", flat=True)) == [ids[0], ids[2], ids[1], *ids[3:]]


# --- R5: the default ---------------------------------------------------------------------------------------------------


def test_r5_making_another_status_the_default_is_one_action_and_undone_as_one(admin, status):
    new = list_items.create_item(LeadStatus, {"name_en": "New", "name_de": "Neu", "kind": "open"}, **admin)
    outcome = list_items.set_default(new, **admin)
    assert list(LeadStatus.objects.filter(is_default=True)) == [new]
    assert PersonFactory(by=admin["by"]).lead_status == new
    undone = undo(outcome.change_set, **admin)
    assert list(LeadStatus.objects.filter(is_default=True)) == [status("Open")]
    undo(undone.change_set, **admin)
    assert list(LeadStatus.objects.filter(is_default=True)) == [new]


def test_r5_only_an_open_status_that_is_not_deleted_can_be_the_default(admin, status):
    with pytest.raises(ValidationError, match="kind Open"):
        list_items.set_default(status("Qualified"), **admin)
    new = list_items.create_item(LeadStatus, {"name_en": "New", "name_de": "Neu", "kind": "open"}, **admin)
    list_items.delete_item(new, **admin)
    with pytest.raises(ValidationError, match="deleted"):
        list_items.set_default(new, **admin)
    with pytest.raises(ValidationError, match="no default"):
        list_items.set_default(Source.objects.first(), **admin)


def test_r5_the_default_is_renamed_but_neither_deleted_nor_given_another_kind(admin, status, category):
    for default in (status("Open"), category("Lead")):
        with pytest.raises(ValidationError, match="make another one the default first"):
            list_items.delete_item(default, **admin)
    with pytest.raises(ValidationError) as refused:
        list_items.edit_item(status("Open"), {"kind": "working"}, **admin)
    assert "kind" in refused.value.message_dict
    list_items.edit_item(status("Open"), {"name_en": "Brand new"}, **admin)
    assert status("Brand new").is_default


def test_r5_an_undo_never_leaves_two_defaults_or_none(admin, status):
    first, second = (list_items.create_item(LeadStatus, {"name_en": name, "kind": "open"}, **admin) for name in ("One", "Two"))
    earlier = list_items.set_default(first, **admin)
    list_items.set_default(second, **admin)
    outcome = undo(earlier.change_set, **admin)
    assert outcome.changed == 0 and outcome.left
    assert list(LeadStatus.objects.filter(is_default=True)) == [second]


def test_r5_an_undo_never_takes_the_kind_away_under_the_default(admin, status):
    became_open = list_items.edit_item(status("Contacting"), {"kind": "open"}, **admin)
    list_items.set_default(status("Contacting"), **admin)
    outcome = undo(became_open.change_set, **admin)
    assert outcome.changed == 0 and "default" in outcome.left[0][1]


def test_r5_a_check_reports_a_list_without_a_default(lists):
    call_command("check", databases=["default"])
    for model, code in ((LeadStatus, "E001"), (Category, "E002")):
        default = model.objects.get(is_default=True)
        arrange(model.objects.filter(pk=default.pk), is_default=False)
        with pytest.raises(SystemCheckError, match=code):
            call_command("check", databases=["default"])
        arrange(model.objects.filter(pk=default.pk), is_default=True)


# --- R2, R8: lead status on and off -------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["customer", "partner", "lost", "other"])
def test_r2_lead_status_is_refused_outside_potential_customer_by_action_and_database(group, admin):
    item = Category.objects.filter(group=group).first()
    with pytest.raises(ValidationError) as refused:
        list_items.edit_item(item, {"lead_status_enabled": True}, **admin)
    assert "lead_status_enabled" in refused.value.message_dict
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.filter(pk=item.pk).update(lead_status_enabled=True)


def test_r8_switching_off_and_on_changes_no_stored_status(admin, person, category, status):
    actions.set_lead_status(person, status("Qualified"), by=admin["by"], via="card")
    for enabled in (False, True):
        list_items.edit_item(category("Lead"), {"lead_status_enabled": enabled}, **admin)
        person.refresh_from_db()
        assert (person.is_lead, person.lead_status) == (enabled, status("Qualified"))
        assert no_drift()


def test_r8_switching_on_gives_the_default_status_to_those_who_have_none(admin, category, status, company):
    list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, **admin)
    company.refresh_from_db()
    nobody, alone = PersonFactory(company=company), PersonFactory(company=None)
    assert nobody.lead_status is None
    outcome = list_items.edit_item(category("Lead"), {"lead_status_enabled": True}, **admin)
    for person in (nobody, alone):
        person.refresh_from_db()
        assert person.is_lead and person.lead_status == status("Open")
    undo(outcome.change_set, **admin)
    nobody.refresh_from_db()
    assert not nobody.is_lead and nobody.lead_status is None and no_drift()


def test_r8_who_came_while_it_was_off_is_open_when_that_is_undone(admin, category, status, company):
    switched_off = list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, **admin)
    person = PersonFactory(company=company)
    undone = undo(switched_off.change_set, **admin)
    person.refresh_from_db()
    assert person.is_lead and person.lead_status == status("Open") and no_drift()
    undo(undone.change_set, **admin)
    person.refresh_from_db()
    assert not person.is_lead and no_drift()


def test_r8_who_is_created_with_what_was_read_before_the_switch_follows_all_the_same(admin, category, status, company):
    list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, **admin)
    assert company.category.lead_status_enabled  # as an import read it a minute ago
    person = PersonFactory(company=company)
    assert not person.is_lead and no_drift()


def test_r8_persons_in_the_bin_follow_too(admin, category, person):
    actions.delete(person, by=admin["by"], via="card")
    list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, **admin)
    assert no_drift() and not Person.objects.get(pk=person.pk).is_lead


def test_r8_many_persons_follow_in_chunks_under_one_change_set(admin, category, company):
    list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, **admin)
    many = AT_ONCE + 50
    company.refresh_from_db()
    actions.create_persons([{"last_name": f"P{n}", "company": company} for n in range(many)], by=admin["by"], via="import")
    lead = category("Lead")
    assert list_items.is_large(lead, values={"lead_status_enabled": True})
    assert not list_items.is_large(lead, values={"name_en": "Prospect"})
    seen = []
    on = list_items.edit_item(lead, {"lead_status_enabled": True}, progress=lambda *done: seen.append(done), **admin)
    assert seen == [(AT_ONCE, many), (many, many)] and on.change_set.state == ChangeSet.State.DONE
    assert Person.objects.filter(is_lead=True, lead_status__is_default=True).count() == many and no_drift()
    assert is_large(on.change_set)
    undo(on.change_set, **admin)
    assert not Person.objects.filter(is_lead=True).exists()
    assert not Person.objects.exclude(lead_status=None).exists() and no_drift()


def test_r8_a_failure_on_the_way_leaves_all_as_it_was(admin, category, company):
    many = AT_ONCE + 50
    actions.create_persons([{"last_name": f"P{n}", "company": company} for n in range(many)], by=admin["by"], via="import")

    def fail(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list_items.edit_item(category("Lead"), {"lead_status_enabled": False}, progress=fail, **admin)
    assert category("Lead").lead_status_enabled and Person.objects.filter(is_lead=True).count() == many and no_drift()


def test_r8_a_job_does_it_where_there_are_many_and_its_result_can_be_undone(admin, category, person):
    lead = category("Lead")
    job = list_items.enqueue_edit(lead, {"lead_status_enabled": False}, version=lead.version, was=None, by=admin["by"])
    run_pending(beating=False)
    job.refresh_from_db()
    assert job.state == "done" and "Lead" in job.text and not category("Lead").lead_status_enabled and no_drift()
    undo(ChangeSet.objects.get(pk=job.result["undo"]), **admin)
    assert category("Lead").lead_status_enabled and no_drift()


# --- Changing a category's group (settled 5) -----------------------------------------------------------------------------


def test_a_category_with_lead_status_must_have_it_switched_off_to_leave_potential_customer(admin, category, person):
    lost = CategoryGroup.objects.get(pk="lost")
    with pytest.raises(ValidationError, match="Switch it off"):
        list_items.edit_item(category("Lead"), {"group": lost}, **admin)
    outcome = list_items.edit_item(category("Lead"), {"group": lost, "lead_status_enabled": False}, **admin)
    status = person.lead_status
    person.refresh_from_db()
    assert not person.is_lead and person.lead_status == status and no_drift()
    undone = undo(outcome.change_set, **admin)
    assert (category("Lead").group_id, category("Lead").lead_status_enabled) == ("potential", True) and no_drift()
    undo(undone.change_set, **admin)
    assert category("Lead").group_id == "lost" and no_drift()


def test_an_undo_never_breaks_r2(admin, category):
    joined = list_items.edit_item(category("Partner"), {"group": CategoryGroup.objects.get(pk="potential")}, **admin)
    list_items.edit_item(category("Partner"), {"lead_status_enabled": True}, **admin)
    outcome = undo(joined.change_set, **admin)
    assert outcome.changed == 0 and "lead status" in outcome.left[0][1]


# --- R11: deleting, replacing, restoring --------------------------------------------------------------------------------


def test_r11_a_deleted_status_stays_on_its_records_and_is_selectable_no_more(admin, person, status):
    qualified = status("Qualified")
    actions.set_lead_status(person, qualified, by=admin["by"], via="card")
    list_items.delete_item(qualified, **admin)
    person.refresh_from_db()
    assert person.lead_status.label == "Qualified (deleted)"
    assert qualified not in LeadStatus.objects.selectable()
    list_items.restore_item(qualified, **admin)
    assert qualified in LeadStatus.objects.selectable()


def test_r11_a_replacement_takes_over_all_records_and_undo_gives_them_back(admin, person, status):
    gone = PersonFactory(company=person.company)
    everyone = Person.objects.filter(pk__in=[person.pk, gone.pk])
    actions.set_lead_status(everyone, status("Contacting"), by=admin["by"], via="bulk")
    actions.delete(gone, by=admin["by"], via="card")
    since = Person.objects.get(pk=person.pk).lead_status_since
    outcome = list_items.delete_item(status("Contacting"), status("Open"), **admin)
    assert outcome.changed == 3 and set(everyone.values_list("lead_status", flat=True)) == {status("Open").pk}
    # The reps have not touched them: how long they have been waiting is still true.
    assert Person.objects.get(pk=person.pk).lead_status_since == since
    undo(outcome.change_set, **admin)
    assert set(everyone.values_list("lead_status", flat=True)) == {status("Contacting").pk}
    assert not status("Contacting").deleted_at


def test_r11_restoring_moves_no_record_back(admin, person, status):
    actions.set_lead_status(person, status("Contacting"), by=admin["by"], via="card")
    list_items.delete_item(status("Contacting"), status("Open"), **admin)
    list_items.restore_item(status("Contacting"), **admin)
    person.refresh_from_db()
    assert person.lead_status == status("Open")


@pytest.mark.parametrize(
    ("target", "is_lead", "expected"), [("Opportunity", True, "Qualified"), ("Customer", False, "Qualified")]
)
def test_r11_the_replacement_of_a_category_follows_r7(admin, person, category, status, target, is_lead, expected):
    alone = PersonFactory(company=None, category=category("Marketing qualified lead (MQL)"))
    old = category("Marketing qualified lead (MQL)")
    actions.set_category(person.company, old, by=admin["by"], via="card")
    actions.set_lead_status(Person.objects.all(), status("Qualified"), by=admin["by"], via="bulk")
    outcome = list_items.delete_item(old, category(target), **admin)
    for one in (person, alone):
        one.refresh_from_db()
        assert (one.category, one.is_lead, one.lead_status) == (category(target), is_lead, status(expected))
    assert no_drift()
    undo(outcome.change_set, **admin)
    for one in (person, alone):
        one.refresh_from_db()
        assert (one.category, one.is_lead) == (old, True)
    assert no_drift()


def test_r11_entering_a_category_that_starts_over_by_replacement_starts_over(admin, category, status):
    company = CompanyFactory(category=category("Customer"))
    person = PersonFactory(company=company)
    arrange(Person.objects.filter(pk=person.pk), lead_status=status("Qualified"))
    list_items.edit_item(category("Lead"), {"start_over": True}, **admin)
    list_items.delete_item(category("Customer"), category("Lead"), **admin)
    person.refresh_from_db()
    assert person.lead_status == status("Open") and person.is_lead and no_drift()


@pytest.mark.parametrize(
    ("model", "holder", "field"), [(Industry, CompanyFactory, "industry"), (Source, PersonFactory, "source")]
)
def test_r11_every_list_can_be_replaced(model, holder, field, admin):
    old, new = model.objects.all()[:2]
    record = holder(**{field: old})
    list_items.delete_item(old, new, **admin)
    record.refresh_from_db()
    assert getattr(record, field) == new


def test_r11_a_replacement_is_another_item_of_the_list_that_is_not_deleted(admin, status, category):
    list_items.delete_item(status("Re-nurture"), **admin)
    for wrong in (status("Qualified"), status("Re-nurture"), category("Lead")):
        with pytest.raises(ValidationError) as refused:
            list_items.delete_item(status("Qualified"), wrong, **admin)
        assert "replacement" in refused.value.message_dict
    with pytest.raises(ValidationError, match="already been deleted"):
        list_items.delete_item(status("Re-nurture"), **admin)
    with pytest.raises(ValidationError, match="restore it first"):
        list_items.edit_item(status("Re-nurture"), {"name_en": "Later"}, **admin)


def test_r11_a_deleted_item_can_be_given_a_replacement_later(admin, person, status):
    actions.set_lead_status(person, status("Qualified"), by=admin["by"], via="card")
    list_items.delete_item(status("Qualified"), **admin)
    list_items.delete_item(status("Qualified"), status("Contacting"), **admin)
    person.refresh_from_db()
    assert person.lead_status == status("Contacting")


def test_r11_many_records_are_moved_in_chunks_and_come_back_in_chunks(admin, company, category, status):
    many = AT_ONCE + 50
    actions.create_companies(
        [{"name": f"C{n}", "category": category("Partner")} for n in range(many)], by=admin["by"], via="import"
    )
    outcome = list_items.delete_item(category("Partner"), category("Supplier"), **admin)
    assert Company.objects.filter(category=category("Supplier")).count() == many and outcome.changed == many + 1
    assert outcome.change_set.state == ChangeSet.State.DONE
    undo(outcome.change_set, **admin)
    assert Company.objects.filter(category=category("Partner")).count() == many and not category("Partner").deleted_at


def test_r11_a_job_replaces_where_there_are_many(admin, person, status):
    actions.set_lead_status(person, status("Qualified"), by=admin["by"], via="card")
    job = list_items.enqueue_delete(status("Qualified"), status("Contacting"), by=admin["by"])
    run_pending(beating=False)
    job.refresh_from_db()
    person.refresh_from_db()
    assert person.lead_status == status("Contacting") and "Contacting" in job.text


def test_r11_a_deletion_that_would_be_lost_behind_an_edit_is_refused(admin, category):
    lead = category("Lead")
    how = {"version": lead.version, "was": {"lead_status_enabled": True}, "by": admin["by"]}
    first = list_items.enqueue_edit(lead, {"lead_status_enabled": False}, **how)
    assert list_items.enqueue_edit(lead, {"lead_status_enabled": False}, **how) == first  # the same once more is the same
    with pytest.raises(ValidationError, match="An earlier change of it is still running"):
        list_items.enqueue_delete(lead, category("Customer"), by=admin["by"])
    with pytest.raises(ValidationError):
        list_items.enqueue_edit(lead, {"start_over": True}, version=lead.version, was=None, by=admin["by"])
    run_pending(beating=False)
    list_items.enqueue_edit(lead, {"start_over": True}, version=None, was=None, by=admin["by"])
    run_pending(beating=False)
    assert not category("Lead").lead_status_enabled and category("Lead").start_over


def test_r11_usage_counts_all_records_whoever_may_see_them_in_one_query(admin, person, max_, category, django_assert_num_queries):
    PersonFactory(by=max_, company=None, category=category("Lead"))
    actions.delete(PersonFactory(company=person.company), by=admin["by"], via="card")
    with django_assert_num_queries(1):
        counts = {item.name_en: (item.company_count, item.person_count) for item in list_items.with_usage(Category.objects.all())}
    assert counts["Lead"] == (1, 2) and counts["Partner"] == (0, 0)
    assert list_items.usage(category("Lead")) == [(Company, 1, 0), (Person, 2, 1)]


# --- Undo -----------------------------------------------------------------------------------------------------------------


def test_only_administrators_undo_a_change_of_a_list(admin, mia, status):
    outcome = list_items.edit_item(status("Qualified"), {"name_en": "Sales ready"}, **admin)
    with pytest.raises(PermissionDenied):
        undo(outcome.change_set, by=mia, via="list")
    assert status("Sales ready")


def test_an_undo_never_brings_a_name_back_that_another_item_has_taken(admin):
    google = Source.objects.get(name_en="Google")
    renamed = list_items.edit_item(google, {"name_en": "Search engine", "name_de": "Suchmaschine"}, **admin)
    list_items.create_item(Source, {"name_en": "Google"}, **admin)
    outcome = undo(renamed.change_set, **admin)
    assert outcome.changed == 0 and "already in this list" in outcome.left[0][1]


def test_undoing_the_creation_of_an_item_leaves_it_if_records_use_it(admin, person):
    item = list_items.create_item(Source, {"name_en": "Fair stand"}, **admin)
    created = ChangeSet.objects.latest("pk")
    actions.edit_person(person, {"source": item}, by=admin["by"], via="card")
    outcome = undo(created, **admin)
    assert outcome.changed == 0 and "use it" in outcome.left[0][1]
    item.refresh_from_db()
    assert not item.deleted_at


def test_each_action_is_one_entry_of_the_history(admin, status):
    outcome = list_items.edit_item(status("Qualified"), {"name_en": "Sales ready", "colour": "teal"}, **admin)
    assert outcome.change_set.params["item"] == {"en": "Sales ready", "de": "Qualifiziert"}
    assert set(Change.objects.filter(change_set=outcome.change_set).values_list("field", flat=True)) == {"name_en", "colour"}
    assert list_items.edit_item(status("Sales ready"), {"colour": "teal"}, **admin).change_set is None
