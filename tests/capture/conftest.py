"""A published form, and what somebody sends by it."""

from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from capture import actions, protect, questions
from capture.touches import NAMES, Touch, read

LINKEDIN = {"source": "LinkedIn", "medium": "Social", "campaign": "Spring", "referrer": "https://www.linkedin.com/feed/?trk=anna"}
FACEBOOK = {"source": "Facebook", "medium": "cpc", "campaign": "Summer"}


@pytest.fixture
def client_of():
    def sign_in(user):
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def form(mia, anna, jan):
    """Anna and Jan take turns."""
    asked = [{"name": name, "required": name != "person.first_name"} for name in (
        "person.first_name", "person.last_name", "company.name", "person.email")]  # fmt: skip
    values = {"name": "Website", "published": True, "language": "en", "takers": [anna.pk, jan.pk], "sites": ["https://www.example.com"],
              "questions": [*asked, {"name": "free.1", "label": "Message", "kind": "area"}]}  # fmt: skip
    return actions.create_form(values, by=mia, via="form")


def given(**values):
    """Return what somebody answered, by the questions' names."""
    named = {"email": "person.email", "first_name": "person.first_name", "last_name": "person.last_name", "company": "company.name",
             "message": "free.1"}  # fmt: skip
    whole = {"email": "jana@nordwind.example", "last_name": "Petersen", "company": "Nordwind GmbH", **values}
    return {named.get(name, name): value for name, value in whole.items() if value is not None}


def send(form, key="k1", *, first=None, latest=None, consent=False, why="", **values):
    """Send the form, past its public page."""
    bound = questions.read(form, given(**values), consent=consent)
    assert bound.is_valid(), bound.errors
    touches = (read(first) if first else Touch(), read(latest) if latest else Touch())
    return actions.submit(form, bound.answers(), touches, key, consent=consent, why=why)


def token(form, seconds=30, **values):
    """Return a token that was handed out so long ago."""
    issued = (timezone.now() - timedelta(seconds=seconds)).timestamp()
    return signing.dumps({"f": form.key, "k": f"key-{seconds}", "t": issued, "u": {}, **values}, salt=protect.SALT, compress=True)


def sent(form, **values):
    """Return what a browser sends."""
    texts = {name.replace(".", "_"): value for name, value in given(**values).items()}
    return {"token": token(form), **texts}


def touch_of(record, prefix=""):
    return {name: getattr(record, f"{prefix}{name}") for name in NAMES if name != "at"}
