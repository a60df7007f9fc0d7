"""Find copies that differ from what they copy (a person's category, lead flag, company key, country, next activity; what a sale is worth).

There should be none; with --mend they are written anew.
"""

from django.core.management.base import BaseCommand, CommandError

from activities import lifecycle as activities
from crm.history.changes import change
from leads import lifecycle as leads
from sales import lifecycle as sales


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--mend", action="store_true", help="write the wrong copies anew")

    def handle(self, *args, mend=False, **options):
        persons = leads.drift()
        due = activities.drift()
        worth = sales.drift()
        wrong = len(persons) + sum(map(len, due.values())) + len(worth)
        if not wrong:
            self.stdout.write("All copies are right.")
            return
        if not mend:
            raise CommandError(f"{wrong} copies are wrong: persons {persons[:20]}, next activities {due}, sales {worth[:20]}")
        with change("mend", by=None, via="system"):
            leads.derive_persons(persons)
            activities.refresh_next(due)
            sales.refresh(worth)
        self.stdout.write(f"{wrong} copies mended.")
