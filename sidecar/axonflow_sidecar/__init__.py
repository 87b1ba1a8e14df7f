"""AxonFlow behind HTTP."""

from axonflow_sidecar.agent import create_agent

__all__ = ["create_agent"]
