"""Agents elsewhere. Needs httpx: ``pip install '.[http]'``."""

from axonflow.adapters.remote_agent import RemoteAgent

__all__ = ["RemoteAgent"]
