"""Reads rules in CQL2 text with a grammar of lark; nothing of a rule is ever executed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer_NonRecursive, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from geo.errors import InputError, Problem
from layers.filter_builder import ALIASES, SPOKEN, Builder
from layers.filter_calls import call, wkt
from layers.filter_columns import UNPRINTABLE, listed, quoted
from layers.filter_limits import Limits, too_deep, too_large, unprintable
from layers.filter_operands import Part
from layers.filter_spatial import NESTED

GRAMMAR = r"""
?start: either
?either: both ("or"i both)*
?both: negated ("and"i negated)*
?negated: NOT negated -> negate
        | predicate
?predicate: sum
          | sum COMPARISON sum -> compare
          | sum [NOT] "between"i sum "and"i sum -> between
          | sum [NOT] "in"i "(" sum ("," sum)* ")" -> member
          | sum [NOT] (LIKE | ILIKE) sum -> like
          | sum "is"i [NOT] NULL -> is_null
?sum: product
    | product ((PLUS | MINUS) product)+ -> reckon
?product: power
        | power ((STAR | SLASH | PERCENT | DIV) power)+ -> reckon
?power: signed
      | signed CARET signed -> reckon
?signed: (PLUS | MINUS) signed -> sign
       | atom
?atom: NUMBER -> number
     | TEXT -> text
     | (TRUE | FALSE) -> boolean
     | NAME -> name
     | QUOTED -> name
     | WKT -> wkt
     | NAME "(" ")" -> call
     | NAME "(" either ("," either)* ")" -> call
     | "(" either ")"
NOT: "not"i
NULL: "null"i
LIKE: "like"i
ILIKE: "ilike"i
TRUE: "true"i
FALSE: "false"i
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
PERCENT: "%"
CARET: "^"
DIV: "div"i
COMPARISON: /<=|>=|<>|!=|==|=|<|>/
NUMBER: /([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?/i
TEXT: /'(?:[^'\\]|''|\\(.|\n))*'/
QUOTED: /"(?:[^"]|"")+"/
NAME: /(?:[^\W\d]|:)[\w.:]*/i
WKT.2: /@GEOMETRIES@/i
WHITE: /\s+/
%ignore WHITE
"""


def _brackets(depth: int) -> str:
    """A pattern of brackets within brackets that never looks back."""
    inner = _brackets(depth - 1) if depth else ""
    return rf"\([^()'\"]*+(?:{inner}[^()'\"]*+)*+\)" if depth else r"\([^()'\"]*+\)"


# a geometry is one word of the language, which shapely reads: a multipolygon has three brackets, collections the rest
GEOMETRIES = rf"(?:(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)(?:\s+Z)?\s*{_brackets(NESTED + 3)}"
ESCAPED = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "'": "'", "\\": "\\"}
OPERANDS = {"NAME", "QUOTED", "NUMBER", "TEXT", "TRUE", "FALSE", "WKT"}
# what may stand at a place, in words; of the grammar's terminals those that help
EXPECTED = {
    "NAME": "a column",
    "NUMBER": "a number",
    "TEXT": "a text in single quotes",
    "COMPARISON": "a comparison such as = or between",
    "AND": "`and`",
    "OR": "`or`",
    "LPAR": "an opening bracket",
    "RPAR": "a closing bracket",
    "COMMA": "a comma",
    "NULL": "`null`",
}


def read_text(text: str, build: Builder) -> Part:
    """Read a rule in CQL2 text.

    Raises
    ------
    InputError
        The text is no rule (with the part that is not understood), or is too large.
    """
    if len(text) > build.limits.characters:
        raise too_large(build.where, f"has {len(text)} characters, more than {build.limits.characters}")
    if not text.strip():
        raise InputError(Problem(build.where, "is empty", "Write a condition, or `true` to take everything."))
    if found := UNPRINTABLE.search(text):
        raise InputError(unprintable(f"{build.where}, position {found.start() + 1}", found[0]))
    try:
        _check_tokens(_grammar().lex(text), build.where, build.limits)
        return _Reader(build).transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise InputError(_not_understood(error, text, build.where)) from None
    except VisitError as error:
        raise error.orig_exc from None


@cache
def _grammar() -> Lark:
    grammar = GRAMMAR.replace("@GEOMETRIES@", GEOMETRIES)
    return Lark(grammar, parser="lalr", lexer="basic", maybe_placeholders=True)


def _check_tokens(tokens: Iterable[Token], where: str, limits: Limits) -> None:
    """Refuse deep nesting and too many parts before anything is built."""
    depth, opened, prefix, operands, after_operand = 0, [], 0, 0, False
    for token in tokens:
        match token.type:
            case "LPAR":
                opened.append(1 + prefix)
                depth += opened[-1]
            case "RPAR" if opened:
                depth -= opened.pop()
        # after an operand, `-` subtracts and `not` belongs to `in`, `like` or `between`
        prefix = prefix + 1 if token.type in {"NOT", "MINUS", "PLUS"} and not after_operand else 0
        after_operand = token.type in OPERANDS or token.type == "RPAR"
        operands += token.type in OPERANDS
        if depth + prefix > limits.depth:
            raise too_deep(where, _at(token), limits.depth)
        if operands > limits.nodes:
            raise too_large(where, f"has more than {limits.nodes} parts")


@v_args(inline=True)
class _Reader(Transformer_NonRecursive[Token, Part]):
    """What lark calls for each piece of the grammar, the innermost first."""

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.build = builder

    def number(self, token: Token) -> Part:
        value: float = float(token)
        # beyond 2^63 no column holds whole numbers, and Python reads no more than 4300 digits of one
        if value < 2**63 and not re.search(r"[.eE]", token):
            value = int(token)
        return self.build.constant(_at(token), str(token), value)

    def text(self, token: Token) -> Part:
        return self.build.constant(_at(token), str(token), _unquoted(token))

    def boolean(self, token: Token) -> Part:
        return self.build.constant(_at(token), str(token), token.type == "TRUE")

    def name(self, token: Token) -> Part:
        in_quotes = token.type == "QUOTED"
        return self.build.name(_at(token), _unquoted(token) if in_quotes else str(token), in_quotes=in_quotes)

    def wkt(self, token: Token) -> Part:
        return wkt(self.build, _at(token), str(token))

    def call(self, token: Token, *args: Part) -> Part:
        return call(self.build, _at(token), str(token), args)

    def sign(self, token: Token, part: Part) -> Part:
        return self.build.signed(_at(token), str(token), part)

    def reckon(self, first: Part, *rest: Any) -> Part:  # noqa: ANN401 - tokens and parts by turns
        return self.build.arithmetic(first, list(zip(map(_sign, rest[::2]), rest[1::2], strict=True)))

    def compare(self, left: Part, token: Token, right: Part) -> Part:
        return self.build.compared(ALIASES.get(token, str(token)), left, right)

    def between(self, part: Part, no: Token | None, low: Part, high: Part) -> Part:
        return self.build.negated(self.build.between(part, low, high), negate=no is not None)

    def member(self, part: Part, no: Token | None, *items: Part) -> Part:
        return self.build.negated(self.build.member(part, items), negate=no is not None)

    def like(self, part: Part, no: Token | None, how: Token, pattern: Part) -> Part:
        if how.type == "ILIKE":  # no word of the standard, but of GDAL, which passes it on
            part, pattern = (call(self.build, one.at, "casei", (one,)) for one in (part, pattern))
        return self.build.negated(self.build.like(part, pattern), negate=no is not None)

    def is_null(self, part: Part, no: Token | None, _null: Token) -> Part:
        return self.build.negated(self.build.missing(part), negate=no is not None)

    def negate(self, _no: Token, part: Part) -> Part:
        return self.build.negated(part)

    def both(self, *parts: Part) -> Part:
        return self.build.joined(parts, every=True)

    def either(self, *parts: Part) -> Part:
        return self.build.joined(parts, every=False)


def _at(token: Token) -> str:
    return f"position {(token.start_pos or 0) + 1}"


def _sign(token: Token) -> str:
    return str(token).lower()


def _unquoted(token: str) -> str:
    r"""Take the quotes off; in a text also the backslashes that stand before a quote, a backslash or one of abtnvfr."""
    if token[0] == '"':
        return token[1:-1].replace('""', '"')
    return re.sub(r"''|\\([abtnvfr'\\])", lambda found: ESCAPED[found[1] or "'"], token[1:-1])


def _not_understood(error: UnexpectedInput, text: str, where: str) -> Problem:
    """Say what is not understood and what could stand there."""
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    at = len(text) if ended or error.pos_in_stream is None else error.pos_in_stream
    what = "the rule ends too early" if ended else f"{quoted(_from(text, at))} is not understood here"
    if isinstance(error, UnexpectedToken):
        words = [word for name, word in EXPECTED.items() if name in error.accepts]
        return Problem(f"{where}, position {at + 1}", what, f"Expected {listed(words) or 'the end'}.")
    return Problem(f"{where}, position {at + 1}", what, _instead(text[at]))


def _from(text: str, at: int) -> str:
    """Cut out the word at a position, or the rest after a quote that is never closed."""
    return text[at:] if text[at] in "'\"" else re.findall(r"'[^']*'?|\w+|.", text[at:], re.DOTALL)[0]


def _instead(character: str) -> str:
    if character in "'\"":
        return "Close the quote; a quote inside a text is written twice: 'O''Brien'."
    if character in "‘’‚‛“”„`´":
        return "Use straight single quotes: 'gas'."
    return f"Use column names, numbers, texts in single quotes, ( ) and {SPOKEN}."
