"""AxonFlow behind HTTP: the agent, the orchestrator, and `axonflow up`."""
