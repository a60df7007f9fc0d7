from django.db import migrations

from crm import database


class Migration(migrations.Migration):
    dependencies = [("crm", "0005_external_id_change_set")]
    operations = [migrations.RunPython(database.search_soon, migrations.RunPython.noop)]
