"""Conditions of plans: what their expressions may name, and which branch they choose."""

from typing import Any

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.app.plans import check_plan, plan_from
from axonflow.errors import PlanError
from axonflow.flows.choose_branch import chooser
from axonflow.plan import Plan, Step, ref


def condition(when: str) -> Step:
    return Step(
        name="dear", kind="condition", when=when, needs=["flights"], inputs={"most": 500, "not a name": 1},
        branches={"true": []},
    )  # fmt: skip


def chosen(when: str, flights: Any) -> str:
    return chooser(condition(when), compile_pattern)({"flights": flights, "most": 500})


@pytest.mark.parametrize(
    ("when", "result"),
    [
        ("flights[0].price > most", "true"),
        ("flights.all(f, f.price < most)", "false"),
        ("flights[0].price", "700"),
        ("flights[0].to.matches('^A') ? 'near' : 'far'", "near"),
        ("size(flights) == 1 && flights[0].to.startsWith('A')", "true"),
    ],
)
def test_chooser_of_an_expression_gives_its_result_as_text(when: str, result: str) -> None:
    assert chosen(when, [{"price": 700, "to": "AMS"}]) == result


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("hotels.size() > 1", "step 'dear', when (character 1)"),
        ("flights >", "step 'dear', when (character 10)"),
        ("detected('pii.email')", "there are no detectors in a plan"),
        ("principal.id == 'x'", "step 'dear', when (character 1)"),
    ],
)
def test_chooser_of_an_expression_that_is_none_is_refused(when: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        chooser(condition(when), compile_pattern)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("flights[3].price > 1", "step 'dear', when: the condition fails"),
        ("flights[0].price > 'x'", "the condition fails"),
        ("flights", "the condition has no branch: expected true, false, a whole number or a string, found list"),
        (
            "flights.all(a, flights.all(b, flights.all(c, true)))",
            "ExhaustedError: more than 200000 loop steps in one condition",
        ),
    ],
)
def test_chooser_that_fails_says_where(when: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        chosen(when, [{"price": 1}] if "all" not in when else [1] * 100)
    assert message in str(caught.value)


def test_check_plan_finds_conditions_within_bodies() -> None:
    body = Plan("body", inputs={"x": 1}).add(
        Step(name="c", kind="condition", when="y", inputs={"x": ref("$.x")}, branches={"1": []})
    )
    plan = Plan("p").plan("sub", body).add(Step(name="d", kind="condition", when="1 +", branches={"1": []}))
    with pytest.raises(PlanError) as caught:
        check_plan(plan)
    assert [str(one.at) for one in caught.value.problems] == [
        "plan 'p', step 'd', when (character 4)", "plan 'body', step 'c', when (character 1)",
    ]  # fmt: skip
    check_plan(Plan("p").add(Step(name="d", kind="condition", when="1 + 1", branches={"2": []})))


def test_plan_from_a_file_tells_the_line_of_a_wrong_condition(tmp_path: Any) -> None:
    place = tmp_path / "p.yaml"
    place.write_text(
        "apiVersion: axonflow.dev/v1\nkind: Plan\nmetadata: {name: p}\nsteps:\n- {name: a}\n"
        "- name: d\n  kind: condition\n  when: 1 +\n  branches: {a: [a]}\n"
    )
    with pytest.raises(PlanError) as caught:
        plan_from(place)
    assert str(caught.value).startswith(f"{place}:6:3 ($.steps[1]): plan 'p', step 'd', when (character 4)")
    place.write_text(place.read_text().replace("1 +", "1 + 1"))
    assert plan_from(place).check().needs == {"a": ("d",), "d": ()}
