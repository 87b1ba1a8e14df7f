"""One case: made from a seed and a number, put to the library as its users would, and judged.

Whatever is wrong is refused as what it is, with a place; whatever is accepted decides on any request, and deciding runs
no other code and touches nothing outside.
"""

import random
import sys
from pathlib import Path

from axonflow import AxonFlow, Effect, PolicyError, Request, RequestError
from axonflow.errors import ExpressionError
from axonflow.policy.cel import parse
from tests.fuzz import corpus, hostile_documents, hostile_expressions
from tests.strategies import policy_set

MAX_MESSAGE_CHARS = 2_000
OUTSIDE = ("compile", "ctypes.", "exec", "os.", "shutil.", "socket.", "sqlite3.", "subprocess.", "urllib.")
"""Audit events (sys.addaudithook) that deciding must not raise, by how their names begin."""


class Watch:
    """While `on`, notes what reaches out of the engine. An audit hook cannot be removed, so there is one."""

    def __init__(self):
        self.on = False
        self.seen = []
        sys.addaudithook(self._note)

    def _note(self, event, arguments):
        reaches_out = event.startswith(OUTSIDE) or (event == "open" and _writes(arguments))
        if self.on and reaches_out and not _is_a_shape(event, arguments):
            self.seen.append(event)


def _is_a_shape(event, arguments):
    """Whether it is source that our compiler wrote: a shape's careful form is made when a condition first fails."""
    name = arguments[1] if event == "compile" else getattr(arguments[0], "co_filename", "") if event == "exec" else ""
    return name == "<policy shape>"


def _writes(arguments):
    return isinstance(arguments[1], str) and any(letter in arguments[1] for letter in "wax+")


class Trial:
    """`folder` is where documents are put down to be read."""

    def __init__(self, folder):
        self._folder = Path(folder)
        self._watch = Watch()
        self._baseline = AxonFlow.open("@baseline")
        self._requests = [Request(**parts) for parts in corpus.REQUESTS]
        expressions = [
            (f"expression {name}", self.expression, make) for name, make in hostile_expressions.MAKERS.items()
        ]
        files = [(f"file {name}", self.file(suffix), make) for name, (make, suffix) in hostile_documents.FILES.items()]
        self._kinds = [
            *expressions,
            *files,
            ("document values", self._document, hostile_documents.values_mutated),
            ("request text", self.request_text, hostile_documents.request_text),
            ("request parts", self._request_parts, hostile_documents.request_parts),
        ]

    def make(self, seed, number):
        """The case: what kind it is, what judges it, and what is put to it."""
        rng = random.Random(f"{seed}-{number}")
        kind, judge, maker = rng.choice(self._kinds)
        return kind, judge, maker(rng)

    def run(self, seed, number):
        """Raises what the library should not have let happen."""
        _, judge, made = self.make(seed, number)
        judge(made)

    def expression(self, text):
        refusal = None
        try:
            parse(text)
        except ExpressionError as error:
            refusal = error
        if refusal is not None and not 0 <= refusal.offset <= len(text):
            raise AssertionError(f"offset {refusal.offset} of {len(text)}")
        effect = "allow" if len(text) % 2 else "deny"
        self._load(policy_set([{"id": "fuzzed", "effect": effect, "when": text}], default="deny"))

    def _document(self, document):
        self._load(document)

    def file(self, suffix):
        def judge(text):
            file = self._folder / f"fuzzed.{suffix}"
            file.write_bytes(text.encode("utf-8", "surrogatepass"))
            self._load(file)

        return judge

    def _load(self, policies):
        try:
            flow = AxonFlow.open(policies)
        except PolicyError as refusal:
            for problem in refusal.problems:
                _judge_message(problem)
            return
        for request in self._requests:
            self._decide(flow, request)

    def _decide(self, flow, request):
        self._watch.seen.clear()
        self._watch.on = True
        try:
            decision = flow.decide(request)
        finally:
            self._watch.on = False
        assert not self._watch.seen, f"deciding did {self._watch.seen}"
        assert decision.effect in Effect
        assert decision.reasons
        assert all(len(error.message) <= MAX_MESSAGE_CHARS for error in decision.errors)
        decision.to_json()

    def request_text(self, text):
        self._asked(lambda: Request.from_json(text))

    def _request_parts(self, parts):
        self._asked(lambda: Request(**parts))

    def _asked(self, make):
        try:
            request = make()
        except RequestError as refusal:
            _judge_message(refusal)
            return
        self._decide(self._baseline, request)


def _judge_message(refusal):
    """It names a place, and does not drown the reader in what was found there."""
    assert refusal.at, f"no place: {refusal!r}"
    assert len(str(refusal)) <= MAX_MESSAGE_CHARS, f"a message of {len(str(refusal))} characters"
