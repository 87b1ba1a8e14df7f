"""AxonFlow policies for LlamaIndex: guarded language models and tools."""

from llama_index.callbacks.axonflow.guard import Guard
from llama_index.callbacks.axonflow.llm import GuardedLLM
from llama_index.callbacks.axonflow.tool import GuardedTool

__all__ = ["Guard", "GuardedLLM", "GuardedTool"]
