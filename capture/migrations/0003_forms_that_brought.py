from django.db import migrations


def fill(apps, schema_editor):
    """Note with each person whom a form had brought which one it was."""
    Submission, PersonOrigin = (apps.get_model("capture", name) for name in ("Submission", "PersonOrigin"))
    brought = Submission.objects.filter(known=False, person__isnull=False).order_by("-created_at", "-pk")
    firsts = dict(brought.values_list("person_id", "form_id"))  # of several the earliest
    there = set(PersonOrigin.objects.values_list("pk", flat=True))
    PersonOrigin.objects.bulk_create(
        [PersonOrigin(person_id=person, form_id=form) for person, form in firsts.items() if person not in there], batch_size=1_000
    )
    for form in set(firsts.values()):
        persons = [person for person in there if firsts.get(person) == form]
        for start in range(0, len(persons), 1_000):
            PersonOrigin.objects.filter(pk__in=persons[start : start + 1_000], form=None).update(form_id=form)


class Migration(migrations.Migration):
    dependencies = [("capture", "0002_links")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
