"""Fill an empty installation with the demo's users and records, and tell the sign-in page their passwords."""

import json
import os
from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from crm.models import User
from leads.models import Company, Person
from sales import demo


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        if User.objects.exists() or Company.objects.exists() or Person.objects.exists():
            raise CommandError("There are users or records already; the demo is for an empty installation.")
        with transaction.atomic():
            signins = demo.load()
            # The floors above add theirs.
            for app in settings.LOTSE_APPS[settings.LOTSE_APPS.index("sales") + 1 :]:
                if find_spec(f"{app}.demo"):
                    import_module(f"{app}.demo").load()
        path = settings.VAR_DIR / "demo.json"
        # Readable by us alone, like the database it opens.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump([{"username": name, "password": password} for name, password in signins], file)
        for name, password in signins:
            self.stdout.write(f"  {name:8} {password}")
