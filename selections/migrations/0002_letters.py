from django.db import migrations

from crm.database import folded_anew


class Migration(migrations.Migration):
    """ø is found and sorted as o, ł as l, ’ as an apostrophe: see crm.text."""

    atomic = False
    dependencies = [("selections", "0001_initial"), ("crm", "0012_letters")]
    operations = [folded_anew("selections_selection", "name_key")]
