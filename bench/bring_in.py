"""One import in a process of its own: `python -m bench.bring_in FILE USERNAME ROWS` prints what checking and writing cost."""

import json
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.core.files import File  # noqa: E402

from bench.work import measured  # noqa: E402
from crm.models import User  # noqa: E402
from exchange import actions  # noqa: E402
from exchange.models import Import  # noqa: E402


def main(path, username, rows):
    by = User.objects.get(username=username)
    with Path(path).open("rb") as opened:
        source = actions.upload(File(opened), Path(path).name, "person", by=by, at_once=True)
    with measured(rows) as checked:
        actions.try_out(source)
    source = Import.objects.get(pk=source.pk)
    with measured(rows) as written:
        report = actions.bring_in(source)
    if report.counts["persons_created"] != rows:
        raise SystemExit(f"Only {report.counts} of {rows} rows were brought in: {report.failed[:3]}")
    print(json.dumps({"checked": checked, "written": written}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
