"""What rules propose (R13, *ask first*): the dialog, its answer, and the line under the bell until it is answered."""

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from crm import access
from crm.history import words
from crm.history.changes import Conflict
from crm.jobs.views import Notice, shown_by_bell
from crm.web import formats
from crm.web.htmx import toast, trigger
from leads import automation
from leads.models import Category, Company, Person, Proposal

NAMED = 8  # records a dialog names; of more it tells how many


@require_http_methods(["GET", "POST"])
def proposal(request, pk):
    """The dialog that asks; its answer is a category, or none."""
    found = get_object_or_404(automation.waiting_for(request.user), pk=pk)
    if request.method == "GET":
        return show(request, found)
    if "shown" in request.POST:  # the dialog is open: it does not open by itself again
        Proposal.objects.filter(pk=pk).update(shown=True)
        return HttpResponse(status=204)
    text = request.POST.get("category", "")
    category = None
    if text:
        category = Category.objects.selectable().filter(pk=text).first() if text.isdecimal() and len(text) < 19 else None
        if category is None:
            return show(request, found, _("Choose a category, or none."))
    try:
        outcome = automation.answer(found, category, by=request.user)
    except ValidationError as error:
        return show(request, found, " ".join(error.messages))
    except Conflict:
        return toast(trigger(HttpResponse(status=204), "closeDialog"), _("This has already been answered."), level="error")
    response = trigger(trigger(trigger(HttpResponse(status=204), "closeDialog"), "changed"), "jobs")
    if outcome.change_set:
        text = words.told(outcome, words.what(outcome.change_set))
        return toast(response, text, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    return toast(response, words.told(outcome, _("The category stays as it is.")))


def show(request, found, error=""):
    """Render the dialog. Who may see a person may read the company's name (settled 14), so those asked may read these."""
    about = automation.standing().filter(proposal=found)
    companies = Company.objects.filter(pk__in=about.values("company")).order_by("name_key")
    persons = Person.objects.filter(pk__in=about.values("person")).order_by("name_key")
    count = companies.count() + persons.count()
    every = Category.objects.selectable().order_by("rank", "pk")
    # Of what is not theirs to change, those asked may let the rule have its way, or not (settled 14).
    choose = any(access.editable(records, request.user).exists() for records in (companies, persons))
    named = [one.name for one in [*companies[:NAMED], *persons[:NAMED]]][:NAMED]
    context = {
        "proposal": found,
        "error": error,
        "count": count,
        "named": named,
        "more": count - len(named),
        "categories": every if choose else every.filter(pk=found.rule.target_id),
        "about_company": bool(companies),
        "chosen": request.POST.get("category", str(found.rule.target_id)),
    }
    return render(request, "leads/proposal.html", context, status=422 if error else 200)


@shown_by_bell
def waiting(user):
    """Return a line for each question that waits for this user's answer."""
    notices = []
    proposals = list(automation.waiting_for(user)[:10])
    about = automation.standing().filter(proposal__in=[one.pk for one in proposals])
    counts = dict(about.values_list("proposal").annotate(Count("pk")))
    alone = about.filter(proposal__in=[pk for pk, count in counts.items() if count == 1])
    names = {one.proposal_id: str(one.company or one.person) for one in alone.select_related("company", "person")}
    for one in proposals:
        count = counts.get(one.pk, 0)
        text = ngettext("%(count)s record: change the category to %(category)s?", "%(count)s records: change the category to %(category)s?",
                        count)  # fmt: skip
        if one.pk in names:
            text = _("%(name)s: change the category to %(category)s?")
        text %= {"name": names.get(one.pk), "count": formats.number(count), "category": one.rule.target.name}
        notices.append(
            Notice(
                str(one.rule), text, reverse("leads:proposal", args=[one.pk]), _("Change the category?"), _("Answer"), one.shown
            )
        )
    return notices
