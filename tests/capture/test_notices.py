"""Who is told of what a form brings, beside the one who gets it (C1)."""

import re

import pytest
from django.core import mail
from django.urls import reverse

from capture import actions
from capture.models import Submission, Told
from crm.history.models import ChangeSet
from crm.history.undo import undo
from crm.jobs.worker import run_pending
from tests.capture.conftest import send


@pytest.fixture
def told_form(form, mia, anna, max_, ada):
    """Anna takes leads and is told; so are Ada, who sees all, and Max, who is of another team."""
    actions.edit_form(form, {"takers": [anna.pk], "notify": [ada.pk, anna.pk, max_.pk]}, by=mia, via="card")
    form.refresh_from_db()
    return form


def test_c1_those_a_form_names_are_told_once_under_the_bell_and_by_mail(told_form, ada, anna, max_, mia, client_of):
    submission = send(told_form, last_name="Petersen", message="Please call")
    assert submission.owner == anna
    undo(ChangeSet.objects.filter(action="submission.accept").latest("pk"), by=mia, via="card")
    actions.release(Submission.objects.get(), by=mia, via="card")  # taken back and accepted anew: nobody is told twice
    assert set(Told.objects.values_list("user", flat=True)) == {ada.pk, max_.pk}, "who gets the lead is told as its owner"

    run_pending()
    (sent,) = mail.outbox  # Max may not see it, and is told nothing of it
    assert sent.to == [ada.email] and "Petersen" in sent.subject and "Please call" in sent.body
    assert submission.get_absolute_url() in sent.body and anna.name in sent.body

    bell, dialog = reverse("crm:bell"), reverse("capture:new_leads")
    for user, told in ((ada, True), (anna, True), (max_, False), (mia, False)):
        client = client_of(user)
        assert ("1 submission of a form" in client.get(bell).content.decode()) == told, user
        assert ("Petersen" in client.get(dialog).content.decode()) == told, user
    assert ">Show</button>" in client_of(ada).get(bell).content.decode(), "there is nothing to answer"
    client_of(ada).post(dialog, {"ids": [submission.pk]})
    assert "submission of a form" not in client_of(ada).get(bell).content.decode()
    assert "submission of a form" in client_of(anna).get(bell).content.decode(), "each looks for themselves"


def test_c1_who_sees_the_form_but_not_the_person_is_led_to_what_was_sent(told_form, mia, max_, anna, client_of):
    actions.edit_form(told_form, {"owner": max_}, by=mia, via="card")
    told_form.refresh_from_db()
    submission = send(told_form)
    for user, where in ((max_, submission), (anna, submission.person)):
        client = client_of(user)
        (address,) = re.findall(r'<a href="([^"]+)"', client.get(reverse("capture:new_leads")).content.decode())
        assert address == where.get_absolute_url() and client.get(address).status_code == 200


def test_c5_spam_tells_nobody_until_it_is_accepted(told_form, ada, mia):
    submission = send(told_form, why="links")
    assert not Told.objects.exists()
    actions.release(submission, by=mia, via="card")
    assert Told.objects.filter(user=ada).exists()


def test_who_is_told_is_chosen_on_the_tab_of_assignment(form, mia, anna, ada, client_of):
    client, address = client_of(mia), reverse("capture:assignment", args=[form.pk])
    assert "Also notify" in client.get(address).content.decode()
    sent = {"version": form.version, "rule": "turns", "takers": [anna.pk], "notify": [ada.pk]}
    assert client.post(address, sent, HTTP_HX_REQUEST="true").status_code in {200, 204}
    form.refresh_from_db()
    assert form.notify == [ada.pk]
