"""A weekend trip, planned by steps that run the moment their inputs are there.

    axonflow plan run axonflow.samples.trip_plan:plan --policies @baseline --principal user:ann

The weather and the calendar are asked at the same time, the writer waits for both. The tools and the agent are
stand-ins that answer at once; the policies judge each call as they would judge a real one.
"""

from __future__ import annotations

from typing import Any

from axonflow import Plan

__all__ = ["plan"]


async def forecast(city: str) -> dict[str, Any]:
    """The weather tool."""
    return {"city": city, "saturday": "sunny, 21 C", "sunday": "showers, 17 C"}


async def free_days(month: str) -> list[str]:
    """The calendar tool."""
    return [f"{month}-05", f"{month}-06"]


async def outline(weather: dict[str, Any], days: list[str]) -> list[str]:
    """Our own code: no tool and no agent, and still judged as a step."""
    return [f"{days[0]}: canals by boat ({weather['saturday']})", f"{days[1]}: museums ({weather['sunday']})"]


async def write_offer(weather: dict[str, Any], programme: list[str]) -> str:
    """The agent that writes."""
    return f"A weekend in {weather['city']}. " + " ".join(f"{line}." for line in programme)


plan = Plan("weekend trip")
plan.tool("weather", "weather", forecast, inputs={"city": "Amsterdam"}, context={"env": "dev"})
plan.tool("days", "calendar", free_days, inputs={"month": "2026-09"}, context={"env": "dev"})
plan.step("programme", outline, needs=["weather", "days"])
plan.agent("offer", "writer", write_offer, needs=["weather", "programme"])
