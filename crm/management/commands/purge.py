from django.conf import settings
from django.core.management import BaseCommand

from crm.history.purge import purge_bin


class Command(BaseCommand):
    help = f"Remove for good what has been in the bin for more than {settings.BIN_DAYS} days. A worker does this each night."

    def handle(self, *args, **options):
        count = purge_bin()
        if options["verbosity"]:
            self.stdout.write(f"Removed for good: {count} records.")
