from django.db import migrations

from crm.database import folded_anew


class Migration(migrations.Migration):
    """ø is found and sorted as o, ł as l, ’ as an apostrophe: see crm.text."""

    atomic = False
    dependencies = [("dashboards", "0002_status_changes"), ("crm", "0012_letters")]
    operations = [folded_anew("dashboards_dashboard", "name_key")]
