"""What follows from a change: keys after an undo, and old spam that goes."""

from datetime import timedelta

from django.utils import timezone

from capture import consents
from capture.models import Form, Submission
from crm import search
from crm.history.changes import change, chunks
from crm.history.hooks import derived_by
from crm.history.purge import erase
from crm.jobs.schedule import each_night
from crm.text import fold

SPAM_DAYS = 90


@derived_by("form")
def follow_name(ids):
    for form in Form.objects.filter(pk__in=ids):
        Form.objects.filter(pk=form.pk).update(name_key=fold(form.name))
    search.refresh("form", ids)


@derived_by("submission")
def follow_consents(ids):
    consents.follow(ids)


@each_night
def forget_spam():
    """Remove what nobody has released from quarantine for long (settled 12)."""
    before = timezone.now() - timedelta(days=SPAM_DAYS)
    ids = list(
        Submission.objects.filter(state=Submission.State.SPAM, created_at__lt=before).order_by("pk").values_list("pk", flat=True)
    )
    for some in chunks(ids, 500):
        with change("purge", by=None, via="system", params={"count": len(some)}):
            erase("submission", Submission, some)
