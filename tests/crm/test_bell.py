"""The bell: what a user sees of their background work (U2)."""

import json

import pytest
from django.utils import timezone, translation
from django.utils.translation import gettext

from crm.history.models import ChangeSet
from crm.jobs import enqueue
from crm.jobs.models import Job
from crm.jobs.worker import run_pending
from crm.web import formats
from tests.crm import job_functions


@pytest.fixture
def bell(anna, client):
    client.force_login(anna)
    return client


@pytest.fixture
def job(anna):
    return enqueue(job_functions.make_team, owner=anna, title="Import of <list>.csv", name="x")


def end(job, **values):
    Job.objects.filter(pk=job.pk).update(**{"state": "done", "finished_at": timezone.now(), **values})


def test_what_runs_shows_how_far_it_is_and_is_asked_again(bell, job):
    Job.objects.update(state="running", done=1_200, total=3_900)
    page = bell.get("/jobs/").content.decode()
    assert "Import of &lt;list&gt;.csv" in page and 'value="1200" max="3900"' in page and "1,200 of 3,900" in page
    assert f"/jobs/watch/?running={job.pk}" in page and "every 1s" in page


def test_nothing_is_asked_again_when_nothing_runs(bell, job):
    end(job)
    page = bell.get("/jobs/").content.decode()
    assert "every 1s" not in page


def test_its_end_is_told_once_with_link_and_undo(bell, job):
    end(job, result={"text": "3,900 persons are new.", "url": "/persons/", "link": "Show persons"})
    answer = bell.get(f"/jobs/watch/?running={job.pk}")
    told = json.loads(answer.headers["HX-Trigger"])
    assert told["toast"]["text"] == "Import of <list>.csv: 3,900 persons are new."
    assert told["toast"]["link"] == {"url": "/persons/", "text": "Show persons"} and "changed" in told
    assert "HX-Trigger" not in bell.get("/jobs/watch/?running=").headers


def test_a_failure_is_told_as_an_error(bell, job):
    end(job, state="failed", result={"text": "This file is no list."})
    told = json.loads(bell.get(f"/jobs/watch/?running={job.pk}").headers["HX-Trigger"])["toast"]
    assert told["level"] == "error" and "no list" in told["text"]


def test_the_page_a_job_leads_to_needs_no_message_of_its_end(bell, job):
    end(job, result={"text": "3,900 persons are new.", "url": "/imports/7/", "shown": True})
    there = {"HX-Request": "true", "HX-Current-URL": "http://testserver/imports/7/"}
    told = json.loads(bell.get(f"/jobs/watch/?running={job.pk}", headers=there).headers["HX-Trigger"])
    assert "toast" not in told and "changed" in told
    there["HX-Current-URL"] = "http://testserver/persons/"
    assert "toast" in json.loads(bell.get(f"/jobs/watch/?running={job.pk}", headers=there).headers["HX-Trigger"])
    # A list it leads to tells nothing of it.
    end(job, result={"text": "3,900 persons were changed.", "url": "/persons/"})
    assert "toast" in json.loads(bell.get(f"/jobs/watch/?running={job.pk}", headers=there).headers["HX-Trigger"])


def test_each_reads_of_a_job_in_their_own_language(bell, anna):
    job = enqueue(
        job_functions.count_to, owner=anna, title=lambda: formats.number(4_000) + " " + gettext("Persons"), number=1_234
    )
    older = enqueue(job_functions.make_team, owner=anna, title="Älter", name="x")
    Job.objects.filter(pk=older.pk).update(titles={}, state="done", result={"text": "Made older."})
    run_pending(beating=False)
    for language, title, text in (("en", "4,000 Persons", "1,234 Companies"), ("de", "4.000 Personen", "1.234 Firmen")):
        anna.language = language
        anna.save()
        page = bell.get("/jobs/").content.decode()
        assert title in page and text in page and "Älter" in page and "Made older." in page
        with translation.override(language):
            assert (Job.objects.get(pk=job.pk).label, Job.objects.get(pk=job.pk).text) == (title, text)


def test_why_a_job_failed_is_read_in_ones_own_language(anna):
    job = enqueue(job_functions.make_team, owner=anna, title="x", name="x")
    Job.objects.update(cancel_asked=True)
    lost = enqueue(job_functions.make_team, owner=anna, title="x", name="x")
    Job.objects.filter(pk=lost.pk).update(path="crm.gone")
    run_pending(beating=False)
    with translation.override("de"):
        assert "Abgebrochen" in Job.objects.get(pk=job.pk).text and "kennt" in Job.objects.get(pk=lost.pk).text
    with translation.override("en"):
        assert "Cancelled" in Job.objects.get(pk=job.pk).text and "does not know" in Job.objects.get(pk=lost.pk).text


def test_undo_is_offered_as_long_as_there_is_something_to_undo(bell, anna, job):
    mine, undone = (ChangeSet.objects.create(by=anna, via="import", action="import", undone=undone) for undone in (False, True))
    end(job, result={"text": "In.", "url": "/imports/", "undo": mine.pk})
    other = enqueue(job_functions.make_team, owner=anna, title="Other", name="x")
    end(other, result={"text": "In.", "undo": undone.pk})
    page = bell.get("/jobs/").content.decode()
    assert f"/history/{mine.pk}/undo/" in page and f"/history/{undone.pk}/undo/" not in page
    told = json.loads(bell.get(f"/jobs/watch/?running={job.pk}").headers["HX-Trigger"])["toast"]
    assert told["undo_url"] == f"/history/{mine.pk}/undo/"
    told = json.loads(bell.get(f"/jobs/watch/?running={other.pk}").headers["HX-Trigger"])["toast"]
    assert told["undo_url"] is None and Job.objects.get(pk=other.pk).undo_url is None


def test_the_mark_goes_when_its_owner_has_looked(bell, job):
    end(job)
    assert "badge-count" in bell.get("/jobs/").content.decode()
    bell.post("/jobs/seen/")
    assert "badge-count" not in bell.get("/jobs/").content.decode()


def test_what_still_runs_is_not_marked_as_seen(bell, job):
    bell.post("/jobs/seen/")
    job.refresh_from_db()
    assert not job.seen


def test_nobody_sees_or_cancels_another_users_work(bell, jan):
    theirs = enqueue(job_functions.make_team, owner=jan, title="Secret", name="x")
    assert "Secret" not in bell.get("/jobs/").content.decode()
    assert "Secret" not in str(bell.get(f"/jobs/watch/?running={theirs.pk}").headers)
    assert bell.post(f"/jobs/{theirs.pk}/cancel/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "ready"


def test_the_owner_cancels_by_the_bell(bell, job):
    assert "Cancelled" in bell.post(f"/jobs/{job.pk}/cancel/").content.decode()
    job.refresh_from_db()
    assert job.state == "cancelled"


@pytest.mark.parametrize("running", ["x", "1,2,abc", "9" * 40, "\x01", "," * 500, "-1", "²"])
def test_a_wrong_question_is_no_error(bell, running):
    assert bell.get("/jobs/watch/", {"running": running}).status_code == 200


@pytest.mark.parametrize("many", [1, 50])
def test_the_bell_needs_a_constant_number_of_queries(bell, anna, many, django_assert_max_num_queries):
    for number in range(many):
        job = enqueue(job_functions.make_team, owner=anna, title=f"Work {number}", name="x")
        end(job, result={"undo": ChangeSet.objects.create(by=anna, via="import", action="import").pk})
    bell.get("/jobs/")
    with django_assert_max_num_queries(8):  # session, user, teams, jobs, their undo, what waits for an answer, selections, forms
        bell.get("/jobs/")
