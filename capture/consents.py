"""What persons agreed to, and how they take it back (A5): a signed link that needs no sign-in, or a user on the card."""

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from capture.models import Consent, Form
from crm import access
from leads.models import Person

SALT = "capture.unsubscribe"
MOST = 20  # purposes in one link
Via = Consent.Via


def active():
    """Return the consents that hold."""
    return Consent.objects.filter(withdrawn_at=None)


def purposes() -> list[str]:
    """Return every purpose that forms ask for or persons have agreed to."""
    asked = Form.objects.live().exclude(consent_purpose="").values_list("consent_purpose", flat=True)
    return sorted({*asked.distinct(), *Consent.objects.order_by().values_list("purpose", flat=True).distinct()}, key=str.casefold)


def of(ids) -> dict[int, list[str]]:
    """Return for each of these persons who agreed to something the purposes for which that holds."""
    found: dict[int, list[str]] = {}
    for pk, purpose in active().filter(person__in=ids).order_by("purpose").values_list("person", "purpose").distinct():
        found.setdefault(pk, []).append(purpose)
    return found


def link(person_id, asked) -> str:
    """Return the address by which a person takes back what they agreed to for these purposes. It does not end: mails are kept for years."""
    token = signing.dumps({"p": person_id, "u": list(asked)[:MOST]}, salt=SALT, compress=True)
    return settings.BASE_URL.rstrip("/") + reverse("capture:unsubscribe", args=[token])


def read(token) -> tuple[int, list[str]] | None:
    """Return (person id, purposes) of a link, or None for one that we have not made."""
    if len(token) > 4_000:
        return None
    try:
        value = signing.loads(token, salt=SALT)
        return value["p"], value["u"]
    except (signing.BadSignature, ValueError, UnicodeError):
        return None


def withdraw(person_id, asked, *, via, by=None) -> int:
    """Let what the person agreed to for these purposes hold no more, and return how often that was; the rows stay, with the time.

    Also what is undone because its submission was taken back: accepted again, that must not bring it back.
    """
    if by is not None:
        access.require_edit(Person(pk=person_id), by)
    with transaction.atomic():
        held = Consent.objects.filter(Q(withdrawn_at=None) | Q(withdrawn_via=Via.UNDONE), person=person_id, purpose__in=asked)
        return held.update(withdrawn_at=timezone.now(), withdrawn_via=via, withdrawn_by=by)


def follow(submissions) -> None:
    """Let consents hold as long as their submission is accepted: one that somebody took back was perhaps not the person's own."""
    held = Consent.objects.filter(submission__in=submissions)
    held.exclude(submission__state="accepted").filter(withdrawn_at=None).update(
        withdrawn_at=timezone.now(), withdrawn_via=Via.UNDONE
    )
    held.filter(submission__state="accepted", withdrawn_via=Via.UNDONE).update(withdrawn_at=None, withdrawn_via="")
