"""Long work, measured in the largest database: export, import, a change of status of all that was imported, taking it back.

Each returns {what: {"rows": …, "seconds": …, "busy": …, "memory": …}}: `busy` is the time it had a processor, in our process and in
the database's, which others on the machine lengthen less than `seconds`; `memory` is the most the process had of its own (in
MB), without what it shares or maps from files: SQLite maps the whole database.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from django.db.models.expressions import RawSQL
from django.test import Client

from bench import forms
from bench.data import write_file
from bench.measure import busy
from bench.webhooks import webhooks
from crm.history.models import ChangeSet
from crm.history.undo import undo
from leads import actions
from leads.models import Company, LeadStatus, Person
from sales.actions import edit_sales
from sales.models import Sale
from selections import actions as selected
from selections.members import members

ROWS = (20_000, 100_000)
FORMS = 1_000


def own_memory():
    """Return how many megabytes this process holds alone, or 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0.0)


@contextmanager
def measured(rows):
    """Yield a result that is complete at the end; looks at the memory 50 times a second."""
    result = {"rows": rows, "seconds": 0.0, "busy": -busy(), "memory": own_memory()}
    ended = threading.Event()

    def watch():
        while not ended.wait(0.02):
            result["memory"] = max(result["memory"], own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        yield result
    finally:
        result["seconds"] = time.perf_counter() - started
        result["busy"] += busy()
        ended.set()
        watcher.join()


def export(admin):
    """All persons as a file, as it is sent."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(admin)
    done = {}
    for file_type in ("csv", "xlsx"):
        with measured(Person.objects.count()) as result:
            response = client.get(f"/persons/export.{file_type}")
            for _chunk in response.streaming_content:
                pass
        done[f"export as {file_type.upper()}"] = result
    return done


def import_file(admin):
    """Files of two sizes, each checked and brought in by a process of its own, beside what is there."""
    done = {}
    for rows in ROWS:
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            write_file(Path(file.name), rows)
            command = [sys.executable, "-m", "bench.bring_in", file.name, admin.username, str(rows)]
            out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        done |= {f"import of {rows:,} rows: {name}": result for name, result in json.loads(out).items()}
    return done


def change_all(admin):
    """The lead status of all that the largest import brought, and that taken back."""
    change_set = ChangeSet.objects.filter(action="import").latest("pk")
    persons = Person.objects.filter(is_lead=True, email__endswith=f".{ROWS[-1]}@example.net")
    status = LeadStatus.objects.get(name_en="Re-nurture")
    with measured(persons.count()) as there:
        outcome = actions.set_lead_status(persons, status, by=admin, via="bulk")
    with measured(outcome.changed) as back:
        undo(outcome.change_set, by=admin, via="bulk")
    with measured(ROWS[-1]) as gone:
        undo(change_set, by=admin, via="bulk")
    return {"change of lead status of all imported": there, "undo of that": back, "undo of the whole import": gone}


def selections(admin):
    """A static selection of all persons: filled, halved, taken back; combined and dynamic ones counted, and their first page."""

    def make(name, kind, **values):
        return selected.create_selection({"name": name, "record_type": "person", "kind": kind, **values}, by=admin, via="api")

    everybody, half = (
        Person.objects.all(),
        Person.objects.filter(pk__in=RawSQL("SELECT id FROM leads_person WHERE id %% 2 = 0", ())),
    )
    count, done = everybody.count(), {}
    static, other = make("Bench", "static"), make("Bench 2", "static")
    selected.add_members(other, half, by=admin, via="api")
    with measured(count) as done["selection: add all persons"]:
        selected.add_members(static, everybody, by=admin, via="api")
    with measured(count // 2) as done["selection: remove every second"]:
        removed = selected.remove_members(static, half, by=admin, via="api")
    with measured(count // 2) as done["selection: undo of that"]:
        undo(removed.change_set, by=admin, via="api")
    leads = make("Bench 3", "dynamic", criteria={"all": [{"field": "lead_status_applies", "operator": "is", "value": True}]})
    asked = {"static": static, "dynamic": leads}
    for operation in ("all", "common", "first", "one"):
        asked[f"combined ({operation})"] = make(
            operation, "combined", operation=operation, part_ids=[static.pk, other.pk, leads.pk]
        )
    for name, selection in asked.items():
        with measured(count) as done[f"selection, {name}: count"]:
            members(selection, admin).count()
        with measured(count) as done[f"selection, {name}: first page"]:
            list(members(selection, admin).order_by("name_key", "pk").values("pk", "name_key")[:51])
    return done


def fields(admin):
    """A field of up to 100,000 persons, companies and sales: set, searched in and replaced, turned round; each taken back."""
    bulk = {
        "a title, set": (Person, actions.edit_persons, "title", lambda one: "Bench"),
        "last names, replaced in": (Person, actions.edit_persons, "last_name", lambda one: one.last_name.replace("e", "ee")),
        "a city, set": (Company, actions.edit_companies, "city", lambda one: "Bench"),
        "no mailings, turned round": (Company, actions.edit_companies, "no_mailings", lambda one: not one.no_mailings),
        "an amount, set": (Sale, edit_sales, "amount", lambda one: Decimal("77.50")),
    }
    done = {}
    for name, (model, edit_many, field, new) in bulk.items():
        ids = list(model.objects.order_by("pk").values_list("pk", flat=True)[: ROWS[-1]])
        with measured(len(ids)) as done[f"bulk: {name}"]:
            changed = edit_many(model.objects.filter(pk__in=ids), field, new, by=admin, via="bulk")
        with measured(changed.changed) as done[f"bulk: {name}, undone"]:
            undo(changed.change_set, by=admin, via="bulk")
    return done


def boards(admin):
    """Moves of one and of eight who move cards at the same moment, and of one while 200 boards are open."""
    return {
        "boards: moves, one moves": at_once(1, 0)["moves"],
        "boards: moves, eight move": at_once(8, 0)["moves"],
        "boards: questions of 200 open ones, nobody moves": at_once(0, 4)["questions"],
        **{f"boards: {name}, one moves and 200 are open": result for name, result in at_once(1, 4).items()},
    }


def at_once(movers, lookers, seconds=10):
    """Run so many processes of bench.at_once beside each other; return what the movers and the lookers did together."""
    running = []
    for number, what in enumerate(["move"] * movers + ["look"] * lookers):
        command = [sys.executable, "-m", "bench.at_once", what, str(seconds), str(number)]
        running.append((what, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))
    for _what, process in running:
        process.stdout.readline()
    for _what, process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    done = {}
    for what, process in running:
        one = json.loads(process.communicate()[0])
        told = {"move": "moves", "look": "questions"}[what]
        together = done.setdefault(told, {"rows": 0, "seconds": seconds, "busy": 0.0, "memory": own_memory()})
        together["rows"] += one["rows"]
        together["busy"] += one["busy"]
    return done


def forms_sent(admin):
    """Forms sent by strangers nobody knows, one after the other."""
    send = forms.sends()
    with measured(FORMS) as result:
        for _number in range(FORMS):
            if (status := send().status_code) != 200:
                raise RuntimeError(f"{status} for a form")
    return {"forms sent by new persons": result}


EVERY = {
    "forms": forms_sent,
    "selections": selections,
    "fields": fields,
    "boards": boards,
    "webhooks": lambda admin: webhooks(admin, measured),
    "export": export,
    "import": import_file,
    "change": change_all,
}
