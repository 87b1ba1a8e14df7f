"""Guarded streams: what goes on, when, and what is recorded."""

import asyncio
from itertools import islice, permutations

import pytest
from msgspec.structs import replace

from axonflow import AxonFlow, Denied, Effect, Request, RequestError
from axonflow.adapters.memory import MemoryAuditLog, MemoryVault
from axonflow.detect.styles import STREAMED, STYLES
from axonflow.errors import AuditError, DetectionError
from tests.strategies import policy_set

ALLOW = {"id": "yes", "effect": "allow"}
MASK = {
    "id": "mask", "effect": "redact", "when": 'detected("pii.us_ssn")', "obligations": [{"detectors": ["pii.us_ssn"]}],
}  # fmt: skip
REFUSE = {"id": "no", "effect": "deny", "when": 'detected("pii.us_ssn")', "reason": "No numbers."}
REPLY = Request("user:ann", "llm.response", "model:m")
CHUNKS = ["My number is 460", "-89-98", "47, as you may know. ", "And so it goes on and on and on.", ""]
TEXT = "".join(CHUNKS)
MASKED = TEXT.replace("460-89-9847", "[REDACTED:pii.us_ssn]")


async def pieces_of(flow, chunks, request=REPLY):
    return [piece async for piece in flow.enforce_stream(request, chunks)]


def kinds_of(flow):
    return [(record.event.kind, record.event.effect) for record in asyncio.run(flow.audit.records("default"))]


async def arriving(chunks):
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def test_stream_goes_on_in_pieces_with_what_policies_mask_masked():
    flow = AxonFlow.open(policy_set([ALLOW, MASK]))
    pieces = asyncio.run(pieces_of(flow, arriving(CHUNKS)))
    assert "".join(pieces) == MASKED
    assert len(pieces) > 1
    assert kinds_of(flow) == [("decision", "redact"), ("model_call", "log")]
    *_, last = asyncio.run(flow.audit.records("default"))
    assert last.event.details == {"chars_in": len(TEXT), "chars_out": len(MASKED), "findings_replaced": 1}


def test_stream_without_anything_to_mask_goes_on_as_it_is():
    flow = AxonFlow.open(policy_set([ALLOW]))
    assert "".join(asyncio.run(pieces_of(flow, CHUNKS))) == TEXT


def test_stream_of_a_request_that_is_denied_begins_with_denied():
    flow = AxonFlow.open(policy_set([{"id": "no", "effect": "deny"}]))
    with pytest.raises(Denied, match=r"llm\.response on m is denied"):
        asyncio.run(pieces_of(flow, CHUNKS))
    assert kinds_of(flow) == [("decision", "deny")]


def test_stream_that_needs_approval_says_so():
    flow = AxonFlow.open(policy_set([ALLOW, {"id": "ask", "effect": "require_approval"}]))
    with pytest.raises(Denied, match="is held for approval"):
        asyncio.run(pieces_of(flow, CHUNKS))


def test_stream_with_a_rule_that_denies_by_its_content_waits_for_the_whole():
    flow = AxonFlow.open(policy_set([ALLOW, REFUSE]))
    with pytest.raises(Denied, match="No numbers"):
        asyncio.run(pieces_of(flow, arriving(CHUNKS)))
    assert asyncio.run(pieces_of(flow, ["all", " is well"])) == ["all is well"]
    assert kinds_of(flow) == [("decision", "deny"), ("decision", "allow")]


def test_stream_that_waits_for_the_whole_is_masked_then():
    flow = AxonFlow.open(policy_set([ALLOW, MASK, {"id": "no", "effect": "deny", "when": "chars(content) > 1000"}]))
    assert asyncio.run(pieces_of(flow, CHUNKS)) == [MASKED]


def test_stream_that_is_too_long_to_wait_for_is_refused():
    flow = AxonFlow.open(policy_set([ALLOW, REFUSE]))
    with pytest.raises(DetectionError, match="too long to be decided on as a whole"):
        asyncio.run(pieces_of(flow, ["word " * 10_000] * 6))


def test_content_of_the_request_itself_is_not_looked_at():
    flow = AxonFlow.open(policy_set([ALLOW, REFUSE]))
    request = Request("user:ann", "llm.response", "model:m", content="460-89-9847", time=5)
    assert asyncio.run(pieces_of(flow, ["fine"], request)) == ["fine"]


@pytest.mark.parametrize("wrong", [b"bytes", None, 7])
def test_chunk_that_is_no_text_is_refused(wrong):
    flow = AxonFlow.open(policy_set([ALLOW]))
    with pytest.raises(RequestError, match="not a chunk of text"):
        asyncio.run(pieces_of(flow, ["a", wrong]))


def test_request_that_is_none_is_refused():
    flow = AxonFlow.open(policy_set([ALLOW]))
    with pytest.raises(RequestError, match="not a request"):
        asyncio.run(pieces_of(flow, ["a"], request={"action": "llm.response"}))


def test_stream_that_cannot_be_recorded_does_not_begin():
    class FullLog(MemoryAuditLog):
        async def append(self, event):
            raise AuditError("the disk is full")

    flow = AxonFlow.open(policy_set([ALLOW]), audit=FullLog())
    with pytest.raises(AuditError):
        asyncio.run(pieces_of(flow, CHUNKS))


def test_guard_in_plain_code_lets_go_piece_by_piece():
    flow = AxonFlow.open(policy_set([ALLOW, MASK]))
    guard = flow.wait(flow.guard_stream(REPLY))
    assert guard.decision.effect is Effect.REDACT
    out = [*map(guard.feed, CHUNKS), flow.wait(guard.finish())]
    assert "".join(out) == MASKED
    assert out[0] == ""


def test_redactor_of_a_decision_masks_what_that_wants_masked():
    flow = AxonFlow.open(policy_set([ALLOW, MASK | {"when": "true"}]))
    redactor = flow.stream_redactor(flow.decide(REPLY))
    assert "".join([*map(redactor.feed, CHUNKS), redactor.finish()]) == MASKED
    other = AxonFlow.open(policy_set([ALLOW])).stream_redactor(AxonFlow.open(policy_set([ALLOW])).decide(REPLY))
    assert other.feed("460-89-9847" * 9) == "460-89-9847" * 9


def styled(style, **more):
    return MASK | {"obligations": [{"detectors": ["pii.us_ssn"], "style": style}]} | more


@pytest.mark.parametrize("style", STYLES)
def test_stream_in_any_style_comes_out_as_the_whole_does(style):
    flow = AxonFlow.open(policy_set([ALLOW, styled(style)]), redaction_key=b"k" * 32, vault=MemoryVault())
    whole = asyncio.run(flow.enforce(replace(REPLY, content=TEXT))).redacted
    pieces = asyncio.run(pieces_of(flow, arriving(CHUNKS)))
    assert "".join(pieces) == whole != TEXT
    assert (len(pieces) > 1) is (style in STREAMED), "others wait for the end"


@pytest.mark.parametrize("style", sorted(set(STYLES) - {"vault"}))
def test_redactor_of_a_decision_replaces_in_the_style_of_it(style):
    flow = AxonFlow.open(policy_set([ALLOW, styled(style, when="true")]), redaction_key=b"k" * 32)
    redactor = flow.stream_redactor(flow.decide(REPLY))
    whole = flow.decide(replace(REPLY, content=TEXT)).redacted
    assert "".join([*map(redactor.feed, CHUNKS), redactor.finish()]) == whole != TEXT


def test_pseudonyms_in_streams_of_two_tenants_differ():
    flow = AxonFlow.open(policy_set([ALLOW, styled("pseudonym", when="true")]), redaction_key=b"k" * 32)
    decision = flow.decide(REPLY)
    outs = [flow.stream_redactor(decision, tenant) for tenant in ("acme", "acme", "beta")]
    first, again, other = ["".join([*map(out.feed, CHUNKS), out.finish()]) for out in outs]
    assert first == again != other


def test_redactions_of_many_kinds_are_not_kept_without_end():
    flow = AxonFlow.open(policy_set([ALLOW]))
    kept = flow._redactions
    made = [kept.of(flow.scanner, pair) for pair in islice(permutations(flow.scanner.resolve("secret"), 2), 70)]
    assert kept.of(flow.scanner, made[-1].ids) is made[-1]
    assert len(kept._made) <= 64
