from django.db import migrations

from crm.database import folded_anew


class Migration(migrations.Migration):
    """ø is found and sorted as o, ł as l, ’ as an apostrophe: see crm.text."""

    atomic = False
    dependencies = [("capture", "0005_told"), ("crm", "0012_letters")]
    operations = [
        folded_anew("capture_form", "name_key"),
        folded_anew("capture_submission", "name_key"),
        folded_anew("capture_campaignlink", "name_key", "source_key", "medium_key"),
    ]
