"""Forms for the demo and what came in by them, made by the product's own actions; no person more than there were."""

import random
from datetime import timedelta

from django.utils import timezone, translation

from capture import actions, links, questions, utm
from capture.models import Assignment, CampaignLink, CompanyOrigin, Form, PersonOrigin, Submission
from capture.touches import Touch
from crm.history.changes import change
from crm.models import User
from crm.text import fold
from leads.models import Person, Source

#: Source, medium, campaign, and how often each is.
SOURCES = [
    ("linkedin", "social", "fruehjahr-2026", 5), ("google", "cpc", "marke", 4), ("facebook", "cpc", "sommer-2026", 3),
    ("newsletter", "email", "juni-ausgabe", 3), ("google", "organic", "", 3), ("trade-fair", "qr", "hannover-2026", 2),
    ("linkedin", "social", "frühjahr 2026", 1),
]  # fmt: skip
#: Page, source, medium, campaign, content; days ago.
LINKS = [
    ("https://www.example.com/produkte", "linkedin", "social", "fruehjahr-2026", "bild-werkhalle", 41),
    ("https://www.example.com/produkte", "linkedin", "social", "fruehjahr-2026", "video-kunde", 41),
    ("https://www.example.com/produkte?variante=b#preise", "google", "cpc", "marke", "", 33),
    ("https://www.example.com/aktion", "facebook", "cpc", "sommer-2026", "", 19), ("https://www.example.com/aktion", "newsletter", "email", "sommer-2026", "kopf", 18),
    ("https://www.example.com/neues", "newsletter", "email", "juni-ausgabe", "knopf-oben", 12),
    ("https://www.example.com/termin", "trade-fair", "qr", "hannover-2026", "standwand", 6),
    ("https://www.example.com/termin", "xing", "social", "webinar-herbst", "", 1),
]  # fmt: skip
ORIGINS, BUYERS, CONVERSIONS = 90, 30, 9


@translation.override("de")
def load():
    """Make two forms of the first marketer, where some leads came from, and what some of them sent."""
    chance = random.Random(7)
    users = User.objects.filter(is_active=True).order_by("pk")
    marketer = users.filter(role__code="marketer").first() or users.first()
    reps = [user.pk for user in users.filter(role__code="sales_rep")]
    contact = actions.create_form(
        {
            "name": "Kontakt auf der Website", "published": True, "language": "de", "title": "Sprechen Sie mit uns",
            "intro": "Wir melden uns am nächsten Werktag.", "button": "Anfrage senden", "takers": reps or [marketer.pk],
            "sites": ["https://www.example.com"], "source": Source.objects.filter(name_en="Website").first(),
            "consent_text": "Schicken Sie mir den Newsletter, etwa einmal im Monat. Ich kann ihn jederzeit abbestellen.", "consent_purpose": "Newsletter",
            "questions": [
                {"name": "person.first_name", "required": False}, {"name": "person.last_name", "required": True},
                {"name": "company.name", "required": False}, {"name": "person.email"}, {"name": "person.phone", "required": False},
                {"name": "free.1", "label": "Worum geht es?", "kind": "choice", "choices": ["Angebot", "Termin", "Etwas anderes"]},
                {"name": "free.2", "label": "Ihre Nachricht", "kind": "area"},
            ],
        },
        by=marketer, via="demo",
    )  # fmt: skip
    fair = actions.create_form(
        {"name": "Trade fair", "language": "en", "title": "Meet us at the fair", "rule": Form.Rule.LEAST, "takers": reps or [marketer.pk]},
        by=marketer, via="demo",
    )  # fmt: skip
    leads = list(Person.objects.live().leads().exclude(email="").select_related("company").order_by("pk"))
    some = chance.sample(leads, min(ORIGINS, len(leads)))
    buyers = Person.objects.live().filter(lead_status__isnull=False, sales__status="won").exclude(pk__in=[one.pk for one in some])
    _origins([*some, *buyers.select_related("company").order_by("pk").distinct()[:BUYERS]], chance, contact, fair)
    _links(marketer)
    now = timezone.now()
    for number, person in enumerate(some[:CONVERSIONS]):
        values = {"person.last_name": person.last_name, "person.email": person.email, "free.1": "Angebot"}
        _send(
            contact, values, _touch(chance, now - timedelta(days=number)), f"demo-{number}", now - timedelta(days=number, hours=3)
        )
    spam = {
        "person.last_name": "Seo Best",
        "person.email": "seo@spam.example",
        "free.2": "http://a.example http://b.example http://c.example",
    }
    _send(contact, spam, Touch(), "demo-spam", now - timedelta(hours=7), why="links")
    _given_out(contact)
    Submission.objects.update(seen_at=now)


def _touch(chance, at):
    source, medium, campaign, _weight = chance.choices(SOURCES, [one[3] for one in SOURCES])[0]
    return Touch(source=source, medium=medium, campaign=campaign, referrer="www.google.com" if source == "google" else "", at=at)


def _links(marketer):
    for target, source, medium, campaign, content, days in LINKS:
        built = utm.build({"target": target, "source": source, "medium": medium, "campaign": campaign, "content": content})
        link, _change_set = links.keep_link(built, by=marketer, via="demo")
        CampaignLink.objects.filter(pk=link.pk).update(created_at=timezone.now() - timedelta(days=days))


def _origins(persons, chance, contact, fair):
    firsts = [_touch(chance, person.created_at - timedelta(days=chance.randint(1, 40))) for person in persons]
    lasts = [
        first if chance.random() < 0.6 else _touch(chance, person.created_at)
        for person, first in zip(persons, firsts, strict=True)
    ]
    PersonOrigin.objects.bulk_create(
        PersonOrigin(
            person=person,
            form=fair if last.source == "trade-fair" else contact,
            **first.columns("first_"),
            **last.columns("lead_"),
        )
        for person, first, last in zip(persons, firsts, lasts, strict=True)
    )
    companies = {person.company_id: last for person, last in zip(persons, lasts, strict=True) if person.company_id}
    CompanyOrigin.objects.bulk_create(CompanyOrigin(company_id=pk, **last.columns()) for pk, last in companies.items())


def _given_out(form):
    """Write down how those who came by the form were given to the reps they are with, and that these have seen it."""
    came = (
        PersonOrigin.objects.filter(form=form, person__owner__in=form.takers)
        .select_related("person")
        .order_by("person__created_at")
    )
    sent = [
        Submission(
            form=form, key=f"demo-lead-{one.person_id}", state=Submission.State.ACCEPTED, name=one.person.name, name_key=fold(one.person.name),
            email=one.person.email, answers={"person.last_name": one.person.last_name, "person.email": one.person.email},
            person=one.person, owner_id=one.person.owner_id, created_at=one.person.created_at, updated_at=one.person.created_at,
            **{name: getattr(one, f"lead_{name}") for name in Touch().columns()},
        )
        for one in came
    ]  # fmt: skip
    with change("submission.receive", by=None, via="demo", params={"count": len(sent), "name": form.name}):
        Submission.objects.bulk_create(sent)
    Assignment.objects.bulk_create(
        Assignment(form=form, submission=one, rule=form.rule, user_id=one.owner_id, at=one.created_at) for one in sent
    )


def _send(form, values, touch, key, at, why=""):
    bound = questions.read(form, values, consent=False)
    actions.submit(form, bound.answers(), (touch, touch), key, why=why, now=at)
