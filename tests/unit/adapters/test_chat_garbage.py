"""Replies with bytes changed, lost and doubled, from a seed: a reply, or an error of the tree, and never anything
else."""

import binascii
import random
import struct

import pytest

from axonflow.chat import Gathering
from axonflow.errors import ModelError
from tests.model_server import PROVIDERS

CALLS = (("c", "search", {"a": 1}),)
BYTES = b'{}[]",:0nt\x00\xff -'


def damaged(data, draw):
    data = bytearray(data)
    for _ in range(draw.randrange(1, 4)):
        place = draw.randrange(len(data))
        kind = draw.randrange(3)
        if kind == 0:
            data[place] = draw.choice(BYTES)
        elif kind == 1:
            del data[place : place + draw.randrange(1, 9)]
        else:
            data[place:place] = data[max(0, place - 9) : place]
    return bytes(data) or b"x"


def framed(draw):
    """A frame with good checksums around headers that are noise."""
    headers = draw.randbytes(draw.randrange(40))
    if draw.randrange(2):
        headers = b"\x04:abc" + bytes([draw.randrange(12)]) + headers
    prelude = struct.pack("!II", len(headers) + 18, len(headers))
    data = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + b"{}"
    return data + struct.pack("!I", binascii.crc32(data))


def taken(shape, data, *, streams):
    """Whether `data` is a reply; anything but a ModelError fails the test."""
    reply = Gathering("test")
    try:
        if streams:
            for event in shape.events().feed(data):
                for _ in shape.piece(reply, event):
                    pass
        else:
            shape.whole(reply, data)
        reply.reply()
    except ModelError:
        return False
    return True


@pytest.mark.parametrize("streams", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_reply_that_is_damaged_is_a_reply_or_an_error_of_the_tree(provider, streams):
    shape, draw = provider.model("http://localhost")._shape, random.Random(5)
    data = b"".join(provider.events(["ab", "cd"], CALLS, "tool_calls")) if streams else provider.whole("ab", CALLS)
    assert taken(shape, data, streams=streams)
    outcomes = {taken(shape, damaged(data, draw), streams=streams) for _ in range(150)}
    assert False in outcomes


def test_bedrock_frame_of_noise_is_an_error_of_the_tree():
    shape, draw = PROVIDERS[2].model("http://localhost")._shape, random.Random(5)
    assert not any(taken(shape, framed(draw), streams=True) for _ in range(300))
