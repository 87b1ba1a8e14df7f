"""Every kind of bad input that docs/reference/bad-input.md lists, and what the library answers."""

import enum
import math
from pathlib import Path

from axonflow import AxonFlow, AxonFlowError, Principal, Request
from axonflow.adapters.memory import MemoryAuditLog, MemoryLedger
from axonflow.errors import AuditError, LedgerError

HEAD = "apiVersion: axonflow.dev/v1\nkind: PolicySet\nmetadata: {name: example}\ndefault: deny\n"
RULE = HEAD + "rules:\n  - {id: a, effect: deny, %s}\n"
ASK = {"principal": "user:ann", "action": "tool.call", "resource": "tool:shell"}


class Role(enum.StrEnum):
    ADMIN = "admin"


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def asked(**changes):
    return lambda: Request(**(ASK | changes))


def received(text):
    return lambda: Request.from_json(text)


def loaded(name, text):
    def load():
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
        AxonFlow.open(name)

    return load


def huge():
    with Path("huge.yaml").open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    AxonFlow.open("huge.yaml")


def empty():
    Path("policies").mkdir()
    return AxonFlow.open("policies").decide(Request(**ASK))


def unknown_action():
    return AxonFlow.open("@baseline").decide(Request(**(ASK | {"action": "tool.cal"})))


def enforced(**ports):
    limit = {"unit": "requests", "maximum": 0 if not ports else 9, "window_s": 60}
    rules = [{"id": "yes", "effect": "allow"}, {"id": "cap", "effect": "limit", "obligations": [limit]}]
    head = {"apiVersion": "axonflow.dev/v1", "kind": "PolicySet", "metadata": {"name": "x"}, "default": "deny"}

    def enforce():
        flow = AxonFlow.open(head | {"rules": rules}, **{name: make() for name, make in ports.items()})
        return flow.wait(flow.enforce(Request(**ASK)))

    return enforce


class BrokenLedger(MemoryLedger):
    async def reserve(self, quota, amount, time_us):
        raise LedgerError("no connection")


class BrokenAudit(MemoryAuditLog):
    async def append(self, event):
        raise AuditError("the disk is full")


MULTIPLYING = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)

REQUESTS = {
    "malformed JSON": received('{"principal": "user:ann", '),
    "wrong type": received('{"principal": {"id": 7}, "action": "tool.call", "resource": "tool:x"}'),
    "a missing field": received('{"principal": "user:ann", "action": "tool.call"}'),
    "an unknown field": received('{"principal": "user:ann", "action": "tool.call", "ressource": "tool:x"}'),
    "no short form": asked(principal="ann"),
    "an unknown type of principal": asked(principal="robot:r2"),
    "not UTF-8": received(b'{"principal": "\xff"}'),
    "a lone surrogate": asked(content="\ud800"),
    "NUL in an id": asked(principal={"id": "a\x00"}),
    "an integer beyond 64 bits": asked(context={"n": 2**64}),
    "a member twice": received('{"principal": "user:ann", "action": "tool.call", "action": "x", "resource": "tool:x"}'),
    "NaN in JSON": received('{"principal": "user:ann", "action": "tool.call", "resource": "tool:x", "content": NaN}'),
    "NaN or infinity": asked(context={"n": math.nan}),
    "not JSON": asked(context={"when": {1, 2}}),
    "an enumeration's member for its text": lambda: Principal("ann", roles=[Role.ADMIN]),
    "nested too deep": asked(content=nested(65)),
    "100 MB of JSON": received(" " * 100_000_000),
    "text too long": asked(content="x" * 5_000_000),
    "too many values": asked(content=[0] * 200_000),
    "something else than a Request": lambda: AxonFlow.open("@baseline").decide(ASK),
    "an unknown action": unknown_action,
    "a limit that is used up": enforced(),
    "a ledger that does not answer": enforced(ledger=BrokenLedger),
    "an event that cannot be recorded": enforced(audit=BrokenAudit),
}

POLICIES = {
    "malformed YAML": loaded("a.yaml", RULE % "when: ["),
    "malformed JSON": loaded("a.json", '{"apiVersion": }'),
    "no policy set": loaded("a.yaml", "just text"),
    "a wrong value": loaded("a.yaml", HEAD + "rules:\n  - {id: a, effect: block}"),
    "a wrong type": loaded("a.yaml", RULE % "match: {context.env: null}"),
    "an unknown field": loaded("a.yaml", RULE % "wen: context.x"),
    "a missing field": loaded("a.yaml", "apiVersion: axonflow.dev/v1\nkind: PolicySet\nmetadata: {name: x}"),
    "an expression with an unknown name": loaded("a.yaml", RULE % "when: contxt.risk > 5"),
    "an expression that is none": loaded("a.yaml", RULE % "when: context.risk >"),
    "an expression that can never hold": loaded("a.yaml", RULE % "when: resource.id > 5"),
    "a pattern that is none": loaded("a.yaml", RULE % 'when: resource.id.matches("(")'),
    "an unknown detector": loaded("a.yaml", RULE % "when: 'detected(\"pii.emial\")'"),
    "two rules of one id": loaded("a.yaml", RULE % "" + "  - {id: a, effect: allow}"),
    "a comma in a text within { }": loaded("a.yaml", RULE % "reason: No, never do that"),
    "a repeated key": loaded("a.yaml", HEAD + "default: allow"),
    "a tag": loaded("a.yaml", HEAD + "rules: !!python/object:os.system {}"),
    "an integer beyond 64 bits": loaded("a.yaml", RULE % "match: {context.n: 9223372036854775808}"),
    "NUL in a reason": loaded("a.yaml", RULE % 'reason: "a\\0b"'),
    "not UTF-8": loaded("a.yaml", HEAD.encode() + b"# \xff"),
    "huge nesting": loaded("a.yaml", "[" * 100_000),
    "huge nesting in JSON": loaded("a.json", "[" * 100_000),
    "aliases that multiply": loaded("a.yaml", MULTIPLYING),
    "a document of 100 MB": huge,
    "a folder that is not there": lambda: AxonFlow.open("policies"),
    "an empty folder": empty,
    "an empty file": loaded("a.yaml", "# default: deny"),
    "an empty path": lambda: AxonFlow.open(""),
    "neither path nor document": lambda: AxonFlow.open(5),
}


def answer(case):
    """The error as it is printed, or the verdict with its first reason."""
    try:
        decision = case()
    except AxonFlowError as error:
        return f"{type(error).__name__}: {error}"
    return f"{decision.effect}: {decision.reasons[0]}"


# -- on the command line: arguments, what comes on standard input, exit code, and part of what is printed

REQUEST = '{"principal": "user:ann", "action": "tool.call", "resource": "tool:search"}'
TRAFFIC = f'{{"request": {REQUEST}}}\n'
BASELINE = ("--policies", "@baseline")
COMMANDS = {
    "a malformed line among others in `axonflow replay`": (
        ("replay", "-", *BASELINE), TRAFFIC + "oops\n", 0, "line 2: not JSON: found invalid character (byte 0)",
    ),
    "nothing but malformed lines in `axonflow replay`": (
        ("replay", "-", *BASELINE), "oops\n", 1, "line 1: not JSON: found invalid character (byte 0)",
    ),
    "a traffic file that is not there": (
        ("replay", "gone.jsonl", *BASELINE), "", 2, "File 'gone.jsonl' does not exist.",
    ),
    "an unknown option": (
        ("replay", "-", "--polices", "x"), "", 2, "No such option '--polices'. Did you mean '--policies'?",
    ),
    "a malformed request in `axonflow decide`": (
        ("decide", "-", *BASELINE), "oops", 2, "error: $: JSON is malformed: invalid character (byte 0)",
    ),
    "no `--policies`, and no folder `policies`": (
        ("replay", "-"), TRAFFIC, 2,
        "error: no policies to decide by: expected --policies PLACE, or a folder ./policies, found neither.",
    ),
    "policies that are not there": (
        ("decide", "-", "--policies", "gone"), REQUEST, 2, "error: gone: there is no such file or folder",
    ),
    "invalid policies in `replay`, `decide` or `plan run`": (
        ("replay", "-", "--policies", "bad.yaml"), TRAFFIC, 2, "error: bad.yaml:6:27: unknown field",
    ),
    "invalid policies in `axonflow policy check` (on standard output)": (
        ("policy", "check", "bad.yaml"), "", 1, "bad.yaml:6:27: unknown field",
    ),
}  # fmt: skip
