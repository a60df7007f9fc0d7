from django.db import migrations

from crm import database
from crm.text import fold


def words(apps, schema_editor):
    """Write the words that catch typos anew; two of them may now be one."""
    SearchWord = apps.get_model("crm", "SearchWord")
    ids = SearchWord.objects.order_by("pk").values_list("pk", "word")
    last = 0
    while rows := list(ids.filter(pk__gt=last)[:10_000]):
        last = rows[-1][0]
        folded = {pk: fold(word)[:60] for pk, word in rows if fold(word) != word}
        SearchWord.objects.bulk_create(
            [SearchWord(word=word) for word in folded.values()], batch_size=1_000, ignore_conflicts=True
        )
        for some in (list(folded)[start : start + 1_000] for start in range(0, len(folded), 1_000)):
            SearchWord.objects.filter(pk__in=some).delete()


class Migration(migrations.Migration):
    """ø is found and sorted as o, ł as l, ’ as an apostrophe: see crm.text. Each app's keys are written anew by a migration of its own."""

    atomic = False
    dependencies = [("crm", "0011_job_titles")]
    operations = [
        migrations.RunPython(database.prepare, migrations.RunPython.noop),
        database.folded_anew("crm_user", "name_key"),
        database.folded_anew("crm_searchtext", "text"),
        migrations.RunPython(words, migrations.RunPython.noop),
    ]
