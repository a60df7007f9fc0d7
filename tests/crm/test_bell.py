"""The bell: what a user sees of their background work (U2)."""

import json

import pytest
from django.utils import timezone

from crm.jobs import enqueue
from crm.jobs.models import Job
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
        enqueue(job_functions.make_team, owner=anna, title=f"Work {number}", name="x")
    bell.get("/jobs/")
    with django_assert_max_num_queries(7):  # session, user, teams, jobs, what waits for an answer, selections, forms
        bell.get("/jobs/")
