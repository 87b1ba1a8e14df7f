"""AxonFlow policies for LangChain agents."""

from langchain_axonflow.middleware import AxonFlowMiddleware

__all__ = ["AxonFlowMiddleware"]
