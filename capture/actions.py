"""Every change to forms, and what becomes of what they bring (C1–C3, R12). Shaped like leads.actions."""

import logging
import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.encoding import punycode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capture import assign, consents, notices, questions, touches
from capture.models import CompanyOrigin, Consent, Form, PersonOrigin, Submission, Told
from crm import access, search
from crm.history.changes import Outcome, change
from crm.jobs import enqueue, job
from crm.locks import hold, lock_rows
from crm.models import Role, User
from crm.text import fold
from leads import actions as leads
from leads import matching
from leads.models import Company, Person

FIELDS = ("name", "published", "language", "title", "intro", "questions", "button", "consent_text", "consent_purpose",
          "consent_required", "thanks", "redirect_url", "sites", "source", "rule", "takers", "notify", "by_country",
          "criteria", "owner")  # fmt: skip
MAX_SITES = 20
SITE = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")
State = Submission.State
#: Why what is no spam was not matched at once: the database was busy, or something is wrong with us.
WAITING, FAILED = "waiting", "failed"
logger = logging.getLogger("lotse.capture")

delete, restore = leads.delete, leads.restore


# --- Forms ----------------------------------------------------------------------------------------------------------------


def create_form(values, *, by, via) -> Form:
    """Create a form and return it; without questions it asks for name, company and e-mail."""
    leads.may_create(by)
    leads.known(FIELDS, values)
    form = Form(**{"owner": by, **values})
    if "questions" not in values:
        form.questions = [
            {"name": name, "label": "", "help": "", "required": name == "person.last_name"}
            for name in ("person.first_name", "person.last_name", "company.name", "person.email")
        ]
    if "takers" not in values:
        form.takers = [form.owner_id]
    with change("form.create", by=by, via=via, params={"count": 1, "name": form.name}):
        _clean(form, values, by)
        form.save(force_insert=True)
        search.refresh("form", [form.pk])
    return form


def edit_form(form, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one form; versions as in leads.actions.edit. New words of the consent are a new version of it."""
    return leads.edit(form, values, names=FIELDS, write=_write, by=by, via=via, version=version, was=was)


def _write(current, changed, by):
    if changed.keys() & {"consent_text", "consent_purpose"}:
        current.consent_version += 1
    for name, value in changed.items():
        setattr(current, name, value)
    _clean(current, changed, by)
    columns = {(field := Form._meta.get_field(name)).attname: getattr(current, field.attname) for name in changed}
    columns |= {"consent_version": current.consent_version, "name_key": fold(current.name)}
    Form.objects.filter(pk=current.pk).update(**columns, **Form.edited())
    if "name" in changed:
        search.refresh("form", [current.pk])


def _clean(form, values, by):
    form.name_key = fold(form.name)
    leads.clean(form, {name: value for name, value in values.items() if name not in JSON}, by, required=("name",))
    errors = {}
    try:
        form.questions = questions.clean(form.questions)
    except ValidationError as error:
        errors["questions"] = error.messages
    try:
        form.sites = clean_sites(form.sites)
        form.redirect_url = clean_redirect(form.redirect_url, form.sites)
    except ValidationError as error:
        errors.update(error.message_dict)
    if form.consent_text and not form.consent_purpose:
        errors["consent_purpose"] = [_("Say for what the consent is given.")]
    if errors:
        raise ValidationError(errors)
    assign.clean(form)


JSON = ("questions", "sites", "takers", "notify", "by_country", "criteria")


def clean_sites(given) -> list[str]:
    """Return the origins that may show a form; raise ValidationError. In production they are of HTTPS."""
    if not isinstance(given, list) or len(given) > MAX_SITES:
        raise ValidationError({"sites": _("At most %(count)s sites.") % {"count": MAX_SITES}})
    made = []
    for site in given:
        origin = as_browsers_say(str(site).strip().rstrip("/"))
        if not SITE.fullmatch(origin) or (settings.PRODUCTION and not origin.startswith("https://")):
            raise ValidationError({"sites": _("Give each site with its beginning, for example https://www.example.com.")})
        made.append(origin)
    return list(dict.fromkeys(made))


def as_browsers_say(origin) -> str:
    """Return an origin in lower case and plain letters, in which a browser tells it: *https://müller.example* is *https://xn--mller-kva.example*."""
    scheme, colon, host = origin.lower().partition("://")
    try:
        return f"{scheme}{colon}{punycode(host)}"
    except UnicodeError:
        return origin


def clean_redirect(url, sites) -> str:
    """Return the page strangers are led to, which lies on one of the sites; raise ValidationError."""
    url = (url or "").strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        given = f"{parts.scheme}://{parts.netloc}"
        own = as_browsers_say(given) in sites and not parts.username
    except ValueError:
        own = False
    if not own or re.search(r"[\s\x00-\x1f\x7f\\\"'<>;,]", url):
        raise ValidationError({"redirect_url": _("This page must lie on one of the form's sites.")})
    return as_browsers_say(given) + url[len(given) :]


# --- What comes in --------------------------------------------------------------------------------------------------------


def nobody() -> User:
    """Return who acts where a stranger set something off: nobody the history could name, and bound by every rule of records."""
    return User(username="capture", role=Role(code="capture", see="all", edit="all"))


def submit(form, answers, pair, key, *, consent=False, why="", now=None, by=None, via="form") -> Submission:
    """Keep what was sent and return it; once for each key of a form (a double click, a retry).

    `answers` are those of questions.PublicForm, `pair` is (first, latest) Touch, `by` the user whose program sent it. It is matched with a
    person in the same transaction (accept), unless `why` says that it looks like spam: then it waits. Where matching fails, because the
    database is busy or for a fault of ours, it is kept all the same: who is answered *received* is in the database. Raise OperationalError
    if not even that is possible.
    """
    values = {"consent": consent, "now": now or timezone.now(), "by": by, "via": via}
    try:
        with transaction.atomic():
            hold(f"submission {form.pk} {key}", *_keys(form, answers))
            submission, is_new = _keep(form, answers, pair, key, why=why, **values)
            if is_new and not why:
                _accept(submission, answers, pair, by=nobody(), via=via, told_by=by)
            return submission
    except OperationalError as error:
        logger.warning("A submission is matched later: %s", error)
        why = why or WAITING
    except Exception:  # a lead counts more than what is wrong with it
        logger.exception("A submission could not be matched")
        why = why or FAILED
    try:
        with transaction.atomic():
            submission, is_new = _keep(form, answers, pair, key, why=why, **values)
            if is_new and why == WAITING:
                enqueue(match, submission_id=submission.pk)
    except IntegrityError:  # a retry of it was quicker
        return Submission.objects.select_related("form", "person").get(form=form, key=key)
    return submission


def _keep(form, answers, pair, key, *, consent, why, now, by, via):
    """Store what was sent, unless it is there already; return (submission, whether it is new)."""
    if there := Submission.objects.filter(form=form, key=key).select_related("form", "person").first():
        return there, False
    first, latest = pair
    conversion = latest or first
    submission = Submission(
        form=form, key=key, state=State.RECEIVED if why in {"", WAITING, FAILED} else State.SPAM, why=why, answers=answers.all,
        email=answers.person["email"], name=_name(answers.person), touches={"first": first.plain(), "latest": latest.plain()},
        created_at=now, updated_at=now, consent=_consent(form, now) if consent and form.consent_text else {},
        **(conversion.columns() if conversion else {}),
    )  # fmt: skip
    submission.name_key = fold(submission.name)
    with change("submission.receive", by=by, via=via, params={"count": 1, "name": form.name}):
        submission.save(force_insert=True)
    return submission, True


@job(attempts=8, label=gettext_lazy("Matching what a form brought"))
def match(job, *, submission_id):
    """Match a submission that came while the database was busy."""
    submission = Submission.objects.select_related("form").filter(pk=submission_id, state=State.RECEIVED, why=WAITING).first()
    if submission is not None:
        _match(submission, via="form")


def release(submission, *, by, via) -> Outcome:
    """Match what waits (in quarantine, or taken back) with a person after all."""
    return _match(submission, by=by, via=via)


def _match(submission, *, by=None, via) -> Outcome:
    outcome = Outcome()
    answers = _answers_of(submission)
    with transaction.atomic():
        hold(f"submission {submission.form_id} {submission.key}", *_keys(submission.form, answers))
        current = Submission.objects.select_related("form").select_for_update(no_key=True, of=("self",)).get(pk=submission.pk)
        if by is not None:
            _may_handle(current, by)
        if current.state != State.ACCEPTED and current.deleted_at is None:
            pair = tuple(touches.read(current.touches.get(name), current.created_at) for name in ("first", "latest"))
            outcome.change_set = _accept(current, answers, pair, by=nobody(), via=via, told_by=by)
            outcome.changed = 1
    return outcome


def quarantine(submission, *, by, via) -> Outcome:
    """Put aside what was taken back and is spam after all."""
    outcome = Outcome()
    with change("submission.quarantine", by=by, via=via, params={"count": 1, "name": str(submission)}) as change_set:
        current = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
        _may_handle(current, by)
        if current.state == State.RECEIVED:
            outcome.changed = Submission.objects.filter(pk=current.pk).update(state=State.SPAM, **Submission.edited())
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def may_handle(submission, user) -> bool:
    """Tell whether the user may say what becomes of it: whoever may change its form."""
    return access.editable(Form.objects.filter(pk=submission.form_id), user).exists()


def _may_handle(submission, by):
    if not may_handle(submission, by):
        raise PermissionDenied(_("You may see this record, but not change it."))


def _keys(form, answers):
    """Return what is held while a submission is matched: the form's turn, and the keys of the person and the company."""
    person, company = matching.key_of(Person, answers.person), matching.key_of(Company, answers.company)
    return [f"form {form.pk}", *(f"person {text}" for text in person.values()), *(f"company {text}" for text in company.values())]


def _name(person):
    return f"{person.get('first_name', '')} {person.get('last_name', '')}".strip() or person["email"]


def _consent(form, now):
    return {"purpose": form.consent_purpose, "version": form.consent_version, "text": form.consent_text, "at": now.isoformat()}


def _answers_of(submission):
    """Return the answers that were stored."""
    parts = {kind: {} for kind in questions.MODELS}
    for name, value in submission.answers.items():
        kind, _dot, field = name.partition(".")
        if kind in parts:
            parts[kind][field] = value
    return questions.Answers(parts["person"], parts["company"], submission.answers)


def _accept(submission, answers, pair, *, by, via, told_by=None):
    """Find or create the person, and give them to somebody; under a change set of its own, so that it alone can be taken back.

    Of a person who is known nothing is overwritten (anybody can type another's e-mail): the submission holds what was said.
    """
    form = submission.form
    with change("submission.accept", by=told_by, via=via, params={"count": 1, "name": form.name}) as change_set:
        person = matching.existing(Person, answers.person)
        known = person is not None
        decision = assign.choose(form, answers.all) if person is None or person.owner_id is None else None
        owner = decision.user if decision else person.owner
        if person is None:
            person = _create(form, answers, pair, owner, by, via)
        elif decision and owner:
            leads.set_owner(person, owner, by=by, via=via)
        if decision:
            decision.submission = submission
            decision.save()
        if submission.consent:
            said = submission.consent
            words = {name: said[name] for name in ("purpose", "version", "text")}
            Consent.objects.get_or_create(
                person=person, submission=submission, defaults={"form": form, "at": said["at"], **words}
            )
        why = "" if submission.why in {WAITING, FAILED} else submission.why
        Submission.objects.filter(pk=submission.pk).update(
            state=State.ACCEPTED, why=why, person=person, known=known, owner=owner, seen_at=None, **Submission.edited()
        )
    consents.follow([submission.pk])
    submission.refresh_from_db()
    notices.tell(submission, form)
    return change_set


def _create(form, answers, pair, owner, by, via):
    """Create the person, and the company they name unless there is one; a company's category stays as it is (R12)."""
    first, latest = pair[0] or pair[1], pair[1] or pair[0]
    company = None
    if answers.company.get("name"):
        company = matching.existing(Company, answers.company)
        if company is None:
            company = leads.create_company({**answers.company, "owner": owner}, by=by, via=via)
            if latest:
                CompanyOrigin.objects.create(company=company, **latest.columns())
        else:
            lock_rows(Company.objects.filter(pk=company.pk))
            company.refresh_from_db()
    values = {**answers.person, "company": company, "owner": owner}
    if not values.get("last_name"):
        values["last_name"] = values["email"].partition("@")[0][:100]
    if form.source_id and not form.source.deleted_at:
        values["source"] = form.source
    person = leads.create_person(values, by=by, via=via)
    PersonOrigin.objects.create(person=person, form=form, **first.columns("first_"), **latest.columns("lead_"))
    return person


def mark_seen(submissions, user) -> int:
    """Note that the one who got these has looked at them."""
    now, ids = timezone.now(), list(submissions.values_list("pk", flat=True))
    Told.objects.filter(user=user, submission__in=ids, seen_at=None).update(seen_at=now)
    return Submission.objects.filter(pk__in=ids, owner=user, seen_at=None).update(seen_at=now)
