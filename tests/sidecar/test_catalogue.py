"""The catalogue of plans: what is taken as one, and plans that go wrong while they are made."""

import sys
import types

import pytest

from axonflow import Plan
from axonflow.errors import ConfigurationError, PlanError
from axonflow_sidecar.plans.catalogue import PlanCatalogue


def good(query, context):
    return Plan("p").step("a", lambda: query)


def empty(query, context):
    return Plan("p")


def failing(query, context):
    raise RuntimeError("hunter2")


async def awaited(query, context):
    return good(query, context)


@pytest.mark.parametrize("sources", [{"a": 5}, {5: good}, {"a": None}])
def test_catalogue_of_something_else_is_refused(sources):
    with pytest.raises(ConfigurationError, match="catalogue"):
        PlanCatalogue(sources)


@pytest.mark.parametrize("target", ["", "nonsense", "no.module:x", "os:path", "axonflow.samples.trip_plan:plan", ":x"])
def test_catalogue_that_cannot_be_loaded_is_refused_with_its_name(target):
    with pytest.raises(ConfigurationError) as raised:
        PlanCatalogue.load(target)
    assert target in str(raised.value)


def test_catalogue_whose_module_raises_is_refused(monkeypatch):
    broken = types.ModuleType("broken_plans")
    broken.__getattr__ = failing
    monkeypatch.setitem(sys.modules, "broken_plans", broken)
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        PlanCatalogue.load("broken_plans:plans")


def test_catalogue_of_the_samples_makes_ten_agents():
    catalogue = PlanCatalogue.load("axonflow.samples.ten_agents:plans")
    plan = catalogue.plan("travel", "Rome", {})
    assert catalogue.domains == ("travel",)
    assert [step.kind for step in plan.steps] == ["agent"] * 10


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (failing, "could not be made"),
        (awaited, "not a plan"),
        (empty, "empty"),
        (lambda query, context: 5, "not a plan"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_catalogue_function_that_goes_wrong_fails_that_plan_alone(source, message):
    catalogue = PlanCatalogue({"bad": source, "good": good})
    with pytest.raises(PlanError, match=message) as raised:
        catalogue.plan("bad", "q", {})
    assert "hunter2" not in str(raised.value)
    assert catalogue.plan("good", "q", {}).name == "p"


def test_catalogue_without_the_domain_names_those_it_has():
    with pytest.raises(PlanError, match="good"):
        PlanCatalogue({"good": good}).plan("bad", "q", {})
