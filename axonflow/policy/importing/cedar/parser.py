"""Cedar text to syntax trees, by recursive descent. Source: docs.cedarpolicy.com, "Grammar for Cedar syntax".

Nesting is bounded before anything recurses, and what leans to one side is parsed in loops, so the time is linear and
no text can exhaust the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeVar

from axonflow.errors import PolicyError
from axonflow.policy.importing.cedar.lexer import Place, Token, pattern_pieces, text_of, tokenize
from axonflow.policy.importing.cedar.syntax import (
    ActionScope,
    Annotation,
    Arithmetic,
    Attribute,
    Clause,
    Comparison,
    Conditional,
    EntityRef,
    EntityScope,
    Expression,
    Extension,
    Has,
    Is,
    Like,
    Logical,
    Method,
    Negation,
    Not,
    Policy,
    RecordLiteral,
    SetLiteral,
    Slot,
    Value,
    Variable,
    nodes_of,
)

__all__ = ["MAX_POLICIES", "RESERVED", "parse_policies"]

MAX_POLICIES: Final = 10_000
_MAX_NESTING: Final = 32
_MAX_DEPTH: Final = 64
"""Of a tree: chains of members and signs make it deeper than its brackets are."""
_MAX_SIGNS: Final = 4
_INT_MAX: Final = 2**63 - 1
_MAX_DIGITS: Final = 4_000

RESERVED: Final = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"})
_VARIABLES: Final = frozenset({"principal", "action", "resource", "context"})
_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})

T = TypeVar("T")


def parse_policies(source: str, at: Place) -> tuple[Policy, ...]:
    """The policies in `source`, templates included. Raises PolicyError with the place of the first fault."""
    parser = _Parser(tokenize(source, at), at)
    policies: list[Policy] = []
    while not parser.is_at_end:
        if len(policies) >= MAX_POLICIES:
            raise parser.fault("too many policies", f"at most {MAX_POLICIES} in a file")
        policy = parser.policy()
        for node, depth in nodes_of(policy):
            if depth > _MAX_DEPTH:
                raise PolicyError("nested too deep", expected=f"at most {_MAX_DEPTH} levels", at=at(node.offset))
        policies.append(policy)
    return tuple(policies)


class _Parser:
    def __init__(self, tokens: list[Token], at: Place) -> None:
        self._tokens = tokens
        self._at = at
        self._position = 0
        self._nesting = 0

    # -- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    @property
    def is_at_end(self) -> bool:
        return self._next.kind == "end"

    def _advance(self) -> Token:
        token = self._next
        self._position += 1
        return token

    def _sees(self, text: str) -> bool:
        return self._next.kind in {"op", "name"} and self._next.text == text

    def _accept(self, text: str) -> Token | None:
        return self._advance() if self._sees(text) else None

    def _expect(self, text: str) -> Token:
        token = self._accept(text)
        if token is None:
            raise self._unexpected(f"'{text}'")
        return token

    def fault(self, message: str, expected: str, token: Token | None = None) -> PolicyError:
        return PolicyError(message, expected=expected, at=self._at((token or self._next).offset))

    def _unexpected(self, expected: str) -> PolicyError:
        token = self._next
        found = "the end of the file" if token.kind == "end" else f"{token.text[:40]!a}"
        return PolicyError("not a Cedar policy", expected=expected, found=found, at=self._at(token.offset))

    def _name(self, expected: str) -> Token:
        token = self._next
        if token.kind != "name":
            raise self._unexpected(expected)
        if token.text in RESERVED:
            raise self.fault("a reserved word", f"{expected}, not '{token.text}'")
        return self._advance()

    def _string(self) -> str:
        if self._next.kind != "string":
            raise self._unexpected("a string")
        return text_of(self._advance(), self._at)

    def _separated(self, end: str, item: Callable[[], T]) -> tuple[T, ...]:
        """Items with commas between them up to `end`; a trailing comma is legal."""
        items: list[T] = []
        while not self._accept(end):
            if items:
                self._expect(",")
                if self._accept(end):
                    break
            items.append(item())
        return tuple(items)

    # -- policies

    def policy(self) -> Policy:
        offset = self._next.offset
        annotations = self._annotations()
        effect = self._effect()
        self._expect("(")
        principal = self._entity_scope("principal")
        self._expect(",")
        action = self._action_scope()
        self._expect(",")
        resource = self._entity_scope("resource")
        self._accept(",")
        self._expect(")")
        clauses: list[Clause] = []
        while token := self._accept("when") or self._accept("unless"):
            clauses.append(self._clause(token, "when" if token.text == "when" else "unless"))
        if not self._sees(";"):
            raise self._unexpected("'when', 'unless' or ';'")
        self._advance()
        return Policy(offset, annotations, effect, principal, action, resource, tuple(clauses))

    def _effect(self) -> Literal["permit", "forbid"]:
        if self._accept("permit"):
            return "permit"
        if self._accept("forbid"):
            return "forbid"
        raise self._unexpected("permit or forbid")

    def _annotations(self) -> tuple[Annotation, ...]:
        annotations: dict[str, Annotation] = {}
        while sign := self._accept("@"):
            if self._next.kind != "name":
                raise self._unexpected("the name of an annotation")
            name = self._advance()
            text = None
            if self._accept("("):
                text = self._string()
                self._expect(")")
            if name.text in annotations:
                raise self.fault("an annotation is there twice", "each once", name)
            annotations[name.text] = Annotation(sign.offset, name.text, text)
        return tuple(annotations.values())

    def _entity_scope(self, variable: str) -> EntityScope:
        offset = self._expect(variable).offset
        kind = self._path() if self._accept("is") else None
        operator = self._accept("in") or (self._accept("==") if kind is None else None)
        if operator is None:
            return EntityScope(offset, kind)
        return EntityScope(offset, kind, operator.text, self._entity_or_slot())

    def _entity_or_slot(self) -> EntityRef | Slot:
        if self._next.kind == "slot":
            token = self._advance()
            return Slot(token.offset, token.text)
        return self._entity()

    def _action_scope(self) -> ActionScope:
        offset = self._expect("action").offset
        if self._accept("=="):
            return ActionScope(offset, "==", (self._entity(),))
        if not self._accept("in"):
            return ActionScope(offset)
        if self._accept("["):
            return ActionScope(offset, "in", self._separated("]", self._entity), is_list=True)
        return ActionScope(offset, "in", (self._entity(),))

    def _clause(self, token: Token, kind: Literal["when", "unless"]) -> Clause:
        self._expect("{")
        condition = self._expression()
        self._expect("}")
        return Clause(token.offset, kind, condition)

    # -- names

    def _path(self) -> str:
        names = [self._name("the name of a type").text]
        while self._sees("::") and self._tokens[self._position + 1].kind == "name":
            self._advance()
            names.append(self._name("the name of a type").text)
        return "::".join(names)

    def _entity(self) -> EntityRef:
        offset = self._next.offset
        path = self._path()
        self._expect("::")
        return EntityRef(offset, path, self._string())

    # -- expressions, loosest operator first

    def _expression(self) -> Expression:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise self.fault("nested too deep", f"at most {_MAX_NESTING} levels")
        node = self._conditional() if self._sees("if") else self._logical("||")
        self._nesting -= 1
        return node

    def _conditional(self) -> Expression:
        offset = self._expect("if").offset
        test = self._expression()
        self._expect("then")
        then = self._expression()
        self._expect("else")
        return Conditional(offset, test, then, self._expression())

    def _logical(self, operator: str) -> Expression:
        operand = self._relation if operator == "&&" else lambda: self._logical("&&")
        operands = [operand()]
        while self._accept(operator):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Logical(operands[0].offset, operator, tuple(operands))

    def _relation(self) -> Expression:
        left = self._sum()
        node = self._related(left)
        if node is not left and self._next.text in {*_RELATIONS, "has", "like", "is"} and self._next.kind != "string":
            raise self.fault("two relations in a row", "brackets around one of them")
        return node

    def _related(self, left: Expression) -> Expression:
        token = self._next
        if token.kind in {"op", "name"} and token.text in _RELATIONS:
            self._advance()
            return Comparison(left.offset, token.text, left, self._sum())
        if self._accept("has"):
            return Has(left.offset, left, self._names())
        if self._accept("like"):
            if self._next.kind != "string":
                raise self._unexpected("a pattern")
            return Like(left.offset, left, pattern_pieces(self._advance(), self._at))
        if self._accept("is"):
            path = self._path()
            return Is(left.offset, left, path, self._sum() if self._accept("in") else None)
        return left

    def _names(self) -> tuple[str, ...]:
        if self._next.kind == "string":
            return (self._string(),)
        names = [self._name("the name of an attribute").text]
        while self._accept("."):
            names.append(self._name("the name of an attribute").text)
        return tuple(names)

    def _sum(self) -> Expression:
        return self._arithmetic(("+", "-"), lambda: self._arithmetic(("*",), self._unary))

    def _arithmetic(self, operators: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        first = operand()
        rest: list[tuple[str, Expression]] = []
        while self._next.kind == "op" and self._next.text in operators:
            rest.append((self._advance().text, operand()))
        return Arithmetic(first.offset, first, tuple(rest)) if rest else first

    def _unary(self) -> Expression:
        sign = self._next
        count = 0
        while sign.text in {"!", "-"} and self._accept(sign.text):
            count += 1
            if count > _MAX_SIGNS:
                raise self.fault("too many signs", f"at most {_MAX_SIGNS}", sign)
        if count and sign.text == "-" and self._next.kind == "int":
            count -= 1
            node = self._members(self._number(self._advance(), sign.offset, negative=True))
        else:
            node = self._members(self._primary())
        for _ in range(count):
            node = Not(sign.offset, node) if sign.text == "!" else Negation(sign.offset, node)
        return node

    def _members(self, node: Expression) -> Expression:
        while True:
            if self._accept("."):
                token = self._name("the name of an attribute or a method")
                if self._accept("("):
                    node = Method(node.offset, node, token.text, self._separated(")", self._expression))
                else:
                    node = Attribute(node.offset, node, token.text)
            elif self._accept("["):
                node = Attribute(node.offset, node, self._string())
                self._expect("]")
            else:
                return node

    def _number(self, token: Token, offset: int, *, negative: bool = False) -> Value:
        # Python itself refuses to read a number of thousands of digits, with an error of its own.
        digits = int(token.text) if len(token.text) <= _MAX_DIGITS else _INT_MAX + 2
        if digits > _INT_MAX + negative:
            raise self.fault("number out of range", "an integer of 64 bits", token)
        return Value(offset, -digits if negative else digits)

    def _primary(self) -> Expression:
        token = self._next
        if token.kind == "string":
            return Value(token.offset, self._string())
        if token.kind == "int":
            return self._number(self._advance(), token.offset)
        if self._accept("("):
            node = self._expression()
            self._expect(")")
            return node
        if self._accept("["):
            return SetLiteral(token.offset, self._separated("]", self._expression))
        if self._accept("{"):
            return RecordLiteral(token.offset, self._entries(token))
        if self._accept("true") or self._accept("false"):
            return Value(token.offset, token.text == "true")
        if token.kind == "slot":
            raise self.fault("a slot in a condition", "a slot only in the scope of a template")
        return self._named()

    def _named(self) -> Expression:
        token = self._next
        if token.kind != "name":
            raise self._unexpected("an expression")
        if token.text in _VARIABLES and self._tokens[self._position + 1].text not in {"::", "("}:
            return Variable(self._advance().offset, token.text)
        path = self._path()
        if self._accept("::"):
            return EntityRef(token.offset, path, self._string())
        if not self._accept("("):
            raise self._unexpected("'::' and an id, or '('")
        return Extension(token.offset, path, self._separated(")", self._expression))

    def _entries(self, start: Token) -> tuple[tuple[str, Expression], ...]:
        entries = self._separated("}", self._entry)
        if len({name for name, _ in entries}) != len(entries):
            raise self.fault("a key is there twice", "each once", start)
        return entries

    def _entry(self) -> tuple[str, Expression]:
        name = self._string() if self._next.kind == "string" else self._name("the name of an attribute").text
        self._expect(":")
        return name, self._expression()
