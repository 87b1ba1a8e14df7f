"""What planners may use: read from a document, and found by a query."""

import copy

import pytest

from axonflow.errors import PlanError
from axonflow.plan.planner.catalogue import AgentConfig, Capability, Routing, agent_config_of_document, domain_of
from tests.plans_asked_for import TRAVEL

WRITER = (Capability("writer"),)


def test_agent_config_of_a_document_has_all_of_it():
    config = agent_config_of_document(TRAVEL)
    assert (config.domain, config.description, config.routing.words[2]) == ("travel", "Trips.", "New York")
    assert config.find("tool", "flights").takes.usd_micros == 5
    assert config.find("tool", "hotel_search").idempotent
    assert config.find("agent", "flights") is None


@pytest.mark.parametrize(
    ("path", "value", "at", "message"),
    [
        (("kind",), "Agent", "$.kind", "Invalid enum"),
        (("kind",), "\ud800", "$", "not UTF-8"),
        (("apiVersion",), "v1", "$.apiVersion", "Invalid enum"),
        (("metadata",), {}, "$.metadata", "name"),
        (("tools", 0, "name"), 7, "$.tools[0].name", "Expected 'str'"),
        (("tools", 0, "run"), "rm", "$.tools[0]", "unknown field 'run'"),
        (("tools", 1, "name"), "hotel_search", "$: domain 'travel', tool 'hotel_search'", "the name is taken"),
        (("tools", 1, "name"), "a\nb", "$: domain 'travel'", "not a name of a tool"),
        (("tools", 0, "accepts"), {"type": "hotel"}, "$: domain 'travel', tool 'hotel_search'", "not a type"),
        (("tools", 0, "description"), "x" * 10_001, "$: domain 'travel', tool 'hotel_search'", "too long"),
        (("tools", 0, "labels"), ["pii"], "$: domain 'travel', tool 'hotel_search', labels", "not a label"),
        (
            ("tools", 0, "declassifies"),
            ["a:b"] * 2,
            "$: domain 'travel', tool 'hotel_search'",
            "a label is named twice",
        ),
        (("tools", 1, "takes"), {"tokens": -1}, "$.tools[1].takes", "not a number of tokens"),
        (("max_steps",), 0, "$: domain 'travel'", "not a number of steps"),
        (("metadata", "name"), "", "$", "not a domain"),
        (("routing", "words"), ["x"] * 1_001, "$: domain 'travel'", "too many"),
        (("routing", "words"), [""], "$: domain 'travel'", "not a word to route by"),
        (("synthesis", "agent"), "nobody", "$: domain 'travel', synthesis", "an unknown agent"),
    ],
)
def test_agent_config_that_is_wrong_is_refused_at_its_place(path, value, at, message):
    document = copy.deepcopy(TRAVEL)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(PlanError) as raised:
        agent_config_of_document(document)
    assert raised.value.at.startswith(at)
    assert message in str(raised.value)


def test_agent_config_without_anything_to_call_is_refused():
    with pytest.raises(PlanError, match="nothing to plan with"):
        AgentConfig(domain="empty")


def config(domain, *words, **routing):
    return AgentConfig(domain=domain, agents=WRITER, routing=Routing(words, **routing))


@pytest.mark.parametrize(
    ("query", "domain"),
    [
        ("A HOTEL, please!", "travel"),
        ("a trip to new york", "city"),
        ("hotels", "rest"),
        ("the bank", "bank"),
        ("my account at the bank", "bank"),
        ("credit", "loans"),
    ],
)
def test_query_finds_the_domain_of_most_of_its_words(query, domain):
    configs = [
        config("travel", "hotel", "trip"), config("city", "New  York", "trip", "-"), config("rest", default=True),
        config("bank", "bank", "account", "credit"), config("loans", "bank", "credit", priority=1),
    ]  # fmt: skip
    if query == "the bank":
        configs.pop()
    assert domain_of(query, configs).domain == domain


def test_query_of_no_domain_finds_the_only_one():
    assert domain_of("anything", [config("only", "word")]).domain == "only"


@pytest.mark.parametrize("configs", [[], [config("a", "x"), config("b", "y")]])
def test_query_of_no_domain_is_refused_where_there_is_no_default(configs):
    with pytest.raises(PlanError, match="no domain for the query"):
        domain_of("anything", configs)
