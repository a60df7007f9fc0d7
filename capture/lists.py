"""The lists of forms and of what they brought."""

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy

from capture import actions
from capture.models import CampaignLink, Form, Submission
from crm.history.changes import Outcome
from crm.tables.bulk import Action
from crm.tables.pages import ListPage
from leads.actions import set_owner
from leads.views.lists import counted, may_delete, owner_of, owners


def own(forms, owner, **how):
    if owner is None:
        raise ValidationError({"owner": gettext_lazy("A form always belongs to somebody.")})
    return set_owner(forms, owner, **how)


def delete(records, value, *, as_of=None, **how):
    return actions.delete(records, **how)


def each(action):
    """Return run(records, …) that does this to each submission and leaves what is not to be handled.

    Each is a change set of its own, taken back by itself: the *Undo* of several would be that of one of them, so there is none.
    """

    def run(records, value, *, by, via, as_of=None, progress=None):
        outcome, found = Outcome(), records.order_by("pk").select_related("form")
        for number, submission in enumerate(found, 1):
            if actions.may_handle(submission, by):
                done = action(submission, by=by, via=via)
                outcome.changed += done.changed
                outcome.change_set = done.change_set if outcome.changed == 1 else None
            else:
                outcome.leave([submission.pk], gettext_lazy("You may see this record, but not change it."))
            if progress:
                progress(number, len(found))
        return outcome

    return run


RELEASE = Action(
    name="release", label=gettext_lazy("Accept"), icon="circle-check", run=each(actions.release), template="activities/act_yes.html",
    said=counted("%(count)s submission was accepted", "%(count)s submissions were accepted"),
)  # fmt: skip
OWN = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=lambda user: owners(user)[:-1], value=owner_of, run=own,
    said=counted("%(count)s form now belongs to %(value)s", "%(count)s forms now belong to %(value)s"), sets=True,
)  # fmt: skip
DELETE = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    template="activities/act_yes.html", said=counted("%(count)s form is in the bin", "%(count)s forms are in the bin"),
)  # fmt: skip
FORMS = ListPage(
    name="forms", record="form", path="forms/", title=gettext_lazy("Forms"), namespace="capture",
    new=gettext_lazy("New form"),
    queryset=lambda user: Form.objects.visible_to(user), actions=(OWN, DELETE),
    empty=gettext_lazy("A form on your website, or as a page of its own, brings in leads and records where they came from."),
)  # fmt: skip
SUBMISSIONS = ListPage(
    name="submissions", record="submission", path="submissions/", title=gettext_lazy("Submissions"), namespace="capture",
    queryset=lambda user: Submission.objects.visible_to(user), actions=(RELEASE,), order="-created_at",
    empty=gettext_lazy("What people send through your forms arrives here."),
)  # fmt: skip


def submissions_of(user, pk):
    form = get_object_or_404(Form.objects.visible_to(user), pk=pk)
    return Submission.objects.visible_to(user).filter(form=form)


FORM_SUBMISSIONS = ListPage(
    name="form_submissions", record="submission", path="forms/<int:pk>/submissions/", title=gettext_lazy("Submissions"),
    namespace="capture", of="pk", queryset=submissions_of, actions=(RELEASE,), order="-created_at",
    shows=("name", "state", "created_at", "owner", "conversion_source"), template="capture/submissions.html",
    head=lambda request, pk: {"of": get_object_or_404(Form.objects.visible_to(request.user), pk=pk)},
    empty=gettext_lazy("No submissions of this form yet."),
)  # fmt: skip
DELETE_LINKS = replace(DELETE, said=counted("%(count)s link is in the bin", "%(count)s links are in the bin"))
LINKS = ListPage(
    name="links", record="link", path="links/", title=gettext_lazy("Links"), namespace="capture", order="-created_at",
    queryset=lambda user: CampaignLink.objects.visible_to(user), actions=(DELETE_LINKS,), template="capture/links.html",
    empty=gettext_lazy("Links your team builds are saved here, to find and copy again."),
)  # fmt: skip
PAGES = (FORMS, SUBMISSIONS, FORM_SUBMISSIONS, LINKS)
