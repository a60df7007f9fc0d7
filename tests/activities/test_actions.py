"""Follow-ups change by actions alone: ticked off, repeated, postponed, given away, undone; with access as of their record (R15, R16)."""

import datetime

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from activities import actions, lifecycle
from activities.models import Activity
from crm import access
from crm.history import words
from crm.history.models import Change, ChangeSet
from crm.history.undo import undo
from crm.models import User
from leads import actions as leads
from leads.models import Person
from tests.factories import ActivityFactory, CompanyFactory, PersonFactory, SaleFactory, UserFactory, arrange

pytestmark = pytest.mark.usefixtures("nothing_unattributed")
MONDAY = datetime.date(2027, 3, 1)


@pytest.fixture
def person(anna):
    return PersonFactory(by=anna)


@pytest.fixture
def weekly(anna, person):
    """A call every Monday, long overdue or not: due in two days at ten."""
    at = (timezone.now() + datetime.timedelta(days=2)).replace(second=0, microsecond=0)
    return ActivityFactory(by=anna, person=person, kind="call", due_at=at, repeat="weekly")


def following(activity):
    return Activity.objects.filter(previous=activity, deleted_at=None)


def test_a_day_is_due_until_its_end_where_the_owner_is(anna, person):
    tokyo = UserFactory(time_zone="Asia/Tokyo")
    mine = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    theirs = ActivityFactory(by=anna, person=person, due_at=MONDAY, owner=tokyo)
    assert mine.all_day and mine.due_at.isoformat() == "2027-03-01T22:59:59+00:00"
    assert theirs.all_day and theirs.due_at.isoformat() == "2027-03-01T14:59:59+00:00"
    assert mine.day == theirs.day == MONDAY


def test_given_to_somebody_elsewhere_it_is_due_on_the_same_day_there(anna, person):
    tokyo = UserFactory(time_zone="Asia/Tokyo")
    whole_day = ActivityFactory(by=anna, person=person, due_at=MONDAY, repeat="monthly")
    at_ten = ActivityFactory(by=anna, person=person, due_at=datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC))
    by_edit = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    outcome = actions.set_owner(Activity.objects.filter(pk__in=[whole_day.pk, at_ten.pk]), tokyo, by=anna, via="bulk")
    actions.edit_activity(by_edit, {"owner": tokyo}, by=anna, via="card")
    for one in (whole_day, at_ten, by_edit):
        one.refresh_from_db()
        assert one.owner == tokyo
    assert whole_day.day == by_edit.day == MONDAY
    assert whole_day.due_at == by_edit.due_at == datetime.datetime(2027, 3, 1, 14, 59, 59, tzinfo=datetime.UTC)
    assert whole_day.repeat_from == whole_day.due_at
    assert at_ten.due_at == datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC)
    undo(outcome.change_set, by=anna, via="card")
    whole_day.refresh_from_db()
    assert whole_day.owner == anna and whole_day.due_at.isoformat() == "2027-03-01T22:59:59+00:00"


def test_ticking_off_makes_the_next_one_and_undo_takes_both_back(anna, person, weekly):
    outcome = actions.set_done(weekly, True, by=anna, via="card")
    coming = following(weekly).get()
    assert coming.due_at == weekly.due_at + datetime.timedelta(days=7)
    assert (coming.kind, coming.subject, coming.person, coming.owner, coming.repeat) == (
        "call",
        weekly.subject,
        person,
        anna,
        "weekly",
    )
    assert coming.done_at is None and coming.company == person.company
    person.refresh_from_db()
    assert person.next_activity == coming.due_at
    assert set(Change.objects.filter(change_set=outcome.change_set).values_list("record_id", flat=True)) == {weekly.pk, coming.pk}

    taken_back = undo(outcome.change_set, by=anna, via="card")
    weekly.refresh_from_db()
    person.refresh_from_db()
    assert weekly.done_at is None and not following(weekly).exists() and person.next_activity == weekly.due_at
    undo(taken_back.change_set, by=anna, via="card")
    weekly.refresh_from_db()
    assert weekly.done_at and following(weekly).get() == coming


def test_ticked_off_by_an_edit_it_goes_on_as_well(anna, weekly):
    actions.edit_activity(weekly, {"done_at": timezone.now()}, by=anna, via="api")
    assert following(weekly).count() == 1


def test_opened_again_and_ticked_off_again_there_is_still_one_next(anna, weekly):
    actions.set_done(weekly, True, by=anna, via="card")
    actions.set_done(weekly, False, by=anna, via="card")
    actions.set_done(weekly, True, by=anna, via="card")
    assert following(weekly).count() == 1


def test_a_redo_makes_no_second_next_beside_one_that_came_meanwhile(anna, weekly):
    first = actions.set_done(weekly, True, by=anna, via="card")
    taken_back = undo(first.change_set, by=anna, via="card")
    actions.set_done(weekly, True, by=anna, via="card")
    redone = undo(taken_back.change_set, by=anna, via="card")
    assert following(weekly).count() == 1
    assert any("continued" in reason for _pk, reason in redone.left)


def test_r15_who_loses_a_follow_up_by_an_undo_has_no_next_one_of_it(anna, person):
    other = PersonFactory(by=anna, company=None)
    call = ActivityFactory(by=anna, person=person, due_at=timezone.now())
    moved = actions.edit_activity(call, {"person": other, "company": None}, by=anna, via="card")
    undo(moved.change_set, by=anna, via="card")
    person.refresh_from_db()
    other.refresh_from_db()
    assert person.next_activity and other.next_activity is None and not any(lifecycle.drift().values())


def test_an_undo_leaves_no_follow_up_that_is_nobodys(anna):
    company = CompanyFactory(by=anna)
    person = PersonFactory(by=anna, company=company)
    call = ActivityFactory(by=anna, person=None, company=company)
    given = actions.edit_activity(call, {"person": person}, by=anna, via="card")
    leads.edit_person(person, {"company": None}, by=anna, via="card")
    actions.edit_activity(Activity.objects.get(), {"company": None}, by=anna, via="card")
    outcome = undo(given.change_set, by=anna, via="card")
    assert (outcome.changed, outcome.left) == (0, [(call.pk, "“company” was changed again later.")])
    assert Activity.objects.get().person == person


def test_what_was_made_of_the_next_one_is_not_lost_by_undo(anna, weekly):
    ticked = actions.set_done(weekly, True, by=anna, via="card")
    coming = following(weekly).get()
    actions.edit_activity(coming, {"subject": "Bring the offer"}, by=anna, via="card")
    undo(ticked.change_set, by=anna, via="card")
    weekly.refresh_from_db()
    assert weekly.done_at is None and following(weekly).get().subject == "Bring the offer"
    actions.set_done(weekly, True, by=anna, via="card")
    assert following(weekly).count() == 1


def test_many_of_a_series_at_once(anna, person):
    some = [ActivityFactory(by=anna, person=person, due_at=MONDAY, repeat=repeat) for repeat in ("", "daily", "monthly")]
    outcome = actions.set_done(Activity.objects.filter(pk__in=[one.pk for one in some]), True, by=anna, via="bulk")
    assert outcome.changed == 3
    assert sorted(Activity.objects.exclude(previous=None).values_list("repeat", flat=True)) == ["daily", "monthly"]
    undo(outcome.change_set, by=anna, via="card")
    assert Activity.objects.filter(done_at=None, deleted_at=None).count() == 3


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"repeat": "weekly"}, "repeat"),
        ({"repeat": "weekly", "kind": "note", "due_at": MONDAY}, "repeat"),
        ({"repeat": "hourly", "due_at": MONDAY}, "repeat"),
        ({"repeat": "weekly", "due_at": MONDAY, "repeat_every": 0}, "repeat_every"),
        ({"repeat": "weekly", "due_at": MONDAY, "repeat_every": 100}, "repeat_every"),
        ({"repeat": "weekly", "due_at": MONDAY, "repeat_until": datetime.date(2027, 2, 28)}, "repeat_until"),
        ({"priority": "urgent"}, "priority"),
        ({"due_at": datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)}, "due_at"),
        ({"due_at": datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)}, "due_at"),
        ({"time_zone": "Mars/Olympus", "due_at": MONDAY}, "time_zone"),
        ({"previous": None}, "previous"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(anna, person, values, field):
    with pytest.raises(ValidationError) as refused:
        actions.create_activity({"subject": "Call", "person": person, **values}, by=anna, via="api")
    assert set(refused.value.message_dict) == {field}
    assert not Activity.objects.exists()


def test_postponed_it_keeps_its_time_of_day(anna, person):
    at_ten = ActivityFactory(by=anna, person=person, due_at=datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.UTC))
    whole_day = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    undated = ActivityFactory(by=anna, person=person)
    # On the 28th the clocks have changed: ten o'clock in Berlin is eight in UTC.
    outcome = actions.postpone(Activity.objects.all(), datetime.date(2027, 3, 28), by=anna, via="bulk")
    assert outcome.changed == 3
    for one, due_at in ((at_ten, "2027-03-28T08:00:00"), (whole_day, "2027-03-28T21:59:59"), (undated, "2027-03-28T21:59:59")):
        one.refresh_from_db()
        assert one.due_at.isoformat() == f"{due_at}+00:00" and one.version == 2
    assert undated.all_day and not any(lifecycle.drift().values())
    assert words.what(outcome.change_set) == "Follow-up postponed to 28 Mar 2027: 3"
    undo(outcome.change_set, by=anna, via="card")
    undated.refresh_from_db()
    assert undated.due_at is None and not undated.all_day


def test_what_is_done_is_not_postponed(anna, person):
    done = ActivityFactory(by=anna, person=person, due_at=MONDAY, done_at=timezone.now())
    with pytest.raises(ValidationError, match="already done"):
        actions.postpone(done, datetime.date(2027, 4, 1), by=anna, via="card")
    with pytest.raises(ValidationError):
        actions.postpone(ActivityFactory(by=anna, person=person), None, by=anna, via="card")


def test_what_somebody_changed_meanwhile_is_left_in_bulk(anna, mia, person):
    theirs, mine = (ActivityFactory(by=anna, person=person, due_at=MONDAY) for _number in range(2))
    seen = Change.objects.order_by("-id").values_list("id", flat=True)[0]
    actions.postpone(theirs, datetime.date(2027, 3, 5), by=mia, via="card")
    outcome = actions.postpone(Activity.objects.all(), datetime.date(2027, 4, 1), by=anna, via="bulk", as_of=seen)
    assert [pk for pk, _reason in outcome.left] == [theirs.pk]
    mine.refresh_from_db()
    assert mine.day == datetime.date(2027, 4, 1)


def test_access_follows_the_record(anna, jan, max_, rita, person):
    """Settled 14: who may change the person may change what is planned with them, whoever owns that; so may its undo."""
    of_nobody = ActivityFactory(by=anna, person=person, owner=None, due_at=MONDAY)
    for user, sees in ((anna, True), (jan, True), (max_, False), (rita, True)):
        assert Activity.objects.visible_to(user).filter(pk=of_nobody.pk).exists() is sees
    outcome = actions.postpone(of_nobody, datetime.date(2027, 4, 1), by=jan, via="card")
    undo(outcome.change_set, by=anna, via="card")
    of_nobody.refresh_from_db()
    assert of_nobody.day == MONDAY
    for user in (max_, rita):
        with pytest.raises(PermissionDenied):
            actions.set_done(of_nobody, True, by=user, via="card")
        with pytest.raises(PermissionDenied):
            actions.set_owner(of_nobody, user, by=user, via="card")


def test_a_follow_up_of_ones_own_is_changed_though_the_record_is_not(roles, anna, mia):
    own = roles["marketer"]
    own.edit = "own"
    own.save()
    mia.refresh_from_db()
    person = PersonFactory(by=anna)
    given = ActivityFactory(by=anna, person=person, owner=mia, due_at=MONDAY)
    other = ActivityFactory(by=anna, person=person, due_at=MONDAY)
    actions.set_done(given, True, by=mia, via="card")
    with pytest.raises(PermissionDenied):
        actions.set_done(other, True, by=mia, via="card")


def test_a_follow_up_of_ones_own_with_a_hidden_person_is_hidden(anna, max_):
    hidden = ActivityFactory(by=anna, person=PersonFactory(by=anna), due_at=MONDAY)
    arrange(Activity.objects.filter(pk=hidden.pk), owner=max_)
    assert not Activity.objects.visible_to(max_).filter(pk=hidden.pk).exists()


def test_a1_nobody_is_given_what_they_may_not_see(anna, jan, max_, mia, person):
    """It would be in nobody's day. Who owns the record sees it, who is switched off keeps what is theirs."""
    sale = SaleFactory(by=anna, company=person.company)
    for what, link in (("person", {"person": person}), ("company", {"company": person.company}), ("sale", {"sale": sale})):
        words = {"owner": [f"Max Lorenz may not see this {what}."]}
        with pytest.raises(ValidationError) as refused:
            actions.create_activity({"subject": "", "owner": max_, **link}, by=anna, via="card")
        assert refused.value.message_dict == {"subject": ["This field cannot be blank."], **words}
        call = actions.create_activity({"subject": "Call", **link}, by=anna, via="card")
        with pytest.raises(ValidationError) as refused:
            actions.edit_activity(call, {"owner": max_}, by=anna, via="card")
        assert refused.value.message_dict == words
        for owner in (jan, mia, None):
            actions.edit_activity(call, {"owner": owner}, by=anna, via="card")
    elsewhere = PersonFactory(by=max_)
    with pytest.raises(ValidationError) as refused:  # nor is it moved where its owner does not see it
        given = ActivityFactory(by=anna, person=person, owner=jan)
        actions.edit_activity(given, {"person": elsewhere, "company": None}, by=mia, via="api")
    assert refused.value.message_dict == {"owner": ["Jan Behrens may not see this person."]}
    arrange(Activity.objects.filter(pk=given.pk), owner=max_)
    actions.edit_activity(given, {"subject": "Write", "owner": max_}, by=anna, via="card")
    max_.is_active = False
    max_.save()
    actions.edit_activity(given, {"person": PersonFactory(by=anna), "company": None}, by=anna, via="api")


def test_a1_of_many_those_are_left_that_the_new_owner_may_not_see(anna, max_, mia, person):
    hidden = ActivityFactory(by=anna, person=person)
    shared = ActivityFactory(by=mia, person=PersonFactory(by=mia, company=None, owner=max_), owner=mia)
    outcome = actions.set_owner([hidden, shared], max_, by=mia, via="bulk")
    assert outcome.changed == 1 and outcome.left == [(hidden.pk, "Max Lorenz may not see this person.")]
    with pytest.raises(ValidationError, match="Max Lorenz may not see this person"):
        actions.set_owner(hidden, max_, by=mia, via="list")
    hidden.refresh_from_db()
    assert hidden.owner == anna


def test_who_would_see_a_follow_up_is_who_sees_it_then(roles, teams, anna, jan, max_, mia):
    """Three ways of saying it agree: of one that is stored, of one that is not yet, and of those a form offers (crm.access)."""
    roles["marketer"].see = "own"
    roles["marketer"].save()
    users = User.objects.filter(pk__in=[anna.pk, jan.pk, max_.pk, mia.pk])
    made, ada = [], UserFactory()
    for theirs in (anna, mia, None):
        company = CompanyFactory(by=ada, owner=theirs)
        for own in (anna, max_, mia, None):
            person = PersonFactory(by=ada, company=company, owner=own)
            made.append(ActivityFactory(by=ada, owner=None, person=person))
            made.append(ActivityFactory(by=ada, owner=None, person=None, sale=SaleFactory(by=ada, company=company, owner=own)))
        made.append(ActivityFactory(by=ada, owner=None, person=None, company=company))
    for user in users:
        sees = set(Activity.objects.visible_to(user).values_list("pk", flat=True))
        assert {one.pk for one in access.seen_among(made, user)} == sees
        assert {one.pk for one in made if users.filter(access.seers_q(one), pk=user.pk).exists()} == sees


def test_next_activity_is_right_after_every_way_in(anna, person, weekly):
    company = person.company
    other = CompanyFactory(by=anna)
    steps = [
        lambda: actions.postpone(weekly, datetime.date(2031, 1, 1), by=anna, via="card"),
        lambda: actions.set_done(weekly, True, by=anna, via="card"),
        lambda: actions.edit_activity(following(weekly).get(), {"person": None, "company": other}, by=anna, via="api"),
        lambda: actions.delete(following(weekly).get(), by=anna, via="card"),
        lambda: undo(ChangeSet.objects.filter(action="activity.delete").get(), by=anna, via="card"),
    ]
    for step in steps:
        step()
        assert not any(lifecycle.drift().values())
    company.refresh_from_db()
    assert company.next_activity is None
    arrange(Person.objects.filter(pk=person.pk), next_activity_at=timezone.now())
    assert lifecycle.drift() == {"person": [person.pk], "company": [], "sale": []}


def test_r15_a_lead_whose_owner_left_is_taken_up_again_by_who_says_so(anna, jan, category, status):
    company = CompanyFactory(by=anna, category=category("Lead"))
    lead, other = (PersonFactory(by=anna, company=company, owner=owner) for owner in (jan, anna))
    jan.is_active = False
    jan.save()
    leads.set_lead_status([lead, other], status("Re-nurture"), by=anna, via="bulk", again_on=MONDAY)
    assert set(Activity.objects.values_list("person", "owner")) == {(lead.pk, anna.pk), (other.pk, anna.pk)}


def test_a_follow_up_names_no_person_of_another_company(anna, person):
    elsewhere = CompanyFactory(by=anna, name="Helios")
    sale = SaleFactory(by=anna, company=elsewhere)
    for at in ({"company": elsewhere}, {"sale": sale}):
        with pytest.raises(ValidationError) as refused:
            actions.create_activity({"subject": "Ask", "person": person, **at}, by=anna, via="api")
        assert "is not at the company Helios" in refused.value.message_dict["person"][0]
    of_sale = actions.create_activity({"subject": "Ask", "sale": sale}, by=anna, via="api")
    with pytest.raises(ValidationError, match="is not at the company Helios"):
        actions.edit_activity(of_sale, {"person": person}, by=anna, via="api")
    mine = ActivityFactory(by=anna, person=person)
    with pytest.raises(ValidationError, match="is not at the company Helios"):
        actions.edit_activity(mine, {"company": elsewhere}, by=anna, via="api")
    # Who has left since stays with what was planned at the company; given to somebody there it is that one's.
    leads.edit_person(person, {"company": elsewhere}, by=anna, via="card")
    mine.refresh_from_db()
    actions.edit_activity(mine, {"subject": "Ask again"}, by=anna, via="card")
    actions.edit_activity(mine, {"person": PersonFactory(by=anna, company=elsewhere)}, by=anna, via="card")
    mine.refresh_from_db()
    assert (mine.subject, mine.company) == ("Ask again", elsewhere)
