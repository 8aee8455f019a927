"""Licences of sources, and the one that data made of several may carry, by the vocabulary of DCAT-AP.de.

The vocabulary is http://dcat-ap.de/def/licenses (list of 2020-07-15, GovData). Whatever it does not know counts as
closed: an open licence is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

VOCABULARY = "http://dcat-ap.de/def/licenses"
CLOSED = f"{VOCABULARY}/other-closed"
# facts typed from publications are cited, not licensed: they bind nothing
FIGURE = "published figure"
# licence as sources write it, in small letters: name in the vocabulary
NAMES = {
    "dl-de/zero-2-0": "dl-zero-de/2.0",
    "cc0-1.0": "cc-zero",
    "cc0 1.0": "cc-zero",
    "geonutzv": "geonutz/20130319",
    "apache-2.0": "apache",
    "mit": "other-opensource",
    "dl-de/by-2-0": "dl-by-de/2.0",
    "cc-by-4.0": "cc-by/4.0",
    "cc by 4.0": "cc-by/4.0",
    "cc-by-sa-4.0": "cc-by-sa/4.0",
    "cc by-sa 4.0": "cc-by-sa/4.0",
    "odc-by-1.0": "odby",
    "odbl-1.0": "odbl",
    "odbl": "odbl",
    "cc-by-nc-4.0": "cc-by-nc/4.0",
}
# from what asks for nothing to what asks for most: data made of several carry the last of theirs
ORDER = (
    *("dl-zero-de/2.0", "cc-zero", "other-opensource", "apache", "geonutz/20130319"),
    *("odby", "cc-by/4.0", "dl-by-de/2.0", "cc-by-sa/4.0", "odbl", "cc-by-nc/4.0"),
)
# what must be passed on under the same licence: two different ones cannot both be kept
SHARE_ALIKE = frozenset({"cc-by-sa/4.0", "odbl"})


def known(licence: str) -> bool:
    """Whether the vocabulary has a licence, or it is a cited figure that needs none."""
    return licence == FIGURE or licence.strip().lower() in NAMES


def joint(licences: Iterable[str]) -> str:
    """URI of the licence of data made of sources under these licences.

    Parameters
    ----------
    licences
        As the sources state them: ``"dl-de/by-2-0"``.

    Returns
    -------
    str
        The one that asks for most. `CLOSED` where one of them is not known, where two cannot both be kept, or where
        there are none but cited figures: what nobody licensed is not open.
    """
    stated = {licence.strip().lower() for licence in licences} - {FIGURE}
    if not stated or not stated <= set(NAMES):
        return CLOSED
    names = {NAMES[licence] for licence in stated}
    if len(names & SHARE_ALIKE) > 1 or (names & SHARE_ALIKE and "cc-by-nc/4.0" in names):
        return CLOSED
    return f"{VOCABULARY}/{max(names, key=ORDER.index)}"
