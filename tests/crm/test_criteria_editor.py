"""The criteria editor: what each of its buttons does, and what it keeps of what cannot be asked (S2, S3)."""

import json

import pytest
from django.http import QueryDict

from crm import criteria, records
from crm.criteria import CriteriaError
from crm.criteria.editor import Editor, fields_found
from crm.fields import Asking
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
CITY = {"field": "email", "operator": "contains", "value": "a"}
NAME = {"field": "name", "operator": "starts", "value": "b"}
FORMER = {"field": "former_employee", "operator": "is", "value": "1"}


def all_of(*nodes):
    return {"version": 1, "all": list(nodes)}


def sent(tree, do="", **typed):
    """Return the editor after its form was sent with this tree, what was typed since (`r_0__value`), and a button."""
    data = QueryDict(mutable=True)
    data["c-tree"] = json.dumps(tree)
    for name, values in typed.items():
        path, _, part = name.partition("__")
        data.setlist(f"c:{path.replace('_', '-')}:{part}", values if isinstance(values, list) else [values])
    if do:
        data["do"] = do
    return Editor.sent(records.get("person"), data, Asking(UserFactory()))


def test_a_field_is_added_with_its_usual_condition_and_asks_nothing_until_it_has_a_value():
    editor = sent(all_of(), "add:r", r__add="email")
    assert editor.root.tree() == {"all": [{"field": "email", "operator": "contains", "value": ""}]}
    assert editor.question == all_of()
    assert editor.lacking
    assert editor.focus == "r-0"


def test_what_is_typed_is_taken_over_and_asked():
    editor = sent(all_of(CITY), r_0__operator="contains", r_0__value="müller")
    assert editor.question == all_of({**CITY, "value": "müller"})


def test_another_condition_keeps_what_fits_it_and_forgets_what_does_not():
    kept = sent(all_of(CITY), "shape:r-0", r_0__operator="starts", r_0__value="x")
    assert kept.question["all"] == [{"field": "email", "operator": "starts", "value": "x"}]
    date = {"field": "created_at", "operator": "on", "value": "2026-01-31"}
    two = sent(all_of(date), r_0__operator="between", r_0__how="date", r_0__value="2026-01-31")
    assert two.root.tree()["all"][0]["value"] == ["2026-01-31"]
    days = sent(all_of(date), r_0__operator="last_days", r_0__how="date", r_0__value="2026-01-31")
    assert days.root.tree()["all"][0]["value"] == ""
    period = sent(all_of(date), r_0__operator="period", r_0__how="date", r_0__value="2026-01-31")
    assert period.question["all"] == [{"field": "created_at", "operator": "period", "value": ["this_month"]}]


@pytest.mark.parametrize(("how", "text", "value"), [("-d", "30", "-30d"), ("+w", "2", "+2w"), ("today", "", "today"), ("date", "2026-05-01", "2026-05-01")])  # fmt: skip
def test_a_day_is_told_by_the_calendar_or_from_today_on(how, text, value):
    date = {"field": "created_at", "operator": "before", "value": "2026-01-31"}
    editor = sent(all_of(date), r_0__operator="before", r_0__how=how, r_0__value=text)
    assert editor.question["all"][0]["value"] == value
    (line,) = editor.lines
    assert (line.days[0].how, line.days[0].text) == (how, text)


def test_periods_are_combined():
    line = {"field": "created_at", "operator": "period", "value": ["this_year"]}
    more = sent(all_of(line), "period:r-0", r_0__operator="period", r_0__which="previous", r_0__number="3", r_0__unit="month")
    assert more.question["all"][0]["value"] == ["previous_3_months", "previous_1_months"]
    assert sent(more.question, "less:r-0").question["all"][0]["value"] == ["previous_3_months"]


def test_lines_move_past_each_other_and_into_and_out_of_sets():
    tree = all_of(CITY, {"any": [NAME]}, FORMER)
    assert sent(tree, "up:r-2").question == all_of(CITY, {"any": [NAME, FORMER]})
    assert sent(tree, "down:r-0").question == all_of({"any": [CITY, NAME]}, FORMER)
    assert sent(all_of(CITY, {"any": [NAME, FORMER]}), "up:r-1-0").question == all_of(CITY, NAME, {"any": [FORMER]})
    assert sent(all_of(CITY, {"any": [NAME, FORMER]}), "down:r-1-1").question == all_of(CITY, {"any": [NAME]}, FORMER)
    assert sent(all_of(CITY, NAME), "up:r-0").question == all_of(CITY, NAME)


def test_lines_are_duplicated_switched_off_removed_and_put_into_sets():
    assert sent(all_of(CITY, NAME), "copy:r-0").question == all_of(CITY, CITY, NAME)
    assert sent(all_of(CITY), "off:r-0").question == all_of({**CITY, "off": True})
    assert sent(all_of({**CITY, "off": True}), "off:r-0").question == all_of(CITY)
    assert sent(all_of(CITY, NAME), "remove:r-0").question == all_of(NAME)
    assert sent(all_of(CITY, NAME), "wrap:r-1").question == all_of(CITY, {"any": [NAME]})
    assert sent(all_of({"any": [CITY, NAME]}, FORMER), "unwrap:r-0").question == all_of(CITY, NAME, FORMER)
    assert sent(all_of(CITY), "clear:r").question == all_of()


def test_sets_join_by_or():
    once = sent(all_of(CITY), "or:r")
    assert once.question == {"version": 1, "any": [{"all": [CITY]}, {"all": []}]}
    assert len(sent(once.question, "or:r").question["any"]) == 3


def test_a_set_is_joined_otherwise():
    none = sent(all_of(CITY, NAME), "shape:r", r__join="none").question
    assert none == {"version": 1, "not": {"any": [CITY, NAME]}}
    assert sent(none, "shape:r", r__join="notall").question == {"version": 1, "not": {"all": [CITY, NAME]}}
    assert sent({"version": 1, "not": CITY}).root.join == "none"


def test_what_is_counted_has_conditions_of_its_own():
    editor = sent(all_of(), "add:r", r__add="activities.number")
    assert editor.question["all"] == [{"field": "activities.number", "operator": "gte", "value": "1"}]
    inner = sent(editor.question, "add:r-0-w", r_0_w__add="kind", r_0__operator="is", r_0__value="0")
    asked = sent(json.loads(inner.tree), r_0__operator="is", r_0__value="0", r_0_w_0__operator="in", r_0_w_0__value=["call"])
    (line,) = asked.question["all"]
    assert line["where"] == {"all": [{"field": "kind", "operator": "in", "value": ["call"]}]}
    assert asked.asked is not None


def test_what_does_not_exist_any_more_is_shown_and_asks_nothing_wider():
    gone = sent(
        all_of({"field": "shoe_size", "operator": "is", "value": 43}, {"field": "category", "operator": "in", "value": [99999]})
    )
    assert [bool(line.error) for line in gone.lines] == [True, True]
    assert gone.lines[1].summary == "#99999"
    assert gone.asked is None
    assert gone.question == all_of({"field": "shoe_size", "operator": "is", "value": "43"}, {"field": "category", "operator": "in", "value": ["99999"]})  # fmt: skip


@pytest.mark.parametrize(
    "do",
    ["remove:r-9", "remove:r", "up:x", "nothing:r", "add:r-0", "off:r-w", "unwrap:r-0", "period:r", "_take:r", "remove:r--1"],
)
def test_a_button_that_cannot_do_its_work_leaves_everything_as_it_is(do):
    editor = sent(all_of(CITY), do)
    assert editor.question == all_of(CITY)
    assert editor.message


def test_no_more_lines_and_sets_than_can_be_asked():
    full = all_of(*[CITY] * criteria.MAX_LINES)
    assert sent(full, "copy:r-0").message
    deep = CITY
    for _level in range(criteria.MAX_DEPTH - 1):
        deep = {"all": [deep]}
    path = "r" + "-0" * (criteria.MAX_DEPTH - 1)
    assert sent(all_of(deep), f"wrap:{path}").message


@pytest.mark.parametrize("tree", ["", "[]", "{", '{"all": 1}', '{"all": [{"value": 1}]}', '{"version": 7, "all": []}', '{"all": [{"field": "x", "value": [{}]}]}', "~nothing"])  # fmt: skip
def test_what_is_no_tree_is_refused(tree):
    data = QueryDict(mutable=True)
    data["c-tree"] = tree
    with pytest.raises(CriteriaError):
        Editor.sent(records.get("person"), data, Asking(UserFactory()))


def test_fields_are_found_by_any_words_of_their_names():
    names = [name for name, _label in fields_found(records.get("person"), "compan city")]
    assert names == ["company.city"]
    assert fields_found(records.get("person"), "")[0][0] == "name"
    assert "sales.sum_base_amount" in [name for name, _label in fields_found(records.get("company"), "sum sales")]


def test_criteria_are_packed_for_an_address():
    tree = all_of(*[{**CITY, "value": f"who {number}"} for number in range(40)])
    text = criteria.packed(tree)
    assert len(text) < 600
    assert criteria.loads(text) == tree
    assert criteria.packed(all_of()).startswith("{")
    for broken in ("~", "~AAAA", "~" + text[5:40], "~ü"):
        with pytest.raises(CriteriaError):
            criteria.loads(broken)


def test_places_of_lines_are_those_of_the_criteria():
    editor = sent({"version": 1, "not": {"any": [CITY, {"field": "email", "operator": "is", "value": ""}, {"all": [NAME]}]}})
    assert dict(editor.root.places()) == {"r-0": "not.any[0]", "r-2": "not.any[1]", "r-2-0": "not.any[1].all[0]"}
