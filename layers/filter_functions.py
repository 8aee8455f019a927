"""Functions that a filter may call: few, and each says what it takes; nothing else can be called."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from geo.arrays import FloatArray
from layers.filter_columns import AnyArray


@dataclass(frozen=True)
class Function:
    """A function of one operand.

    Parameters
    ----------
    name
        As a filter writes it, in any case.
    takes
        Kinds of operands that it takes.
    returns
        ``"number"`` or ``"text"``.
    call
        Of one text, or of an array.
    en, de
        What it gives, for people.
    """

    name: str
    takes: tuple[str, ...]
    returns: str
    call: Callable[[Any], Any]
    en: str
    de: str


def unaccented(text: str) -> str:
    """Take the accents off: canonical decomposition without its combining marks."""
    marked = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in marked if unicodedata.category(c) != "Mn"))


def folded(text: str) -> str:
    """Fold the case as Unicode does: ß is ss."""
    return unicodedata.normalize("NFC", text).casefold()


def magnitude(numbers: Any) -> FloatArray:  # noqa: ANN401 - array or scalar
    """Take the sign away; the lowest of small integers has no counterpart among them."""
    return np.abs(np.asarray(numbers, dtype=np.float64))


def rounded(numbers: Any) -> FloatArray:  # noqa: ANN401 - array or scalar
    """Round to the nearest whole number, halves away from zero; numpy would round 2.5 to 2."""
    array = np.asarray(numbers, dtype=np.float64)
    return np.asarray(np.trunc(array + np.copysign(np.nextafter(0.5, 0), array)))


def year(instants: Any) -> AnyArray:  # noqa: ANN401
    """Year of days or instants in UTC; NaN where they are missing."""
    array = np.asarray(instants)
    years = array.astype("datetime64[Y]").astype(np.int64) + 1970
    return np.where(np.isnat(array), np.nan, years)


FUNCTIONS = {
    function.name: function
    for function in (
        Function("casei", ("text",), "text", folded, "the text, upper and lower case alike", "Text ohne Groß/Klein"),
        Function("accenti", ("text",), "text", unaccented, "the text without accents", "Text ohne Akzente"),
        Function("upper", ("text",), "text", str.upper, "the text in upper case", "Text in Großbuchstaben"),
        Function("lower", ("text",), "text", str.lower, "the text in lower case", "Text in Kleinbuchstaben"),
        Function("length", ("text",), "number", len, "number of characters", "Zahl der Zeichen"),
        Function("abs", ("number",), "number", magnitude, "the number without its sign", "Betrag"),
        Function("floor", ("number",), "number", np.floor, "next lower whole number", "nächste kleinere ganze Zahl"),
        Function("ceil", ("number",), "number", np.ceil, "next higher whole number", "nächste größere ganze Zahl"),
        Function("round", ("number",), "number", rounded, "nearest whole number", "nächste ganze Zahl"),
        Function("year", ("date", "timestamp"), "number", year, "year in UTC", "Jahr in UTC"),
    )
}
