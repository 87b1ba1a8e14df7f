"""Sample policies, labelled traffic and plans that ship with AxonFlow."""

from pathlib import Path

__all__ = ["traffic_file"]


def traffic_file() -> Path:
    """The labelled traffic: 460 requests, one a line, each with what the baseline has to say of it."""
    return Path(__file__).with_name("traffic.jsonl")
