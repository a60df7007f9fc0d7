"""An index by which the history tells who has ever had which lead status, without the many entries of other fields."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("dashboards", "0001_initial"), ("crm", "0008_live")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX IF NOT EXISTS change_lead_status ON crm_change (record_id, new, change_set_id)"
            " WHERE record_type = 'person' AND field = 'lead_status' AND new IS NOT NULL",
            "DROP INDEX IF EXISTS change_lead_status",
        )
    ]
