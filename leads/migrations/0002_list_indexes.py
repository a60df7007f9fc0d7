import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="company",
            name="industry",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="companies",
                to="leads.industry",
                verbose_name="industry",
            ),
        ),
        migrations.AlterField(
            model_name="person",
            name="source",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="persons",
                to="leads.source",
                verbose_name="source",
            ),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(fields=["industry", "name_key", "id"], name="co_industry"),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(fields=["country", "name_key", "id"], name="co_country"),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["city_key", "id"], name="co_city"),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["postal_code", "id"], name="co_postal_code"),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["number", "id"], name="co_number"),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["email", "id"], name="co_email"),
        ),
        migrations.AddIndex(
            model_name="company",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["next_activity_at", "id"], name="co_next"),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(fields=["source", "name_key", "id"], name="pe_source"),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(fields=["country", "name_key", "id"], name="pe_country"),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["title", "id"], name="pe_title"),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(condition=models.Q(("deleted_at", None)), fields=["lead_status_since", "id"], name="pe_since"),
        ),
    ]
