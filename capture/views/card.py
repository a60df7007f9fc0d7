"""The section tabs of a form's card (C1, C3)."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods
from django_countries import countries

from capture import actions, assign, consents, fairness, protect, questions
from capture.bell import unseen_of
from capture.fields import FIRST, LEAD, SOURCE, VALUES
from capture.forms import RuleForm, lacking, read_countries, read_criteria, read_questions, read_takers, rows_of
from capture.models import Assignment, CompanyOrigin, Form, PersonOrigin, Submission
from capture.questions import PublicForm
from crm import access
from crm.history.changes import Conflict
from crm.models import User
from crm.web.htmx import redirect_to, say, toast, trigger
from leads.models import Person
from leads.views.cards import find, may_edit

SHOWN = 25


def _save(request, form, values):
    """Write a tab's fields; return (answer, errors) of which one is None."""
    access.require_edit(form, request.user)
    version = request.POST.get("version", "")
    if not version.isdecimal() or len(version) > 9:
        return HttpResponse(status=400), None
    try:
        outcome = actions.edit_form(form, values, by=request.user, via="card", version=int(version))
    except ValidationError as error:
        return None, error.messages
    except Conflict as conflict:
        return None, [str(conflict)]
    response = HttpResponse(status=204)
    if outcome.change_set:
        toast(response, _("%(name)s was changed.") % {"name": form}, undo_url=reverse("crm:undo", args=[outcome.change_set.pk]))
    return trigger(response, "changed"), None


@require_http_methods(["GET", "POST"])
def fields(request, pk):
    """What the form asks: fields of the catalogue, and some of its own."""
    form, errors, wrong = find(request, "forms", pk), None, {}
    if request.method == "POST":
        access.require_edit(form, request.user)
        form.questions = read_questions(request.POST)
        wrong = questions.wrong(form.questions)
        if not wrong:
            answer, errors = _save(request, find(request, "forms", pk), {"questions": form.questions})
            if answer:
                return answer
    context = {
        "form": form,
        "rows": rows_of(form),
        "kinds": questions.KINDS,
        "errors": errors,
        "wrong": wrong,
        "sent_version": request.POST.get("version", ""),
        "editable": may_edit(request, form),
    }
    return render(request, "capture/_fields.html", context, status=422 if errors or wrong else 200)


@require_http_methods(["GET", "POST"])
def assignment(request, pk):
    """Who gets the leads, how it went so far for each, and the latest decisions."""
    form, errors = find(request, "forms", pk), None
    asked = RuleForm(form, request.POST if request.method == "POST" else None)
    by_country, by_answer = sorted(form.by_country.items()), form.criteria
    if request.method == "POST":
        by_country, by_answer = read_countries(request.POST), read_criteria(request.POST)
        errors = [text for texts in asked.errors.values() for text in texts] + lacking(by_country, by_answer)
        if not errors:
            values = {"rule": asked.cleaned_data["rule"], "takers": read_takers(form, asked.cleaned_data["takers"]),
                      "notify": [user.pk for user in asked.cleaned_data["notify"]], "by_country": dict(by_country), "criteria": by_answer}  # fmt: skip
            answer, errors = _save(request, form, values)
            if answer:
                return answer
    named = {*(user for _code, user in by_country), *(line["user"] for line in by_answer)} - {None}
    context = {
        "form": form, "asked": asked, "errors": errors, "editable": may_edit(request, form), "fair": fairness.rows(request.user, form), "span": fairness.span,
        "ledger": _ledger(form), "users": User.objects.filter(Q(is_active=True) | Q(pk__in=named)), "countries": list(countries),
        "sent_version": request.POST.get("version", ""), "by_country": by_country, "by_answer": by_answer,
        "asks": [(one["name"], questions.called(one)) for one in form.questions],
        "operators": {"is": _("is"), "is_not": _("is not"), "contains": _("contains"), "starts": _("starts with"), "not_empty": _("is not empty")},
    }  # fmt: skip
    return render(request, "capture/_assignment.html", context, status=422 if errors else 200)


@require_GET
def given_out(request):
    """How the leads of all forms the user sees were given out, and what became of them (the fairness page)."""
    text = request.GET.get("days", "")
    days = int(text) if text in {str(one) for one in fairness.PERIODS} else fairness.DAYS
    context = {"fair": fairness.rows(request.user, days=days), "span": fairness.span, "days": days, "periods": fairness.PERIODS}
    return render(request, "capture/fairness.html", context)


def _ledger(form):
    """Return (decision, who was passed over and why) of the latest decisions."""
    latest = list(Assignment.objects.filter(form=form).select_related("user", "submission").order_by("-pk")[:SHOWN])
    users = User.objects.in_bulk({one["user"] for decision in latest for one in decision.passed_over})
    return [
        (decision, [f"{users[one['user']].name if one['user'] in users else '#' + str(one['user'])}: {assign.WHY[one['why']]}"
                    for one in decision.passed_over])
        for decision in latest
    ]  # fmt: skip


@require_http_methods(["GET", "POST"])
def publish(request, pk):
    """Where the form is, how it is shown on another website, and how it looks. A POST publishes it, or takes it back."""
    form, errors = find(request, "forms", pk), None
    if request.method == "POST":
        answer, errors = _save(request, form, {"published": request.POST.get("published") == "1"})
        if answer:
            return answer
    base = settings.BASE_URL.rstrip("/")
    context = {
        "form": form,
        "errors": errors,
        "editable": may_edit(request, form),
        "address": f"{base}{form.public_path}",
        "script": f'<script src="{base}{reverse("capture:script")}" async></script>',
        "place": f'<div data-lotse-form="{form.key}"></div>',
    }
    # What strangers read is in the form's language, not in that of who looks at it.
    with translation.override(form.language):
        context["preview"] = render_to_string("capture/_preview.html", {"form": form, "bound": PublicForm(form)})
    return render(request, "capture/_publish.html", context, status=422 if errors else 200)


@require_http_methods(["GET", "POST"])
def submission(request, pk):
    """One submission: what was answered, where it came from, and what became of it. A POST accepts it, or puts it aside."""
    visible = Submission.objects.visible_to(request.user).select_related("form", "person", "owner")
    found = get_object_or_404(visible, pk=pk)
    if request.method == "POST":
        aside = request.POST.get("to") == "spam"
        outcome = (actions.quarantine if aside else actions.release)(found, by=request.user, via="card")
        if outcome.changed:
            say(
                request, _("Put into quarantine.") if aside else _("%(name)s was accepted.") % {"name": found}, outcome.change_set
            )
        return redirect_to(request, found.get_absolute_url())
    decisions = found.assignments.select_related("user").order_by("pk")
    sees_form = Form.objects.visible_to(request.user).filter(pk=found.form_id).exists()
    sees_person = Person.objects.visible_to(request.user).filter(pk=found.person_id).exists()
    context = {"submission": found, "sees_person": sees_person, "answers": questions.shown(found), "decisions": decisions, "sees_form": sees_form,
               "editable": actions.may_handle(found, request.user), "why": protect.WHY.get(found.why, "")}  # fmt: skip
    return render(request, "capture/submission.html", context)


@require_http_methods(["GET", "POST"])
def new_leads(request):
    """What one got by forms and has not looked at; the dialog of the bell. A POST says that one has looked at those it showed."""
    mine = unseen_of(request.user)
    if request.method == "POST":
        shown = [text for text in request.POST.getlist("ids")[:SHOWN] if text.isdecimal() and len(text) < 19]
        actions.mark_seen(mine.filter(pk__in=shown), request.user)
        return trigger(trigger(HttpResponse(status=204), "closeDialog"), "jobs")
    found = list(mine.select_related("form", "person").order_by("-created_at")[:SHOWN])
    seen = set(Person.objects.visible_to(request.user).filter(submissions__in=found).values_list("pk", flat=True))
    leads = [(one, (one.person if one.person_id in seen else one).get_absolute_url()) for one in found]
    return render(request, "capture/_new_leads.html", {"leads": leads, "more": max(0, mine.count() - SHOWN)})


@require_GET
def person_origin(request, pk):
    """Where a person came from, what they agreed to, and what they sent."""
    person = find(request, "persons", pk)
    origin = PersonOrigin.objects.filter(person=person).first()
    touches = [(FIRST, touch_of(origin, "first_")), (LEAD, touch_of(origin, "lead_"))] if origin else []
    sent = Submission.objects.visible_to(request.user).filter(person=person).select_related("form").order_by("-created_at")
    context = {
        "touches": [one for one in touches if one[1][0]],
        "consents": _consents(person),
        "person": person,
        "editable": may_edit(request, person),
        "submissions": sent[:SHOWN],
    }
    return render(request, "capture/_origin.html", context)


def _consents(person):
    """Return (consent, link to take it back or an empty text) of all that a person agreed to, what holds first."""
    found = person.consents.select_related("form", "submission", "withdrawn_by").order_by("-at", "-pk")
    return sorted(
        ((one, "" if one.withdrawn_at else consents.link(person.pk, [one.purpose])) for one in found),
        key=lambda pair: pair[0].withdrawn_at is not None,
    )


@require_GET
def company_origin(request, pk):
    """Where a company came from, and what its persons sent."""
    company = find(request, "companies", pk)
    origin = CompanyOrigin.objects.filter(company=company).first()
    sent = (
        Submission.objects.visible_to(request.user).filter(person__company=company).select_related("form").order_by("-created_at")
    )
    context = {"touches": [(SOURCE, touch_of(origin, ""))] if origin else [], "consents": [], "submissions": sent[:SHOWN]}
    return render(request, "capture/_origin.html", context)


def touch_of(record, prefix):
    """Return the (words, value) of one touch that have a value, and its time."""
    values = [(label, getattr(record, f"{prefix}{name}")) for name, label, _grouped in VALUES]
    return [(label, value) for label, value in values if value], getattr(record, f"{prefix}at")
