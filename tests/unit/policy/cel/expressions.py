"""Evaluate one expression on one request, as a rule would."""

from axonflow import Request
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.errors import DetectionError
from axonflow.policy.cel import Compiler
from axonflow.policy.deciding.evaluation import Evaluation

SCANNER = Scanner(BUILTIN_DETECTORS, compile_pattern)
REQUEST = Request(
    principal={
        "id": "ann",
        "type": "agent",
        "tenant": "acme",
        "roles": ["analyst", "ops"],
        "attributes": {"level": 3, "tags": ["a", "b"]},
        "on_behalf_of": "user:bob",
    },
    action="tool.call",
    resource={"type": "tool", "id": "shell", "attributes": {"owner": "bob"}},
    context={"env": "prod", "risk": 95, "ratio": 0.5, "flag": True, "none": None, "deep": {"er": [1, 2, 3]}},
    content={"to": "ann@example.com", "body": ["hi", {"x": "there"}]},
    time=1_795_000_000_000_000,
)


class Host:
    def detectors(self, selector):
        if selector == "*":
            return tuple(sorted(detector.id for detector in SCANNER.detectors))
        try:
            return SCANNER.resolve(selector)
        except DetectionError as error:
            raise ValueError(str(error)) from None

    def pattern(self, pattern):
        return compile_pattern(pattern)


def value(expression, request=REQUEST):
    """The value; raises ExpressionError when it does not compile, CelError when it has none."""
    return Compiler(Host()).value(expression)(request, Evaluation(request, request.time or 0, SCANNER))
