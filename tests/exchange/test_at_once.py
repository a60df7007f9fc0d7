"""Imports beside each other, cancelled, and with workers that die: each row comes once or not at all (settled 11, 17, T42, T51)."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.core.management.base import CommandError
from django.db import connection, connections, transaction
from django.utils import timezone

from crm.history.models import Change, ChangeSet
from crm.history.undo import take_back
from crm.jobs.worker import run_pending
from crm.models import Job, User
from exchange import actions
from exchange.importer import Importer
from exchange.models import Import
from exchange.rows import RowReader
from leads.actions import edit_person
from leads.models import Company, Industry, Person
from tests.crm.test_jobs import ROOT, database_url, state, until
from tests.exchange.files import command, csv_of, everything, uploaded

HEAD = ["Id", "Last name", "E-mail", "Company", "Industry", "Owner"]


def rows_of(count):
    return csv_of(
        HEAD, *[[str(n), f"N{n}", f"n{n}@example.com", f"Firma {n % 90}", "Shipping", "New Rep"] for n in range(count)],
        ["", "No key", "", "Firma 1", "", ""],
    )  # fmt: skip


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer: its transactions follow one another anyway")
def test_eight_imports_of_the_same_rows_at_once_make_one_record_each(transactional_db, ada, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 20)
    data = rows_of(150)
    sources = [
        uploaded(ada, data, values={"owner": {"new rep": "me"}, "company.industry": {"shipping": ""}}) for _number in range(8)
    ]
    start, errors = threading.Barrier(8), []

    def run(pk):
        try:
            start.wait()
            actions.bring_in(Import.objects.select_related("by__role").get(pk=pk))
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[source.pk]) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors
    assert Person.objects.count() == 151 and Company.objects.count() == 90
    reports = [source.report for source in Import.objects.all()]
    assert (
        sum(report["persons_created"] for report in reports) == 151
        and sum(report["companies_created"] for report in reports) == 90
    )
    assert all(report["persons_created"] + report["unchanged"] == 151 for report in reports)
    assert not Change.objects.filter(change_set=None, record_type="person").exists()


def queued(by, count):
    source = uploaded(by, rows_of(count))
    actions.try_out(source)
    actions.run(source, by=by, seen=source.check_seen)
    source.refresh_from_db()
    return source


def test_cancelled_in_the_middle_all_is_as_before(transactional_db, ada, monkeypatch):
    """Asked to while the sixth batch is being read, with five that were written."""
    monkeypatch.setattr("exchange.importer.BATCH", 50)
    monkeypatch.setattr("crm.jobs.worker.BEAT", 0.01)
    source = queued(ada, 600)
    before = everything(edits=False)
    rows, written = RowReader.rows, []

    def rows_and_a_click(self):
        for number, row in enumerate(rows(self)):
            if number == 270 and not written:
                written.append(Person.objects.count())
                Job.objects.get(pk=source.job_id).cancel()
                time.sleep(0.5)
            yield row

    monkeypatch.setattr(RowReader, "rows", rows_and_a_click)
    run_pending()
    assert written == [250]
    assert state(source.job) == "cancelled" and everything(edits=False) == before
    source.refresh_from_db()
    assert source.stage == "cancelled" and source.file and not User.objects.filter(last_name="Rep").exists()
    assert not Industry.objects.filter(name_en="Shipping").exists()
    # It can be run anew.
    actions.try_out(source)
    actions.run(source, by=ada, seen=source.check_seen)
    run_pending()
    assert Person.objects.count() == 601


@pytest.fixture
def start_worker(transactional_db, settings):
    """Start workers on the tests' database; those still running at the end are killed."""
    settings.MEDIA_ROOT = settings.VAR_DIR / "media"  # where another process looks for the file
    processes = []

    def start(*command):
        environment = {**os.environ, "DATABASE_URL": database_url(), "LOTSE_PROFILE": "test",
                       "DJANGO_SETTINGS_MODULE": "crm.settings"}  # fmt: skip
        processes.append(
            subprocess.Popen([sys.executable, "-m", "tests.exchange.run_worker", *command], cwd=ROOT, env=environment)
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_killed_workers_import_is_taken_over_and_comes_once(start_worker, ada):
    source = queued(ada, 1_500)
    first = start_worker()
    until(lambda: Person.objects.count() >= 100, patience=90)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert Person.objects.count() < 1_501 and ChangeSet.objects.get(action="import").state == "running"  # half-done
    start_worker()
    until(lambda: state(source.job) == "done", patience=120)
    assert Person.objects.count() == 1_501 and Company.objects.count() == 90
    assert User.objects.filter(last_name="Rep").count() == 1 and Industry.objects.filter(name_en="Shipping").count() == 1
    sets = ChangeSet.objects.filter(action="import").order_by("pk")
    assert [(one.state, one.undone) for one in sets] == [("failed", True), ("done", False)]
    until(lambda: not Import.objects.get().file)  # it goes after all is done
    source.refresh_from_db()
    assert source.state == "done" and source.report["persons_created"] == 1_501


# --- By a command, which no worker runs -------------------------------------------------------------------------------


@pytest.fixture
def start_command(start_worker, ada, tmp_path):
    """Import a file by the command; return its process once it has written some of it."""

    def start(count=1_500):
        path = tmp_path / "many.csv"
        path.write_bytes(rows_of(count))
        process = start_worker("import_file", str(path), "--by", "ada")
        until(lambda: Person.objects.count() >= 100, patience=90)
        return process

    return start


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 100 <= Person.objects.count() < 1_501 and Import.objects.get().stage == "running"  # half-done


def test_what_a_killed_command_left_is_taken_back_by_a_worker(start_command, start_worker):
    before = everything(edits=False)
    kill(start_command())
    source = Import.objects.get()
    start_worker()
    until(lambda: state(source.job) == "failed", patience=60)
    assert everything(edits=False) == before
    source.refresh_from_db()
    assert source.stage == "failed" and source.told == "It was interrupted; nothing was imported."
    assert [(one.state, one.undone) for one in ChangeSet.objects.filter(action="import")] == [("failed", True)]


def test_what_a_killed_command_left_is_taken_back_before_it_is_begun_anew(start_command, start_worker, tmp_path):
    kill(start_command())
    assert start_worker("import_file", str(tmp_path / "many.csv"), "--by", "ada").wait(120) == 0
    first, second = Import.objects.order_by("pk")
    assert (first.stage, second.stage) == ("failed", "done") and second.report["persons_created"] == 1_501
    assert Person.objects.count() == 1_501 and User.objects.filter(last_name="Rep").count() == 1
    assert second.change_set.undoable


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_terminated_command_takes_back_what_it_did(start_command, number):
    before = everything(edits=False)
    process = start_command()
    process.send_signal(number)
    assert process.wait(60) == 130 and everything(edits=False) == before
    source = Import.objects.get()
    assert source.stage == "cancelled" and state(source.job) == "cancelled"
    assert ChangeSet.objects.get(action="import").state == "failed"


def test_a_commands_import_shows_and_can_be_cancelled_like_any(start_command):
    before = everything(edits=False)
    process = start_command(12_000)  # it learns of it by its next beat
    Import.objects.get().job.cancel()
    assert process.wait(60) == 1 and everything(edits=False) == before
    assert Import.objects.get().told == "It was cancelled; nothing was imported."


# --- Other ends at the wrong time -------------------------------------------------------------------------------------


def test_two_imports_at_once_with_owners_that_are_not_known_yet(transactional_db, ada, monkeypatch):
    data = rows_of(30)
    sources = [uploaded(ada, data) for _number in range(2)]
    for source in sources:
        actions.try_out(source)
    ready, errors = threading.Barrier(2), []
    create = RowReader.create_missing

    def together(self):
        try:
            ready.wait(2)  # if nothing keeps them from it
        except threading.BrokenBarrierError:
            ready.abort()
        create(self)

    monkeypatch.setattr(RowReader, "create_missing", together)

    def run(pk):
        try:
            actions.bring_in(Import.objects.select_related("by__role").get(pk=pk))
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[source.pk]) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors and User.objects.filter(last_name="Rep").count() == 1 and Person.objects.count() == 31
    reports = [source.report for source in Import.objects.all()]
    assert [report["persons_created"] + report["unchanged"] for report in reports] == [31, 31]
    assert sum(report["persons_created"] for report in reports) == 31


def test_what_others_changed_before_it_was_cancelled_stays_and_is_listed(transactional_db, ada, client, monkeypatch):
    monkeypatch.setattr("exchange.importer.BATCH", 50)
    monkeypatch.setattr("crm.jobs.worker.BEAT", 0.01)
    source = queued(ada, 300)
    rows = RowReader.rows

    def rows_and_a_click(self):
        for number, row in enumerate(rows(self)):
            if number == 130:
                edit_person(Person.objects.get(last_name="N7"), {"title": "CEO"}, by=ada, via="card")
                Job.objects.get(pk=source.job_id).cancel()
                time.sleep(0.5)
            yield row

    monkeypatch.setattr(RowReader, "rows", rows_and_a_click)
    run_pending()
    kept = Person.objects.get()
    assert (kept.last_name, kept.title) == ("N7", "CEO")
    source.refresh_from_db()
    assert (
        source.stage == "cancelled"
        and source.told == "It was taken back, except for records that others have changed or used since."
    )
    job = Job.objects.get(pk=source.job_id)
    assert job.text == "Cancelled. Records that others have changed or used since were kept."
    client.force_login(ada)
    for address in (f"/imports/{source.pk}/", job.url):
        page = client.get(address).content.decode()
        assert f'<a href="/persons/{kept.pk}/">N7</a>' in page and "It was changed since." in page
    assert "undone" not in client.get(f"/persons/{kept.pk}/history/").content.decode()
    # Checked anew it is another attempt, of which nothing was left yet.
    monkeypatch.setattr(RowReader, "rows", rows)
    actions.check(source, source.mapping, by=ada)
    run_pending()
    source.refresh_from_db()
    assert source.stage == "checked" and not source.left


def died_after(job):
    """Let a job be as if its worker had died just before it could say that it was done."""
    Job.objects.filter(pk=job.pk).update(state="running", lease_until=timezone.now() - timedelta(seconds=1), finished_at=None)


def test_a_check_whose_worker_died_after_it_holds_up_nothing(transactional_db, ada):
    source = uploaded(ada, rows_of(30))
    actions.check(source, source.mapping, by=ada)
    run_pending()
    source.refresh_from_db()
    died_after(check := source.job)
    actions.run(source, by=ada, seen=source.check_seen)
    source.refresh_from_db()
    assert source.job_id != check.pk and source.stage == "running"
    run_pending()
    source.refresh_from_db()
    assert source.stage == "done" and source.report["persons_created"] == 31 and not source.file
    assert state(check) == state(source.job) == "done"


def test_an_import_whose_worker_died_after_it_can_be_undone_as_a_whole(transactional_db, ada):
    source = queued(ada, 30)
    run_pending()
    source.refresh_from_db()
    died_after(source.job)
    run_pending()
    source.refresh_from_db()
    assert state(source.job) == "done" and source.report["persons_created"] == 31 and source.change_set.undoable
    assert Job.objects.get(pk=source.job_id).undo_url


def test_an_import_is_done_at_the_moment_at_which_its_change_set_is(transactional_db, ada, monkeypatch):
    """Between the two nobody finds rows that no import knows of."""
    source = queued(ada, 30)

    def die(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(actions, "_keep_report", die)
    with pytest.raises(KeyboardInterrupt):
        run_pending()
    # What the report cannot be kept of is taken back.
    assert ChangeSet.objects.get(action="import").state == "failed" and not Person.objects.exists()
    monkeypatch.undo()
    died_after(source.job)
    run_pending()
    source.refresh_from_db()
    assert source.stage == "done" and source.report["persons_created"] == 31 == Person.objects.count()
    assert source.change_set.undoable


def interrupted(*_args, **_more):
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["as it is committed", "before its file is forgotten"])
def test_a_command_that_is_ended_when_all_is_done_says_so(transactional_db, ada, monkeypatch, moment):
    if moment == "as it is committed":
        keep = actions._keep_report

        def keep_and_be_interrupted(source, report, state, *args, **more):
            keep(source, report, state, *args, **more)
            if state == "done":
                transaction.on_commit(interrupted)

        monkeypatch.setattr(actions, "_keep_report", keep_and_be_interrupted)
    else:
        monkeypatch.setattr(actions, "_forget_file", interrupted)
    with pytest.raises(CommandError, match="everything was imported already") as error:
        command(rows_of(30), by=ada)
    assert error.value.returncode == 130
    source = Import.objects.get()
    assert source.stage == "done" == state(source.job) and Person.objects.count() == 31 == source.report["persons_created"]
    assert source.change_set.state == "done" and source.job.undo_url and source.job.text == source.told
    # Its file goes the next night.
    monkeypatch.undo()
    assert source.file
    actions.forget_files()
    assert not Import.objects.get().file and not source.file.storage.exists(source.file.name)


def test_a_command_that_another_process_took_for_dead_says_so(ada, monkeypatch):
    batch = Importer._batch

    def lose_and_go_on(self, rows, change_set, report):
        if change_set and Person.objects.exists():
            take_back(ChangeSet.objects.get(action="import"))
        batch(self, rows, change_set, report)

    monkeypatch.setattr(Importer, "_batch", lose_and_go_on)
    monkeypatch.setattr("exchange.importer.BATCH", 10)
    before = everything(edits=False)
    with pytest.raises(CommandError, match="Another process took it over"):
        command(rows_of(30), by=ada)
    assert everything(edits=False) == before


@pytest.mark.parametrize("asked", ["to be cancelled", "by another worker"])
def test_what_was_given_up_at_the_last_moment_is_not_done_in_part(transactional_db, ada, monkeypatch, asked):
    """Between the last look at whether it is to stop, and its end."""
    source = queued(ada, 30)
    before = everything(edits=False)
    told = actions._told_to_owner

    def asked_meanwhile(source):
        mine = Job.objects.filter(pk=source.job_id)
        mine.update(**({"cancel_asked": True} if asked == "to be cancelled" else {"worker": "another"}))
        return told(source)

    monkeypatch.setattr(actions, "_told_to_owner", asked_meanwhile)
    run_pending(beating=False)
    assert everything(edits=False) == before and ChangeSet.objects.get(action="import").state == "failed"
    source.refresh_from_db()
    if asked == "to be cancelled":
        assert (state(source.job), source.stage) == ("cancelled", "cancelled")
        assert source.told == "It was cancelled; nothing was imported."
    else:
        assert (state(source.job), source.stage) == ("running", "running")  # it is the other's


MEASURE = """
import sys
import django
django.setup()
from crm.models import User
from exchange import actions
from exchange.rows import RowReader
from tests.exchange.files import uploaded
from pathlib import Path
from django.db import connection
with connection.cursor() as cursor:  # what the database keeps of its file is none of the importer's
    cursor.execute("PRAGMA cache_size = -2000")
    cursor.execute("PRAGMA mmap_size = 0")

def peak():  # its own: ru_maxrss would be that of the process which started it, if that is larger
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))

peaks, rows = [], RowReader.rows
def noting(self):
    for number, row in enumerate(rows(self), 1):
        if number in (EARLY, MANY):
            peaks.append(peak())
        yield row

EARLY, MANY = map(int, sys.argv[3:])
source = uploaded(User.objects.get(username="ada"), Path(sys.argv[1]).read_bytes(), name=Path(sys.argv[1]).name)
RowReader.rows = noting
report = (actions.try_out if sys.argv[2] == "check" else actions.bring_in)(source)
assert report.counts["persons_created"] == report.rows == MANY, report.counts
print(*peaks)
"""


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="the process's own memory is the same on both; this is the embedded database"
)
@pytest.mark.parametrize("what", ["check", "run"])
def test_three_times_the_rows_take_no_more_memory(what, transactional_db, ada, tmp_path):
    early, many = 12_000, 40_000  # what a cache holds, the early ones have filled
    path = tmp_path / "many.csv"
    rows = ([str(n), f"N{n}", f"n{n}@example.com", f"Firma {n % 5_000}", "", ""] for n in range(many))
    path.write_bytes(csv_of(HEAD, *rows))
    environment = {"DATABASE_URL": database_url(), "LOTSE_PROFILE": "test", "DJANGO_SETTINGS_MODULE": "crm.settings",
                   "LOTSE_VAR": str(tmp_path), "PATH": os.environ["PATH"]}  # fmt: skip
    command = [sys.executable, "-c", MEASURE, str(path), what, str(early), str(many)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert after < before + 12_000, f"{before} kB after {early} rows, {after} kB after {many}"
