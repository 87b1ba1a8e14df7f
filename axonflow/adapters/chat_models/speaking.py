"""A language model over HTTP: one shape of requests and replies, and the caller that carries them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any, Final, Protocol, TypeVar

import msgspec

from axonflow.adapters.chat_models.calling import Caller
from axonflow.chat import ChatDelta, ChatMessage, ChatReply, ChatRequest, Gathering
from axonflow.errors import ConfigurationError, ModelError, ModelReplyMalformed, ModelUnavailable

__all__ = ["Events", "HttpChatModel", "Shape", "check_model_name", "decoder_of", "stream_fault", "turns_of"]

T = TypeVar("T")
MAX_NAME_CHARS: Final = 256


class Events(Protocol):
    """Takes a stream apart into events, each JSON."""

    def feed(self, chunk: bytes, /) -> Iterable[bytes]:
        """The events that are complete now. Raises ModelError."""


class Shape(Protocol):
    """How one provider writes what `axonflow.chat` says. Nothing here waits for anything."""

    provider: str
    stream_kind: str

    def path(self, *, streams: bool) -> str:
        """Where requests go, below the base address."""

    def body(self, request: ChatRequest, *, streams: bool) -> dict[str, Any]:
        """The request, to be written as JSON."""

    def whole(self, reply: Gathering, data: bytes) -> None:
        """Put all of an answer into `reply`. Raises ModelError."""

    def events(self) -> Events:
        """What takes one stream apart."""

    def piece(self, reply: Gathering, event: bytes) -> Iterable[str]:
        """Put one event into `reply`; the text that goes on. Raises ModelError."""


class HttpChatModel:
    """The model `name`, in `shape`, by `caller`."""

    def __init__(self, name: str, shape: Shape, caller: Caller) -> None:
        self._name = name
        self._shape = shape
        self._caller = caller

    @property
    def name(self) -> str:
        return self._name

    async def complete(self, request: ChatRequest) -> ChatReply:
        reply = self._begun(request)
        self._shape.whole(reply, await self._caller.whole(*self._sent(request, streams=False)))
        return reply.reply()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        reply, events = self._begun(request), self._shape.events()
        sent = self._sent(request, streams=True)
        async with aclosing(self._caller.pieces(*sent, self._shape.stream_kind)) as chunks:
            async for chunk in chunks:
                for event in events.feed(chunk):
                    for text in self._shape.piece(reply, event):
                        if text:
                            yield ChatDelta(text)
        yield ChatDelta(reply=reply.reply())

    async def close(self) -> None:
        await self._caller.close()

    def _begun(self, request: ChatRequest) -> Gathering:
        return Gathering(self._shape.provider, answers_by_tool=request.schema is not None)

    def _sent(self, request: ChatRequest, *, streams: bool) -> tuple[str, bytes]:
        return self._shape.path(streams=streams), msgspec.json.encode(self._shape.body(request, streams=streams))


def decoder_of(kind: type[T], provider: str) -> Callable[[bytes], T]:
    """Reads JSON as `kind`. Members that it does not name are passed over: providers add some at any time."""
    decode = msgspec.json.Decoder(kind).decode

    def read(data: bytes) -> T:
        try:
            return decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            place = str(error).rpartition(" - at ")[2][:100] if isinstance(error, msgspec.ValidationError) else None
            raise ModelReplyMalformed(
                "not a reply of this provider", expected=f"JSON as {provider} documents it",
                found=place or type(error).__name__, at=provider,
            ) from None  # fmt: skip

    return read


def check_model_name(name: object) -> str:
    """`name`. Raises ConfigurationError unless it is a word that can name a model, and so a resource."""
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or not 0 < len(name) <= MAX_NAME_CHARS:
        expected = f"1 to {MAX_NAME_CHARS} printable characters of ASCII"
        raise ConfigurationError("not the name of a model", expected=expected, found="something else", at="model")
    return name


def stream_fault(provider: str, word: str) -> ModelError:
    """An error that comes within a stream, after the status said that all is well."""
    return ModelUnavailable("the provider broke off", found=word or "an error", at=provider)


def turns_of(request: ChatRequest, blocks: Callable[[ChatMessage], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The messages but the system's, those of one side after each other as one: where messages are made of blocks, all
    results of the calls of a message have to be in the next."""
    turns: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += blocks(message)
    return turns
