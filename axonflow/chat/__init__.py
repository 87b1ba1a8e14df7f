"""What is said to language models and what they answer, as values. Pure: the adapters speak to providers."""

from axonflow.chat.gathering import Gathering
from axonflow.chat.messages import (
    MAX_MESSAGES,
    ChatDelta,
    ChatMessage,
    ChatReply,
    ChatRequest,
    ChatTool,
    FinishReason,
    Role,
    ToolCall,
)

__all__ = [
    "MAX_MESSAGES",
    "ChatDelta",
    "ChatMessage",
    "ChatReply",
    "ChatRequest",
    "ChatTool",
    "FinishReason",
    "Gathering",
    "Role",
    "ToolCall",
]
