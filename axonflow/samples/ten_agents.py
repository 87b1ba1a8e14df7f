"""Ten agents plan a journey: six look things up at the same time, then others weigh, write and check.

    axonflow plan run axonflow.samples.ten_agents:journey --policies @baseline --principal user:ann
    axonflow up --plans axonflow.samples.ten_agents:plans

The agents are stand-ins that think for 50 ms each and answer from what they were given, so one after another they would
take 500 ms; the longest way through the plan is four of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from axonflow import Plan

__all__ = ["journey", "plans"]

THINKING_S: Final = 0.05


async def look_up(topic: str, query: str) -> dict[str, str]:
    """One of the six that gather."""
    await asyncio.sleep(THINKING_S)
    return {"topic": topic, "finding": f"{topic} for: {query}"}


async def weigh_costs(flights: dict[str, str], hotels: dict[str, str], trains: dict[str, str]) -> dict[str, Any]:
    """Puts what moves and houses people into one budget."""
    await asyncio.sleep(THINKING_S)
    return {"items": [one["topic"] for one in (flights, hotels, trains)], "total_eur": 1280}


async def choose_days(weather: dict[str, str], events: dict[str, str], museums: dict[str, str]) -> list[str]:
    """Puts what there is to do on days."""
    await asyncio.sleep(THINKING_S)
    return [f"day {number}: {one['topic']}" for number, one in enumerate((weather, events, museums), start=1)]


async def write_offer(budget: dict[str, Any], days: list[str]) -> str:
    """Writes the text."""
    await asyncio.sleep(THINKING_S)
    return f"{len(days)} days for {budget['total_eur']} EUR. " + "; ".join(days)


async def review(offer: str, budget: dict[str, Any]) -> dict[str, Any]:
    """Checks the text against the numbers."""
    await asyncio.sleep(THINKING_S)
    return {"offer": offer, "approved": str(budget["total_eur"]) in offer}


def journey(query: str = "four days in Lisbon", context: dict[str, Any] | None = None) -> Plan:
    """The plan for `query`."""
    env = {"env": str((context or {}).get("env", "dev"))}
    plan = Plan("journey")
    for topic in ("flights", "hotels", "trains", "weather", "events", "museums"):
        plan.agent(topic, f"{topic}-scout", look_up, inputs={"topic": topic, "query": query}, context=env)
    plan.agent("budget", "accountant", weigh_costs, needs=["flights", "hotels", "trains"], context=env)
    plan.agent("days", "curator", choose_days, needs=["weather", "events", "museums"], context=env)
    plan.agent("offer", "writer", write_offer, needs=["budget", "days"], context=env)
    return plan.agent("checked", "reviewer", review, needs=["offer", "budget"], context=env)


plans: Final = {"travel": journey}
"""A catalogue: the domain, and what makes a plan for a query."""
