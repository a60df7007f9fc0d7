"""What stands out on boards in an installation that has its statuses already: as a new one begins (leads/setup.py)."""

from django.db import migrations

STALE_AFTER = {"open": 7, "working": 10, "qualified": 14, "nurture": 45}


def set_by_kind(apps, schema_editor):
    for kind, days in STALE_AFTER.items():
        apps.get_model("leads", "LeadStatus").objects.filter(kind=kind, stale_after=None).update(stale_after=days)


class Migration(migrations.Migration):
    dependencies = [("leads", "0005_stale_after")]

    operations = [migrations.RunPython(set_by_kind, migrations.RunPython.noop)]
