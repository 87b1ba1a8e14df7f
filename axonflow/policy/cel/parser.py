"""CEL text to syntax tree, by recursive descent. Source: cel-spec doc/langdef.md, the grammar in section Syntax.

Nesting is bounded (MAX_NESTING), so neither this parser nor what is compiled from its tree can exhaust the stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from axonflow.errors import ExpressionError
from axonflow.policy.cel.lexer import LITERALS, Token, tokenize
from axonflow.policy.cel.literals import literal
from axonflow.policy.cel.macros import has, is_macro, macro, of_cel
from axonflow.policy.cel.syntax import (
    Binary,
    Call,
    Conditional,
    Constant,
    ConstantValue,
    Index,
    ListLiteral,
    Logical,
    MapLiteral,
    Maybe,
    Name,
    Node,
    OptionalIndex,
    OptionalSelect,
    Select,
    Unary,
)

__all__ = ["MAX_NESTING", "Parsed", "literal_values", "parse", "parse_tokens"]

MAX_NESTING: Final = 40
"""Levels of brackets, conditionals and operators inside each other. cel-spec asks for 12 to 32 by construct."""
_MAX_CHAIN: Final = 256

_RELATIONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import"}
    | {"let", "loop", "package", "namespace", "return", "var", "void", "while"}
)
_WORDS: Final = {"true": True, "false": False, "null": None}


class Parsed(NamedTuple):
    """A tree, the values of its literals by slot, which of them have a sign in front, and on which the tree depends."""

    node: Node
    literals: tuple[ConstantValue, ...]
    negative: tuple[bool, ...]
    pinned: frozenset[int] = frozenset()


def parse(source: str) -> Parsed:
    """The tree of `source`. Raises ExpressionError with the offset of the first fault."""
    return parse_tokens(tokenize(source))


def parse_tokens(tokens: list[Token]) -> Parsed:
    """The tree of `tokens`, as `tokenize` gives them."""
    parser = _Parser(tokens)
    node = parser.expression()
    parser.expect_end()
    return Parsed(node, tuple(parser.literals), tuple(parser.negative), frozenset(parser.pinned))


def literal_values(tokens: list[Token], negative: Sequence[bool]) -> tuple[ConstantValue, ...]:
    """The values of the literals among `tokens`, by slot. Raises ExpressionError for one out of range."""
    literals = [token for token in tokens if token.kind in LITERALS]
    return tuple([literal(token, negative=sign) for token, sign in zip(literals, negative, strict=True)])


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._nesting = 0
        self.literals: list[ConstantValue] = []
        self.negative: list[bool] = []
        self.pinned: set[int] = set()

    # -- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _accept(self, *operators: str) -> Token | None:
        token = self._next
        if token.kind in {"op", "name"} and token.text in operators:
            self._position += 1
            return token
        return None

    def _expect(self, operator: str) -> Token:
        token = self._accept(operator)
        if token is None:
            raise self._unexpected(f"'{operator}'")
        return token

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._unexpected("an operator or the end of the expression")

    def _unexpected(self, expected: str) -> ExpressionError:
        token = self._next
        found = "the end of the expression" if token.kind == "end" else f"{token.text[:40]!a}"
        return ExpressionError("syntax error", token.offset, expected=expected, found=found)

    # -- grammar, loosest operator first

    def expression(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise ExpressionError("nested too deep", self._next.offset, expected=f"at most {MAX_NESTING} levels")
        node = self._logical("||")
        question = self._accept("?")
        if question:
            then = self._logical("||")
            self._expect(":")
            node = Conditional(question.offset, node, then, self.expression())
        self._nesting -= 1
        return node

    def _logical(self, operator: str) -> Node:
        operand = self._relation if operator == "&&" else lambda: self._logical("&&")
        first = operand()
        operands = [first]
        offset = self._next.offset
        while self._accept(operator):
            operands.append(operand())
        if len(operands) > _MAX_CHAIN:
            raise ExpressionError("chain too long", offset, expected=f"at most {_MAX_CHAIN} operands")
        return first if len(operands) == 1 else Logical(offset, operator, tuple(operands))

    def _relation(self) -> Node:
        node = self._sum()
        depth = 0
        while self._next.text in _RELATIONS and (token := self._accept(*_RELATIONS)):
            node = Binary(token.offset, token.text, node, self._sum())
            depth = self._bounded(depth, token)
        return node

    def _sum(self) -> Node:
        node = self._product()
        depth = 0
        while token := self._accept("+", "-"):
            node = Binary(token.offset, token.text, node, self._product())
            depth = self._bounded(depth, token)
        return node

    def _product(self) -> Node:
        node = self._unary()
        depth = 0
        while token := self._accept("*", "/", "%"):
            node = Binary(token.offset, token.text, node, self._unary())
            depth = self._bounded(depth, token)
        return node

    def _bounded(self, depth: int, token: Token) -> int:
        """These chains lean to the left, so each link is a level of nesting in what is compiled."""
        if depth + 1 > MAX_NESTING:
            raise ExpressionError("chain too long", token.offset, expected=f"at most {MAX_NESTING} operators in a row")
        return depth + 1

    def _unary(self) -> Node:
        operators: list[Token] = []
        while token := self._accept("!", "-"):
            operators.append(token)
            if len(operators) > MAX_NESTING:
                raise ExpressionError("chain too long", token.offset, expected=f"at most {MAX_NESTING} signs")
        if operators and operators[-1].text == "-" and self._next.kind in {"int", "double"}:
            sign = operators.pop()
            node = self._members(self._literal(self._advance(), sign))
        else:
            node = self._members(self._primary())
        for token in reversed(operators):
            node = Unary(token.offset, token.text, node)
        return node

    def _members(self, node: Node) -> Node:
        depth = 0
        while True:
            dot = self._accept(".")
            if dot:
                node = self._member(node)
            elif bracket := self._accept("["):
                element = OptionalIndex if self._accept("?") else Index
                node = element(bracket.offset, node, self.expression())
                self._expect("]")
            else:
                return node
            depth = self._bounded(depth, self._next)

    def _member(self, operand: Node) -> Node:
        optional = self._accept("?")
        token = self._next
        if token.kind not in {"name", "quoted"}:
            raise self._unexpected("the name of a field or function")
        self._position += 1
        if optional:
            return OptionalSelect(token.offset, operand, token.text.strip("`"))
        if token.kind == "quoted":
            return Select(token.offset, operand, token.text[1:-1])
        if not self._accept("("):
            return Select(token.offset, operand, token.text)
        arguments = self._arguments()
        if is_macro(token.text):
            return macro(token, operand, arguments)
        call = Call(token.offset, token.text, operand, arguments)
        return of_cel(call, self.pinned) if isinstance(operand, Name) and operand.name == "cel" else call

    def _arguments(self) -> tuple[Node, ...]:
        arguments: list[Node] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.expression())
        return tuple(arguments)

    def _literal(self, token: Token, sign: Token | None = None) -> Constant:
        value = literal(token, negative=sign is not None)
        self.literals.append(value)
        self.negative.append(sign is not None)
        return Constant((sign or token).offset, value, len(self.literals) - 1)

    def _advance(self) -> Token:
        token = self._next
        self._position += 1
        return token

    def _primary(self) -> Node:
        token = self._next
        if token.kind in LITERALS:
            return self._literal(self._advance())
        if token.kind == "name":
            return self._named(self._advance())
        if self._accept("("):
            node = self.expression()
            self._expect(")")
            return node
        if self._accept("."):
            if self._next.kind != "name":
                raise self._unexpected("a name")
            return self._named(self._advance(), ".")
        if self._accept("["):
            return ListLiteral(token.offset, self._items())
        if self._accept("{"):
            return MapLiteral(token.offset, self._entries())
        raise self._unexpected("a value")

    def _named(self, token: Token, dot: str = "") -> Node:
        if token.text in _WORDS and not dot:
            return Constant(token.offset, _WORDS[token.text])
        if token.text in _RESERVED or token.text == "in":
            raise ExpressionError("reserved word", token.offset, expected="a name", found=f"'{token.text}'")
        if not self._accept("("):
            return Name(token.offset, dot + token.text)
        arguments = self._arguments()
        if token.text == "has":
            return has(token, arguments)
        return Call(token.offset, token.text, None, arguments)

    def _items(self) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._accept("]"):
            if items:
                self._expect(",")
                if self._accept("]"):  # a trailing comma is legal
                    break
            question = self._accept("?")
            item = self.expression()
            items.append(Maybe(question.offset, item) if question else item)
        return tuple(items)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        entries: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            if entries:
                self._expect(",")
                if self._accept("}"):
                    break
            question = self._accept("?")
            key = self.expression()
            self._expect(":")
            value = self.expression()
            entries.append((key, Maybe(question.offset, value) if question else value))
        return tuple(entries)
