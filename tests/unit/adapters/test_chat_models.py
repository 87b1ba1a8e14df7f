"""Providers that refuse, break off, flood, hang or talk nonsense, over real HTTP: each ends in one clear error, and
none shows a secret."""

import asyncio
import gzip

import pytest

from axonflow.adapters.chat_models.calling import CallLimits
from axonflow.chat import ChatMessage, ChatRequest
from axonflow.errors import (
    ConfigurationError,
    ModelContextTooLong,
    ModelCredentialsRefused,
    ModelError,
    ModelFiltered,
    ModelRateLimited,
    ModelReplyMalformed,
    ModelUnavailable,
)
from tests.model_server import PROVIDERS, SECRET, Answer, ModelServer, OpenAi, refused, streamed, whole

HELLO = ChatRequest(messages=(ChatMessage("user", "Hello"),))
EACH = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
STREAMS = pytest.mark.parametrize("streams", [False, True], ids=["complete", "stream"])
OPENAI = OpenAi()


def failed(provider, answer, *, streams=False, **limits):
    """The error that ends the call, and what the server was asked."""

    async def main():
        async with ModelServer(answer) as server:
            model = provider.model(server.url, limits=CallLimits(**limits))
            try:
                if streams:
                    async for _ in model.stream(HELLO):
                        pass
                else:
                    await model.complete(HELLO)
            except ModelError as error:
                return error, server.asked
            finally:
                await model.close()
        raise AssertionError("it did not fail")

    error, asked = asyncio.run(asyncio.wait_for(main(), 30))
    assert SECRET not in f"{error}{error!r}"
    assert error.__cause__ is None
    return error, asked


@EACH
@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (401, "invalid_api_key", ModelCredentialsRefused),
        (403, "other", ModelCredentialsRefused),
        (429, "other", ModelRateLimited),
        (400, "too_long", ModelContextTooLong),
        (413, "other", ModelContextTooLong),
        (500, "other", ModelUnavailable),
        (529, "other", ModelUnavailable),
        (404, "other", ModelError),
    ],
)
def test_model_that_is_refused_says_why_in_our_words(provider, status, word, kind):
    error, _ = failed(provider, refused(provider, status, word), streams=status % 2 == 1)
    assert type(error) is kind
    assert f"status {status}" in str(error)


@EACH
@pytest.mark.parametrize(
    ("headers", "expected_ms"),
    [
        ({"retry_after": "7"}, 7_000),
        ({"retry_after": "0.5"}, 500),
        ({"retry_after": "30", "retry_after_ms": "250"}, 250),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry_after": "999999999"}, 86_400_000),
        ({}, None),
    ],
)
def test_model_that_is_asked_too_often_says_when_to_come_back(provider, headers, expected_ms):
    error, _ = failed(provider, refused(provider, 429, **headers))
    assert error.retry_after_ms == expected_ms


@EACH
@STREAMS
def test_model_that_declines_says_that_it_does(provider, streams):
    say = streamed if streams else whole
    error, _ = failed(provider, say(provider, "No.", (), "filtered"), streams=streams)
    assert isinstance(error, ModelFiltered)


def test_openai_model_whose_provider_filters_the_request_is_filtered():
    assert isinstance(failed(OPENAI, refused(OPENAI, 400, "filtered"))[0], ModelFiltered)


@EACH
@STREAMS
def test_model_that_redirects_is_not_followed(provider, streams):
    error, asked = failed(provider, Answer(307, headers={"location": "/elsewhere"}), streams=streams)
    assert "redirect" in str(error)
    assert len(asked) == 1


@EACH
@STREAMS
@pytest.mark.parametrize("ending", ["cut", "hang"])
def test_model_that_breaks_off_is_unavailable(provider, streams, ending):
    answer = (streamed if streams else whole)(provider, "Once upon a time")
    half = answer._replace(pieces=answer.pieces[:5], ending=ending)
    error, _ = failed(provider, half, streams=streams, silent_ms=150)
    assert type(error) is ModelUnavailable


@EACH
def test_model_that_sends_a_little_for_ever_is_left_at_its_time(provider):
    answer = Answer(pieces=(b" ",), ending="flood")
    error, _ = failed(provider, answer, total_ms=200, max_reply_bytes=2**40)
    assert type(error) is ModelUnavailable
    assert "200 ms" in str(error)


@EACH
@STREAMS
def test_model_that_floods_is_cut_off_at_the_bound(provider, streams):
    kind = provider.streams_as if streams else "application/json"
    piece = b": nothing\n\n" * 6_000 if streams and provider.name != "bedrock" else b" " * 65_536
    flood = Answer(pieces=(piece,), kind=kind, ending="flood")
    error, _ = failed(provider, flood, streams=streams, max_reply_bytes=2**20)
    assert type(error) is ModelReplyMalformed


@EACH
def test_model_whose_event_never_ends_is_cut_off_long_before_the_bound(provider):
    start = b"\x00\xff\xff\xff\x00\x00\x00\x00" if provider.name == "bedrock" else b"data: "
    flood = Answer(pieces=(start, b"x" * 65_536), kind=provider.streams_as, ending="flood")
    error, _ = failed(provider, flood, streams=True, max_reply_bytes=2**40)
    assert type(error) is ModelReplyMalformed


@EACH
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b'{"choices": 7}', b"[" * 5_000, b'{"choices": [], "content": 1}']
)
def test_model_that_answers_nonsense_is_said_to(provider, body):
    error, _ = failed(provider, Answer(pieces=(body,)))
    assert type(error) is ModelReplyMalformed


@EACH
def test_model_whose_stream_stops_before_its_end_gave_no_reply(provider):
    events = list(provider.events(["Once", " upon"]))
    error, _ = failed(provider, Answer(pieces=tuple(events[:3]), kind=provider.streams_as), streams=True)
    assert "half-way" in str(error)


@EACH
def test_model_that_breaks_off_in_words_is_unavailable(provider):
    events = [*list(provider.events(["Once"]))[:2], provider.broken_off()]
    error, _ = failed(provider, Answer(pieces=tuple(events), kind=provider.streams_as), streams=True)
    assert type(error) is ModelUnavailable


@EACH
@pytest.mark.parametrize(("headers", "kind"), [({}, "text/html"), ({"content-encoding": "gzip"}, "application/json")])
def test_model_that_answers_in_another_form_is_not_read(provider, headers, kind):
    error, _ = failed(provider, Answer(pieces=(gzip.compress(b"0" * 10_000),), kind=kind, headers=headers))
    assert "another kind" in str(error)


@EACH
def test_model_that_nobody_serves_is_unavailable(provider):
    async def main():
        async with ModelServer() as server:
            url = server.url
        model = provider.model(url)
        with pytest.raises(ModelUnavailable) as raised:
            await model.complete(HELLO)
        await model.close()
        return raised.value

    assert SECRET not in str(asyncio.run(main()))


@EACH
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host",
        "host",
        "",
        "http://",
        "http://ann:word@host",
        "http://host/?a=b",
        "http://h#f",
        "http://h\0",
    ],
)
def test_model_at_what_is_no_plain_address_is_refused(provider, url):
    with pytest.raises(ConfigurationError) as raised:
        provider.model(url or "/")
    assert "word" not in str(raised.value)


@EACH
def test_model_with_an_authority_that_is_none_is_refused(provider, tmp_path):
    with pytest.raises(ConfigurationError, match="authority"):
        provider.model("https://host", authority=str(tmp_path / "none.pem"))
