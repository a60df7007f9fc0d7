"""Who is told of what a form brings, beside the one who gets it: under the bell (capture.bell) and by mail."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capture import questions
from capture.models import Submission, Told
from crm.jobs import enqueue, job
from crm.models import User


def tell(submission, form):
    """Tell those the form names, each once, however often the submission is matched anew."""
    named = set(form.notify) - {submission.owner_id}
    if not named:
        return
    known = Told.objects.filter(submission=submission).values_list("user", flat=True)
    new = list(User.objects.filter(pk__in=named - set(known), is_active=True).values_list("pk", flat=True))
    Told.objects.bulk_create([Told(submission=submission, user_id=pk) for pk in new], ignore_conflicts=True)
    for pk in new:
        enqueue(mail, submission_id=submission.pk, user_id=pk)


@job(label=gettext_lazy("E-mail to a user"))
def mail(job, *, submission_id, user_id):
    """Mail a submission to a user, if they may see it."""
    user = User.objects.get(pk=user_id)
    found = Submission.objects.visible_to(user).select_related("form", "owner").filter(pk=submission_id).first()
    if found is None or not user.is_active:
        return
    with translation.override(user.language):
        context = {"user": user, "submission": found, "answers": questions.shown(found),
                   "address": settings.BASE_URL.rstrip("/") + found.get_absolute_url()}  # fmt: skip
        subject = _("%(form)s: %(name)s") % {"form": found.form, "name": found}
        text = render_to_string("capture/email/submission.txt", context)
        send_mail(" ".join(subject.split()), text, settings.DEFAULT_FROM_EMAIL, [user.email])
