"""The queue, with real worker processes on the tests' database."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from crm.history.models import ChangeSet
from crm.jobs import enqueue, find, schedule
from crm.jobs.models import Job
from crm.jobs.worker import run_pending
from crm.models import Team, Throttle
from leads.actions import create_persons
from leads.models import Person
from tests.crm import job_functions

ROOT = Path(__file__).resolve().parent.parent.parent


def database_url():
    """Return the address of the tests' database for another process."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


@pytest.fixture
def start_worker(transactional_db, lists):
    """Start workers; those still running at the end are killed."""
    processes = []

    def start(*arguments):
        environment = {
            **os.environ, "DATABASE_URL": database_url(), "LOTSE_PROFILE": "test", "DJANGO_SETTINGS_MODULE": "crm.settings"
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.crm.run_worker", *arguments]
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def until(true, patience=30):
    ends = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < ends, "waited for nothing"
        time.sleep(0.05)
    return found


def state(job):
    return Job.objects.get(pk=job.pk).state


def test_a_job_commits_with_the_data_it_is_about(transactional_db, lists):
    with pytest.raises(RuntimeError), transaction.atomic():
        enqueue(job_functions.make_team, name="Nobody")
        raise RuntimeError
    assert not Job.objects.exists()


def test_only_registered_functions_run(transactional_db, lists):
    for path in ("os.system", "tests.crm.job_functions.not_a_job", "crm.models.Team.objects.create", "crm.nowhere.job", ""):
        assert find(path) is None
        row = Job.objects.create(path=path)
        run_pending()
        assert state(row) == "failed"
    assert not Team.objects.exists()


def test_three_workers_do_each_job_once(start_worker):
    jobs = [enqueue(job_functions.make_team, name=f"Team {number}") for number in range(60)]
    workers = [start_worker("--once") for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert Job.objects.filter(state="done", attempts=1).count() == len(jobs) == Team.objects.count()


def test_a_killed_workers_job_is_taken_over_and_done_once(start_worker, ada, anna, tmp_path):
    create_persons([{"first_name": "P", "last_name": str(number)} for number in range(2_100)], by=ada, via="system")
    before = ChangeSet.objects.latest("pk").pk
    job = enqueue(job_functions.give_all_to, owner=ada, to=anna.pk, sign=str(tmp_path / "sign"))
    first = start_worker()
    until((tmp_path / "sign").exists)
    assert Person.objects.filter(owner=anna).count() == 2_000  # half-done
    first.send_signal(signal.SIGKILL)
    start_worker()
    until(lambda: state(job) == "done")
    assert Person.objects.filter(owner=anna).count() == 2_100
    sets = ChangeSet.objects.filter(pk__gt=before).order_by("pk")
    assert [(change_set.state, change_set.undone) for change_set in sets] == [("failed", True), ("done", False)]
    assert Job.objects.get(pk=job.pk).attempts == 2


def test_a_long_job_keeps_its_lease(start_worker, tmp_path):
    job = enqueue(job_functions.slowly, steps=150, sign=str(tmp_path / "sign"))  # 3 s with a lease of 2
    workers = [start_worker(), start_worker()]
    until(lambda: state(job) == "done")
    assert Job.objects.get(pk=job.pk).attempts == 1
    for worker in workers:
        worker.terminate()
        assert worker.wait(20) == 0


def test_progress_shows_and_its_owner_can_cancel_it(start_worker, ada, tmp_path):
    job = enqueue(job_functions.slowly, owner=ada, steps=10_000, sign=str(tmp_path / "sign"))
    start_worker()
    until(lambda: Job.objects.get(pk=job.pk).done > 5)
    job.refresh_from_db()
    assert job.total == 10_000
    job.cancel()
    until(lambda: state(job) == "cancelled")


def test_a_terminated_worker_gives_its_job_back(start_worker, tmp_path):
    job = enqueue(job_functions.slowly, steps=2_000, sign=str(tmp_path / "sign"))  # 40 s: longer than it may finish
    worker = start_worker()
    until((tmp_path / "sign").exists)
    worker.terminate()
    assert worker.wait(20) == 0
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("ready", 0)


def test_an_unexpected_error_is_tried_again_an_expected_one_is_not(start_worker, tmp_path):
    stumbles = enqueue(job_functions.stumble, sign=str(tmp_path / "sign"))
    refuses = enqueue(job_functions.refuse)
    start_worker()
    until(lambda: state(stumbles) == "done" and state(refuses) == "failed")
    refuses.refresh_from_db()
    assert (refuses.attempts, refuses.text) == (1, "This file is no list.")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no time limit")
def test_a_job_may_take_longer_than_a_page(start_worker):
    job = enqueue(job_functions.tell_time_limit)
    assert start_worker("--once").wait(60) == 0
    assert Job.objects.get(pk=job.pk).text == "0"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection to cut")
def test_a_cut_connection_is_survived(start_worker, tmp_path):
    job = enqueue(job_functions.slowly, steps=150, sign=str(tmp_path / "sign"))
    start_worker()
    until((tmp_path / "sign").exists)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
                       " AND pid <> pg_backend_pid()")  # fmt: skip
        assert cursor.fetchone()[0] > 0
    until(lambda: state(job) == "done")
    assert Job.objects.get(pk=job.pk).attempts == 1


def test_whatever_a_job_answers_can_be_stored(transactional_db, lists):
    job = enqueue(job_functions.answer_oddly, title="a\x00b")
    run_pending()
    job.refresh_from_db()
    assert (job.state, job.text, job.result["name"], job.title) == ("done", "finished", "ab", "ab")


def test_a_job_that_was_taken_over_is_its_next_workers_to_end(transactional_db, ada, anna, tmp_path, monkeypatch):
    """The first wakes up when its job has been done by another: it neither takes that back nor has the last word."""
    (tmp_path / "sign").touch()
    create_persons([{"first_name": "P", "last_name": str(number)} for number in range(2_100)], by=ada, via="system")
    job = enqueue(job_functions.give_all_to, owner=ada, to=anna.pk, sign=str(tmp_path / "sign"))
    slept = []

    def sleep(seconds):
        if not slept:
            slept.append(seconds)
            Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
            assert run_pending(beating=False) == 1 and state(job) == "done"

    monkeypatch.setattr(job_functions.time, "sleep", sleep)
    run_pending(beating=False)
    assert slept and Person.objects.filter(owner=anna).count() == 2_100
    sets = ChangeSet.objects.filter(action="person.set_owner").order_by("pk")
    assert [(one.state, one.undone) for one in sets] == [("failed", True), ("done", False)]
    assert (state(job), Job.objects.get(pk=job.pk).attempts) == ("done", 2)


def test_who_was_switched_off_has_nothing_done_any_more(transactional_db, anna):
    enqueue(job_functions.make_team, owner=anna, name="Late")
    type(anna).objects.update(is_active=False)
    run_pending()
    assert not Team.objects.filter(name="Late").exists()


def test_a_unique_job_waits_once(transactional_db, lists):
    first = enqueue(job_functions.make_team, unique_key="one", name="A")
    assert enqueue(job_functions.make_team, unique_key="one", name="B") == first
    run_pending()
    assert enqueue(job_functions.make_team, unique_key="one", name="C") != first


def test_a_cancelled_job_that_nobody_began_never_runs(transactional_db, ada):
    job = enqueue(job_functions.make_team, owner=ada, name="Never")
    job.cancel()
    assert run_pending() == 0 and job.state == "cancelled"


def test_the_night_is_at_three_in_the_installations_zone(settings):
    settings.DEFAULT_USER_TIME_ZONE = "Europe/Berlin"
    assert schedule.next_night(datetime(2026, 7, 1, 0, 30, tzinfo=UTC)) == datetime(2026, 7, 1, 1, 0, tzinfo=UTC)
    assert schedule.next_night(datetime(2026, 7, 1, 1, 0, tzinfo=UTC)) == datetime(2026, 7, 2, 1, 0, tzinfo=UTC)


def test_the_nightly_work_is_queued_once_and_throws_old_rows_away(transactional_db, lists):
    schedule.ensure()
    schedule.ensure()
    now = timezone.now()
    Job.objects.create(path="old", state="done", finished_at=now - timedelta(days=15))
    Job.objects.create(path="new", state="done", finished_at=now - timedelta(days=13))
    Throttle.objects.create(key="old", ends_at=now - timedelta(seconds=1))
    Job.objects.filter(unique_key="nightly").update(run_after=now)
    assert run_pending() == 1
    assert [job.path for job in Job.objects.order_by("path")] == ["crm.jobs.schedule.nightly", "new"]
    assert Job.objects.get(path__endswith="nightly").state == "done"
    assert not Throttle.objects.exists()
