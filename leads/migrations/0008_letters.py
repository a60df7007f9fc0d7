from django.db import migrations

from crm.database import folded_anew


class Migration(migrations.Migration):
    """ø is found and sorted as o, ł as l, ’ as an apostrophe: see crm.text."""

    atomic = False
    dependencies = [("leads", "0007_boards_by_index"), ("crm", "0012_letters")]
    operations = [
        folded_anew("leads_company", "name_key", "city_key"),
        folded_anew("leads_person", "name_key", "company_key"),
    ]
