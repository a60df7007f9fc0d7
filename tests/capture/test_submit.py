"""What becomes of a submission (C2, C3, R12)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from capture import actions
from capture.models import Assignment, CompanyOrigin, Consent, PersonOrigin, Submission
from crm.history.models import ChangeSet
from crm.history.undo import undo
from leads import actions as leads
from leads.list_items import delete_item
from leads.models import Company, Person, Source
from tests.capture.conftest import FACEBOOK, LINKEDIN, send, touch_of
from tests.factories import CompanyFactory, PersonFactory

pytestmark = pytest.mark.usefixtures("nothing_unattributed")


def test_c2_c3_a_new_person_and_company_are_leads_with_first_touch_lead_creation_and_source(form, anna, status):
    submission = send(form, first=LINKEDIN, latest=FACEBOOK)
    person = submission.person
    assert (submission.state, submission.known, person.company.name) == ("accepted", False, "Nordwind GmbH")
    assert (person.company.category.name_en, person.lead_status, person.owner, person.company.owner) == (
        "Lead",
        status("Open"),
        anna,
        anna,
    )
    origin = PersonOrigin.objects.get(person=person)
    assert touch_of(origin, "first_") == {
        "source": "linkedin", "medium": "social", "campaign": "spring", "term": "", "content": "", "referrer": "www.linkedin.com/feed",
    }  # fmt: skip
    assert (origin.lead_source, origin.lead_campaign) == ("facebook", "summer")
    assert CompanyOrigin.objects.get(company=person.company).source == "facebook"
    assert (submission.source, submission.campaign) == ("facebook", "summer")


def test_c2_c3_of_a_known_person_only_the_conversion_is_stored(form, anna, category):
    company = CompanyFactory(by=anna, name="Nordwind GmbH", category=category("Customer"))
    person = PersonFactory(by=anna, company=company, first_name="Jana", last_name="Alt", email="Jana@Nordwind.example")
    submission = send(form, latest=FACEBOOK, last_name="Neu", company="Another one")
    person.refresh_from_db()
    assert (submission.person, submission.known, submission.owner) == (person, True, anna)
    assert (submission.source, submission.medium) == ("facebook", "cpc")
    assert (person.last_name, person.company.category) == ("Alt", category("Customer"))
    assert not PersonOrigin.objects.exists() and not Company.objects.filter(name="Another one").exists()
    assert not Assignment.objects.exists(), "they had an owner"


def test_r12_a_new_person_at_a_customer_leaves_it_a_customer(form, anna, category):
    company = CompanyFactory(by=anna, name="Nordwind GmbH", category=category("Customer"))
    person = send(form, latest=FACEBOOK, company="  NORDWIND gmbh ").person
    company.refresh_from_db()
    assert (person.company, company.category, person.lead_status) == (company, category("Customer"), None)
    assert not CompanyOrigin.objects.exists(), "it was there before"


def test_r12_a_potential_customer_keeps_its_category_too(form, anna, category):
    CompanyFactory(by=anna, name="Nordwind GmbH", category=category("Opportunity"))
    assert send(form).person.company.category == category("Opportunity")


def test_c3_a_person_without_a_company_is_a_lead_by_their_own_category(form, category, status):
    form.questions = [one for one in form.questions if one["name"] != "company.name"]
    person = send(form, company=None).person
    assert (person.company, person.category, person.lead_status) == (None, category("Lead"), status("Open"))


def test_c3_whoever_gave_only_an_email_is_called_by_it(form):
    form.questions = [{"name": "person.email", "required": True}]
    assert send(form, company=None, last_name=None).person.name == "jana"


def test_c3_a_double_click_or_a_retry_is_one_submission(form):
    assert send(form, "same") == send(form, "same", last_name="Other")
    assert (Submission.objects.count(), Person.objects.count(), Assignment.objects.count()) == (1, 1, 1)
    send(form, "another")
    assert (Submission.objects.count(), Person.objects.count()) == (2, 1)


def test_c3_what_a_stranger_sends_is_in_the_history_as_nobodys_and_is_undone_as_one(form, mia):
    submission = send(form, latest=FACEBOOK)
    accepted = ChangeSet.objects.get(action="submission.accept")
    assert (accepted.by, accepted.via, accepted.params["name"]) == (None, "form", "Website")
    undo(accepted, by=mia, via="card")
    submission.refresh_from_db()
    assert (submission.state, submission.person) == ("received", None)
    assert not Person.objects.live().exists() and not Company.objects.live().exists()
    actions.release(submission, by=mia, via="card")
    submission.refresh_from_db()
    assert submission.state == "accepted" and submission.person.deleted_at is None
    assert PersonOrigin.objects.get(person=submission.person).lead_source == "facebook"


def test_c5_spam_waits_in_quarantine_until_somebody_who_may_releases_it(form, mia, anna, rita):
    submission = send(form, why="trap", first=LINKEDIN)
    assert submission.state == "spam" and not Person.objects.exists() and not Assignment.objects.exists()
    with pytest.raises(PermissionDenied):
        actions.release(submission, by=rita, via="card")
    outcome = actions.release(submission, by=mia, via="card")
    submission.refresh_from_db()
    assert (outcome.changed, submission.state, submission.person.origin.first_source) == (1, "accepted", "linkedin")
    assert actions.release(submission, by=mia, via="card").changed == 0
    undo(outcome.change_set, by=mia, via="card")
    submission.refresh_from_db()
    assert submission.state == "spam" and not Person.objects.live().exists()


def test_a5_a_consent_is_kept_with_the_person_its_words_and_its_version(form, mia):
    actions.edit_form(form, {"consent_text": "You may write to me.", "consent_purpose": "Newsletter"}, by=mia, via="card")
    form.refresh_from_db()
    send(form, "first", consent=False)
    assert not Consent.objects.exists()
    person = send(form, "second", consent=True).person
    actions.edit_form(form, {"consent_text": "You may write to me, sometimes."}, by=mia, via="card")
    form.refresh_from_db()
    send(form, "third", consent=True)
    kept = [(one.purpose, one.version, one.text) for one in person.consents.order_by("pk")]
    assert kept == [("Newsletter", 2, "You may write to me."), ("Newsletter", 3, "You may write to me, sometimes.")]


def test_r18_with_a_person_goes_for_good_what_they_sent(form, mia, settings):
    from crm.history.purge import purge_bin

    person = send(form, latest=FACEBOOK).person
    leads.delete(person, by=mia, via="card")
    settings.BIN_DAYS = -1
    purge_bin()
    assert not Person.objects.exists() and not Submission.objects.exists() and not PersonOrigin.objects.exists()


def test_c5_spam_that_nobody_releases_is_forgotten(form):
    from datetime import timedelta

    from capture.lifecycle import SPAM_DAYS, forget_spam

    old, young = send(form, "old", why="trap"), send(form, "young", why="trap", email="other@example.com")
    Submission.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(days=SPAM_DAYS + 1))
    forget_spam()
    assert list(Submission.objects.all()) == [young]


def broken(error, times=1):
    """Return a stand-in for the choice of an owner that fails so often, and then decides as ever."""
    from capture import assign

    left, choose = [times], assign.choose

    def fails(*given):
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return choose(*given)

    return fails


def test_c3_what_comes_while_the_database_is_busy_is_kept_and_matched_by_a_job(form, anna, monkeypatch):
    from django.db import OperationalError

    from crm.jobs.worker import run_pending

    monkeypatch.setattr("capture.assign.choose", broken(OperationalError("canceling statement due to lock timeout")))
    submission = send(form, latest=FACEBOOK)
    assert (submission.state, submission.why) == ("received", "waiting") and not Person.objects.exists()
    assert send(form) == submission, "a retry finds it"
    run_pending()
    submission.refresh_from_db()
    assert (submission.state, submission.why, submission.owner) == ("accepted", "", anna)
    assert (submission.person.origin.lead_source, Submission.objects.count(), Person.objects.count()) == ("facebook", 1, 1)


def test_c3_a_fault_of_ours_loses_no_lead_and_is_said_on_its_page(form, mia, client, monkeypatch):
    from crm.jobs.worker import run_pending

    monkeypatch.setattr("capture.assign.choose", broken(ZeroDivisionError()))
    submission = send(form)
    run_pending()
    submission.refresh_from_db()
    assert (submission.state, submission.why) == ("received", "failed") and not Person.objects.exists()
    client.force_login(mia)
    assert "which was logged" in client.get(submission.get_absolute_url()).content.decode()
    client.post(submission.get_absolute_url())
    submission.refresh_from_db()
    assert (submission.state, submission.why) == ("accepted", "")


def test_c3_what_somebody_took_back_is_not_matched_by_itself(form, mia):
    from crm.jobs.worker import run_pending

    submission = send(form)
    undo(ChangeSet.objects.get(action="submission.accept"), by=mia, via="card")
    actions.match(None, submission_id=submission.pk)
    run_pending()
    submission.refresh_from_db()
    assert submission.state == "received" and not Person.objects.live().exists()


def test_settled_5_a_source_that_a_form_gives_its_leads_cannot_be_deleted(form, mia, ada):
    source, other = Source.objects.all()[:2]
    actions.edit_form(form, {"source": source}, by=mia, via="card")
    for replacement in (None, other):
        with pytest.raises(ValidationError, match="Website"):
            delete_item(source, replacement, by=ada, via="admin")
    actions.edit_form(form, {"source": other}, by=mia, via="card")
    delete_item(source, by=ada, via="admin")
    form.refresh_from_db()
    actions.delete(form, by=mia, via="card")
    delete_item(other, by=ada, via="admin")
