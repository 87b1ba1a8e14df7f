"""The routes of the agent and the orchestrator, a module each."""
