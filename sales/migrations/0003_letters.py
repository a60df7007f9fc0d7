from django.db import migrations

from crm.database import folded_anew


class Migration(migrations.Migration):
    """ø is found and sorted as o, ł as l, ’ as an apostrophe: see crm.text."""

    atomic = False
    dependencies = [("sales", "0002_next_activity"), ("crm", "0012_letters")]
    operations = [folded_anew("sales_sale", "name_key")]
