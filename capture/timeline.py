"""What capture adds to the timelines of persons and companies: that a form was sent."""

from django.utils.translation import gettext_lazy as _

from activities import timeline
from capture.models import Consent, Submission
from leads.models import Company, Person


@timeline.source("submissions", _("Forms"), "capture/_timeline_submission.html")
def submissions_of(record, user, before, limit):
    link = {Company: "person__company", Person: "person"}.get(type(record))
    if link is None:
        return []
    found = before.of(Submission.objects.visible_to(user).filter(**{link: record}).select_related("form"), "created_at")[:limit]
    return [(one.created_at, one.pk, one) for one in found]


@timeline.source("consents", _("Consents"), "capture/_timeline_consent.html")
def withdrawn_by(record, user, before, limit):
    if not isinstance(record, Person):
        return []
    gone = Consent.objects.filter(person=record, withdrawn_at__isnull=False).select_related("withdrawn_by")
    return [(one.withdrawn_at, one.pk, one) for one in before.of(gone, "withdrawn_at")[:limit]]
