"""The Common Expression Language (CEL): text -> syntax tree -> Python function.

Source: https://github.com/google/cel-spec, doc/langdef.md. ``docs/reference/expressions.md`` lists what is supported.
"""

from axonflow.policy.cel.compiler import Compiler, Condition
from axonflow.policy.cel.parser import parse

__all__ = ["Compiler", "Condition", "parse"]
