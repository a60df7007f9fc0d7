"""What webhooks cost those who change records, and how fast the outbox becomes deliveries and these arrive (A4)."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.test import override_settings

from crm.jobs import schedule
from crm.jobs.worker import run_pending
from exchange.webhooks import actions, outbox
from exchange.webhooks.models import Delivery
from leads.actions import edit_persons
from leads.models import Person

CHANGED, SENT = 10_000, 1_000


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@override_settings(WEBHOOKS_ANYWHERE=True)
def webhooks(admin, measured):
    """10,000 persons changed with nobody listening, and with somebody; their deliveries made; 1,000 of them sent to this machine."""
    done = {}
    ids = list(Person.objects.order_by("pk").values_list("pk", flat=True)[:CHANGED])

    def change(text):
        edit_persons(Person.objects.filter(pk__in=ids), "title", lambda one: text, by=admin, via="bulk")

    change("warm")
    with measured(len(ids)) as done["bulk: a title, nobody listens"]:
        change("One")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    webhook, _secret = actions.create({"name": "Bench", "url": address, "events": ["person.changed"]}, by=admin)
    with measured(len(ids)) as done["bulk: a title, with a webhook"]:
        change("Two")
    with measured(len(ids)) as done["webhooks: deliveries made"]:
        outbox.announce()
    Delivery.objects.filter(pk__in=list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[SENT:])).delete()
    with measured(SENT) as done["webhooks: deliveries sent"]:
        while Delivery.objects.filter(state="waiting").exists():
            schedule.look()
            run_pending()
    server.shutdown()
    actions.delete(webhook, by=admin)
    return done
