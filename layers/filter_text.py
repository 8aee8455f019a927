"""Reads rules in CQL2 text with a grammar of lark; nothing of a rule is ever executed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from lark import Lark, Token, Transformer_NonRecursive, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from geo.errors import InputError, Problem
from layers.filter_builder import (
    ALIASES,
    MAX_CHARACTERS,
    MAX_DEPTH,
    SPOKEN,
    Builder,
    no_function,
    too_deep,
    too_large,
    unprintable,
)
from layers.filter_conditions import UNPRINTABLE, Part, listed, quoted

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
          | sum [NOT] "like"i TEXT -> like
          | sum "is"i [NOT] NULL -> is_null
?sum: product
    | product ((PLUS | MINUS) product)+ -> reckon
?product: signed
        | signed ((STAR | SLASH) signed)+ -> reckon
?signed: (PLUS | MINUS) signed -> sign
       | atom
?atom: NUMBER -> number
     | TEXT -> text
     | (TRUE | FALSE) -> boolean
     | NAME -> name
     | QUOTED -> name
     | "(" either ")"
NOT: "not"i
NULL: "null"i
TRUE: "true"i
FALSE: "false"i
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
COMPARISON: /<=|>=|<>|!=|==|=|<|>/
NUMBER: /([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?/i
TEXT: /'(?:[^']|'')*'/
QUOTED: /"(?:[^"]|"")+"/
NAME: /[^\W\d][\w.:]*/i
WHITE: /\s+/
%ignore WHITE
"""
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
        The text is no rule (with the part that is not understood), is too large or calls a function.
    """
    if len(text) > MAX_CHARACTERS:
        raise too_large(build.where, f"has {len(text)} characters, more than {MAX_CHARACTERS}")
    if not text.strip():
        raise InputError(Problem(build.where, "is empty", "Write a condition, or `true` to take everything."))
    if found := UNPRINTABLE.search(text):
        raise InputError(unprintable(f"{build.where}, position {found.start() + 1}", found[0]))
    try:
        _check_tokens(list(_grammar().lex(text)), build.where)
        return _Reader(build).transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise InputError(_not_understood(error, text, build.where)) from None
    except VisitError as error:
        raise error.orig_exc from None


@cache
def _grammar() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=True)


def _check_tokens(tokens: Sequence[Token], where: str) -> None:
    """Refuse deep nesting and functions before anything is built."""
    depth, opened, prefix, after_operand = 0, [], 0, False
    for token in tokens:
        match token.type:
            case "LPAR":
                opened.append(1 + prefix)
                depth += opened[-1]
            case "RPAR" if opened:
                depth -= opened.pop()
        # after an operand, `-` subtracts and `not` belongs to `in`, `like` or `between`
        prefix = prefix + 1 if token.type in {"NOT", "MINUS", "PLUS"} and not after_operand else 0
        after_operand = token.type in {"NAME", "QUOTED", "NUMBER", "TEXT", "TRUE", "FALSE", "RPAR"}
        if depth + prefix > MAX_DEPTH:
            raise too_deep(where, _at(token))
    calls = [one for one, follows in pairwise(tokens) if (one.type, follows.type) == ("NAME", "LPAR")]
    problems = [no_function(f"{where}, {_at(token)}", token) for token in calls]
    if problems:
        raise InputError(problems)


@v_args(inline=True)
class _Reader(Transformer_NonRecursive[Token, Part]):
    """What lark calls for each piece of the grammar, the innermost first."""

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.build = builder

    def number(self, token: Token) -> Part:
        value = float(token) if re.search(r"[.eE]", token) else int(token)
        return self.build.constant(_at(token), str(token), value)

    def text(self, token: Token) -> Part:
        return self.build.constant(_at(token), str(token), _unquoted(token))

    def boolean(self, token: Token) -> Part:
        return self.build.constant(_at(token), str(token), token.type == "TRUE")

    def name(self, token: Token) -> Part:
        in_quotes = token.type == "QUOTED"
        return self.build.name(_at(token), _unquoted(token) if in_quotes else str(token), in_quotes=in_quotes)

    def sign(self, token: Token, part: Part) -> Part:
        return self.build.signed(_at(token), str(token), part)

    def reckon(self, first: Part, *rest: Any) -> Part:  # noqa: ANN401 - tokens and parts by turns
        return self.build.arithmetic(first, list(zip(map(str, rest[::2]), rest[1::2], strict=True)))

    def compare(self, left: Part, token: Token, right: Part) -> Part:
        return self.build.compared(ALIASES.get(token, str(token)), left, right)

    def between(self, part: Part, no: Token | None, low: Part, high: Part) -> Part:
        return self.build.negated(self.build.between(part, low, high), negate=no is not None)

    def member(self, part: Part, no: Token | None, *items: Part) -> Part:
        return self.build.negated(self.build.member(part, items), negate=no is not None)

    def like(self, part: Part, no: Token | None, token: Token) -> Part:
        return self.build.negated(self.build.like(part, _at(token), _unquoted(token)), negate=no is not None)

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


def _unquoted(token: str) -> str:
    return token[1:-1].replace(token[0] * 2, token[0])


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
