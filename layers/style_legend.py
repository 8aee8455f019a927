"""Legends as pictures: one drawing, written as SVG or PNG, with title, unit, classes, what is missing, and sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree
from lxml.builder import E

from geo.errors import Problem
from layers import assets
from layers.errors import ReleaseError
from layers.layer import Layer
from layers.style_figures import Figure, Kind, Language, kinds_of

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

WIDTH_PX, MARGIN_PX = 320, 12
INK, QUIET, EDGE = "#14212b", "#4a5862", "#74828d"
SWATCH_PX = (26, 16)
# letters of DejaVu Sans, the widest of the fonts named below, in em: on average, and in bold
TITLE_PX, TEXT_PX, SMALL_PX = 13, 12, 10
_WORDS = {
    "modelled": ("Modelled", "Modelliert"),
    "derived": ("Computed from published figures", "Aus veröffentlichten Zahlen berechnet"),
    "source": ("Sources", "Quellen"),
    "nothing": ("No value is known.", "Kein Wert ist bekannt."),
}
EM, EM_BOLD = 0.56, 0.64
_FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}


@dataclass(frozen=True)
class _Text:
    x: int
    y: int
    size: int
    text: str
    colour: str = INK
    bold: bool = False


@dataclass(frozen=True)
class _Swatch:
    y: int
    colour: str
    kind: Kind


@dataclass(frozen=True)
class _Drawing:
    height: int
    parts: tuple[_Text | _Swatch, ...]
    title: str


def svg(layer: Layer, figure: Figure, sources: Iterable[str], language: Language) -> bytes:
    """Draw a legend as SVG.

    Parameters
    ----------
    layer, figure
        What is drawn, and by what.
    sources
        Names of sources with their licences.
    language
        Of all words.

    Returns
    -------
    bytes
        XML, UTF-8, with the text as text; 320 px wide.
    """
    drawing = _draw(layer, figure, sources, language)
    root = E.svg(
        E.title(drawing.title),
        E.rect(width="100%", height="100%", fill="#ffffff"),
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(WIDTH_PX),
            "height": str(drawing.height),
            "viewBox": f"0 0 {WIDTH_PX} {drawing.height}",
            "role": "img",
            "font-family": "'DejaVu Sans', Verdana, sans-serif",
            "lang": language,
        },
    )
    root.extend(_svg_part(part) for part in drawing.parts)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def png(layer: Layer, figure: Figure, sources: Iterable[str], language: Language, scale: int = 2) -> bytes:
    """Draw a legend as PNG.

    Parameters
    ----------
    layer, figure, sources, language
        As in `svg`.
    scale
        Pixels for each px of the SVG.

    Returns
    -------
    bytes
        PNG, 320 x scale pixels wide.

    Raises
    ------
    ReleaseError
        The font is neither among the fetched assets nor installed.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 - slow to import

    drawing = _draw(layer, figure, sources, language)
    image = Image.new("RGB", (WIDTH_PX * scale, drawing.height * scale), "#ffffff")
    pen = ImageDraw.Draw(image)
    for part in drawing.parts:
        if isinstance(part, _Text):
            face = _font(part.size * scale, bold=part.bold)
            pen.text((part.x * scale, part.y * scale), part.text, part.colour, face, anchor="ls")
        else:
            left, top, (wide, high) = MARGIN_PX * scale, part.y * scale, SWATCH_PX
            box = (left, top, left + wide * scale, top + high * scale)
            if part.kind == "line":
                middle = top + high * scale // 2
                pen.line((left, middle, box[2], middle), part.colour, 3 * scale)
            elif part.kind == "point":
                centre = (left + wide * scale // 2, top + high * scale // 2)
                pen.circle(centre, 6 * scale, part.colour, EDGE, scale)
            else:
                pen.rectangle(box, part.colour, EDGE, max(scale // 2, 1))
    written = BytesIO()
    image.save(written, "PNG", optimize=True, dpi=(96 * scale, 96 * scale))
    return written.getvalue()


def _draw(layer: Layer, figure: Figure, sources: Iterable[str], language: Language) -> _Drawing:
    at = 1 if language == "de" else 0
    parts: list[_Text | _Swatch] = []
    y = MARGIN_PX
    title = figure.title(language)

    def write(text: str, size: int, colour: str = INK, *, bold: bool = False) -> None:
        nonlocal y
        for line in _wrapped(text, size, WIDTH_PX - 2 * MARGIN_PX, bold=bold):
            y += round(size * 1.35)
            parts.append(_Text(MARGIN_PX, y - round(size * 0.3), size, line, colour, bold))

    write(title, TITLE_PX, bold=True)
    y += 8
    kind = kinds_of(layer)[-1]
    left = MARGIN_PX + SWATCH_PX[0] + 10
    for entry in (*figure.entries, *([figure.missing] if figure.missing else [])):
        parts.append(_Swatch(y, entry.colour, kind))
        for row, line in enumerate(_wrapped(entry.text(language), TEXT_PX, WIDTH_PX - left - MARGIN_PX)):
            y += 4 if row else 0
            parts.append(_Text(left, y + 12, TEXT_PX, line))
            y += 12
        y += 9
    y += 2
    if figure.missing and not figure.entries:
        write(_WORDS["nothing"][at], SMALL_PX, QUIET)
    if figure.how in _WORDS:
        write(_WORDS[figure.how][at], SMALL_PX, QUIET)
    for note in figure.notes:
        write(note[at], SMALL_PX, QUIET)
    listed = "; ".join(dict.fromkeys(sources))
    if listed:
        write(f"{_WORDS['source'][at]}: {listed}", SMALL_PX, QUIET)
    return _Drawing(y + MARGIN_PX, tuple(parts), title)


def _wrapped(text: str, size: int, width: int, *, bold: bool = False) -> list[str]:
    """Lines that fit: by the average width of a letter, for browsers bring their own fonts."""
    return textwrap.wrap(text, int(width / (size * (EM_BOLD if bold else EM)))) or [""]


def _svg_part(part: _Text | _Swatch) -> etree._Element:
    if isinstance(part, _Text):
        weight = {"font-weight": "bold"} if part.bold else {}
        place = {"x": str(part.x), "y": str(part.y), "font-size": str(part.size), "fill": part.colour}
        return E.text(part.text, place | weight)
    wide, high = SWATCH_PX
    middle = str(part.y + high // 2)
    if part.kind == "line":
        ends = {"x1": str(MARGIN_PX), "x2": str(MARGIN_PX + wide), "y1": middle, "y2": middle}
        return E.line(ends | {"stroke": part.colour, "stroke-width": "3"})
    edge = {"fill": part.colour, "stroke": EDGE}
    if part.kind == "point":
        return E.circle(edge | {"cx": str(MARGIN_PX + wide // 2), "cy": middle, "r": "6"})
    place = {"x": str(MARGIN_PX), "y": str(part.y), "width": str(wide), "height": str(high)}
    return E.rect(edge | place | {"stroke-width": "0.5"})


@cache
def _font(size: int, *, bold: bool) -> FreeTypeFont:
    from PIL import ImageFont  # noqa: PLC0415 - slow to import

    name = _FONTS[bold]
    fetched: Path = assets.VENDOR / "fonts" / name
    try:
        return ImageFont.truetype(fetched if fetched.is_file() else name, size)
    except OSError as error:
        what = f"{name} is neither in {fetched.parent.name} nor installed"
        raise ReleaseError(
            Problem("legend as PNG", what, "Run `python -m layers.assets`, or ask for f=svg.")
        ) from error
