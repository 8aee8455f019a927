"""Who gains, and how sure that is: one amount on the zones of a place, judged against who lives there.

Every figure stands beside an interval (sources and model drawn anew), a p-value (the same programme given to others at
random) and what the same claim is at other zonings. All speak of residents of low-income areas, never of households.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from geo.arrays import BoolArray, FloatArray, quotient
from geo.equity import (
    atkinson,
    concentration,
    concentration_curve,
    gini,
    kakwani,
    kolm_pollak_ede,
    parts,
    tail_ratio,
    theil_split,
    theil_t,
)
from geo.errors import InputError
from geo.inference import (
    Claim,
    Placed,
    concentrations,
    curves,
    dominance,
    equity_ratios,
    interval,
    placement_test,
    stability,
)
from geo.moran import local_moran_bivariate, moran_bivariate
from geo.neighbours import cells as neighbours_of_cells
from layers.social import FEWEST, Social, Zoning
from layers.social_sources import INCOME

LEVEL = 0.9
ALPHA = 0.1
MORAN = 9_999
FIFTHS = (
    ("highest burden", "höchste Belastung"),
    ("second", "zweites"),
    ("middle", "mittleres"),
    ("fourth", "viertes"),
    ("lowest burden", "niedrigste Belastung"),
)
TOO_FEW = (
    "Fewer than five areas with people and an indicator, all alike, or nobody on low income: who gains cannot be said.",
    "Weniger als fünf Gebiete mit Indikator, alle gleich, oder niemand einkommensschwach: Wer gewinnt, ist offen.",
)


@dataclass(frozen=True, eq=False)
class Amount:
    """Something that people in zones get.

    Attributes
    ----------
    name, en, de, unit
        As shown.
    by_zone
        Sum of each zone.
    by_chance
        For a place, a zoning, number of draws and seed: what zones would get if chance chose among those who may,
        shape (draws, zones); None where nothing was chosen.
    unsure
        For a zoning, number of draws and seed: what zones get within the errors of the model, shape (draws, zones).
    benefit
        False for tonnes: they show where a measure acts, not whom it benefits.
    """

    name: str
    en: str
    de: str
    unit: str
    by_zone: Callable[[Zoning], FloatArray]
    by_chance: Callable[[Social, Zoning, int, int], FloatArray] | None
    unsure: Callable[[Zoning, int, int], FloatArray]
    benefit: bool = True


@dataclass(frozen=True)
class Asked:
    """How an amount is judged.

    Attributes
    ----------
    definition
        Of low income; see `layers.social.DEFINITIONS`.
    zoning
        Name of the zoning that figures are given for; the place's main one when None.
    permutations, draws, seed
        Of the test and of the intervals.
    """

    definition: str = "quintile"
    zoning: str | None = None
    permutations: int = 999
    draws: int = 499
    seed: int = 2026

    def of(self, social: Social) -> Zoning:
        """Zoning that figures are given for."""
        return social.main if self.zoning is None else social.zoning(self.zoning)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Zones of a zoning that can be ranked, and an amount on them."""

    zoning: Zoning
    known: BoolArray
    people: FloatArray
    rank: FloatArray
    low: FloatArray
    amount: FloatArray
    total: float

    @property
    def per_head(self) -> FloatArray:
        return self.amount / self.people


def judge(amount: Amount, social: Social, asked: Asked) -> dict[str, Any]:
    """Say who gets an amount.

    Parameters
    ----------
    amount
        What is given to whom.
    social
        Who lives where.
    asked
        How to judge.

    Returns
    -------
    dict
        Sums, shares and indices, each with an interval; `equity_ratio` and `concentration_index` with a p-value and
        their verdict at every zoning. `missing` instead, with the reason, where nothing can be said.
    """
    zoning = asked.of(social)
    head = {"metric": amount.name, "en": amount.en, "de": amount.de, "unit": amount.unit, "benefit": amount.benefit}
    ranked = _rank(amount, social, zoning, asked)
    if ranked is None:
        return head | {"missing": TOO_FEW[0], "missing_de": TOO_FEW[1]}
    if not ranked.amount.sum() > 0:
        return head | {"missing": "Nothing is given here.", "missing_de": "Hier kommt nichts an."}
    claims: dict[str, dict[str, Any]] = {}
    drawn = None
    for name, other in social.zonings.items():
        here = ranked if other is zoning else _rank(amount, social, other, asked)
        if here is None or not here.amount.sum() > 0:
            continue
        found = _drawn(amount, social, here, asked, main=other is zoning)
        drawn = found if other is zoning else drawn
        claims[name] = _claims(amount, social, here, found, asked)
    assert drawn is not None  # noqa: S101 - the zoning is one of the place's
    return head | _sums(ranked, drawn) | {
        "equity_ratio": _verdict(claims, "equity_ratio", zoning.name, 1.0, social),
        "concentration_index": _verdict(claims, "concentration_index", zoning.name, 0.0, social),
        "inequality": _inequality(social, ranked, drawn),
        "quintiles": _quintiles(ranked, drawn),
        "curve": _curve(ranked, drawn),
        "pattern": _pattern(amount, social),
    }  # fmt: skip


def brief(amount: Amount, social: Social, asked: Asked) -> dict[str, Any] | None:
    """Equity ratio and concentration index at one zoning, with intervals alone; None where nothing can be said."""
    ranked = _rank(amount, social, asked.of(social), asked)
    if ranked is None or not ranked.amount.sum() > 0:
        return None
    found = _claims(amount, social, ranked, _drawn(amount, social, ranked, asked, main=False), asked)
    return {"total": ranked.total, **{name: found[name] for name in ("equity_ratio", "concentration_index")}}


def _rank(amount: Amount, social: Social, zoning: Zoning, asked: Asked) -> _Ranked | None:
    values = social.values[zoning.name]
    low = social.low(zoning, asked.definition)
    known = np.isfinite(values) & (zoning.people > 0) & np.isfinite(low)
    if known.sum() < FEWEST or np.unique(values[known]).size < 2 or not (low[known] @ zoning.people[known]) > 0:
        return None
    by_zone = amount.by_zone(zoning)
    return _Ranked(
        zoning,
        known,
        zoning.people[known],
        social.rank_by(values[known]),
        low[known],
        by_zone[known],
        float(by_zone.sum()),
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Draws of an amount and of who lives where, shape (draws, ranked zones)."""

    amount: FloatArray
    rank: FloatArray
    low: FloatArray
    steps: FloatArray

    def ratios(self, people: FloatArray) -> FloatArray:
        """Equity ratio of each draw; NaN where a draw leaves nobody on low income."""
        somebody = self.low @ people > 0
        out = np.full(len(self.amount), np.nan)
        if somebody.any():
            out[somebody] = equity_ratios(self.amount[somebody], people, self.low[somebody])
        return out

    def indices(self) -> FloatArray:
        """Concentration index of each draw."""
        return np.asarray(2 * (self.amount * self.rank).sum(axis=1) / self.amount.sum(axis=1) - 1)

    def twentieths(self) -> FloatArray:
        """Share of each twentieth of the people in each draw, the poorest first, shape (draws, 20)."""
        amount = self.amount[:: len(self.amount) // len(self.steps)][: len(self.steps)]
        return np.asarray(np.einsum("dz,dzs->ds", amount, self.steps) / amount.sum(axis=1, keepdims=True))


def _drawn(amount: Amount, social: Social, ranked: _Ranked, asked: Asked, *, main: bool) -> _Drawn:
    zoning, known = ranked.zoning, ranked.known
    amounts = amount.unsure(zoning, asked.draws, asked.seed)[:, known]
    living = social.drawn(zoning, asked.definition, asked.draws, asked.seed)
    steps = living.steps[:, known] if main else np.zeros((0, 0, 0))
    return _Drawn(amounts, living.rank[:, known], living.low[:, known], steps)


def _claims(amount: Amount, social: Social, ranked: _Ranked, drawn: _Drawn, asked: Asked) -> dict[str, Any]:
    """Equity ratio and concentration index of one zoning, with interval and p-value."""
    people = ranked.people

    def ratios(rows: FloatArray) -> FloatArray:
        return equity_ratios(rows, people, ranked.low)

    def indices(rows: FloatArray) -> FloatArray:
        return concentrations(rows, people, ranked.rank)

    one = ranked.amount[None, :]
    out: dict[str, Any] = {
        "equity_ratio": _figure(float(ratios(one)[0]), drawn.ratios(people)),
        "concentration_index": _figure(float(indices(one)[0]), drawn.indices()),
        "areas": int(ranked.known.sum()),
    }
    out["concentration_index"]["se_grouped"] = concentration(ranked.per_head, people, ranked.rank).se_grouped
    if amount.by_chance is not None:
        chance = amount.by_chance(social, ranked.zoning, asked.permutations, asked.seed)[:, ranked.known]
        ratio, index = (placement_test(ranked.amount, chance, f) for f in (ratios, indices))
        drawn_lots = {"permutations": len(chance)}
        out["equity_ratio"] |= _chance(ratio) | drawn_lots | {"choice_effect": ratio.choice_effect}
        out["concentration_index"] |= _chance(index) | drawn_lots | {"choice_difference": index.choice_difference}
    return out


def _chance(test: Placed) -> dict[str, float]:
    return {"p": test.p, "by_chance": test.null_mean, "by_chance_low": test.low, "by_chance_high": test.high}


def _figure(value: float, draws: FloatArray) -> dict[str, Any]:
    found = interval(draws, level=LEVEL)
    # drawing sources anew makes extremes less extreme: a value at the end of its draws is the end of its interval
    return {"value": value, "low": min(found.low, value), "high": max(found.high, value)}


def _verdict(
    claims: Mapping[str, dict[str, Any]], figure: str, main: str, neutral: float, social: Social
) -> dict[str, Any]:
    """Put a figure beside the same claim at every zoning."""
    found = stability(
        {n: Claim(c[figure]["value"], c[figure]["low"], c[figure]["high"]) for n, c in claims.items()}, neutral
    )
    of_main: dict[str, Any] = claims[main][figure]
    return of_main | {
        "neutral": neutral,
        "zoning": main,
        "stability": found.grade,
        "stability_text": found.text,
        "zonings": [
            {
                "zoning": n,
                "en": social.zonings[n].en,
                "de": social.zonings[n].de,
                "areas": c["areas"],
                **c[figure],
                "verdict": found.verdicts[n],
            }
            for n, c in claims.items()
        ],
    }


def _sums(ranked: _Ranked, drawn: _Drawn) -> dict[str, Any]:
    people, low = ranked.people, ranked.low
    poor = float(people @ low)
    per_head = ranked.amount.sum() / people.sum()
    in_low = quotient((drawn.amount * drawn.low).sum(axis=1), drawn.low @ people)
    rest = people.sum() - poor
    share = float((ranked.amount * low).sum() / ranked.amount.sum())
    return {
        "zoning": ranked.zoning.name,
        "areas": int(ranked.known.sum()),
        "total": ranked.total,
        "not_ranked": ranked.total - float(ranked.amount.sum()),
        "per_head": float(per_head),
        "low_income_per_head": _figure(float(ranked.amount @ low / poor), in_low),
        "other_per_head": float(ranked.amount @ (1 - low) / rest) if rest > 0 else None,
        "low_income_population_share": poor / float(people.sum()),
        "low_income_benefit_share": _figure(share, (drawn.amount * drawn.low).sum(axis=1) / drawn.amount.sum(axis=1)),
    }


def _inequality(social: Social, ranked: _Ranked, drawn: _Drawn) -> dict[str, Any]:
    """Indices of how equal the amount per head is between areas, whoever lives there."""
    group = (ranked.low >= 0.5).astype(np.int64)

    def split(part: int) -> Callable[[FloatArray, FloatArray], float]:
        return lambda x, w: theil_split(x, w, group)[part]

    indices: dict[str, Callable[[FloatArray, FloatArray], float]] = {
        "gini": gini,
        "theil_t": theil_t,
        "theil_between": split(0),
        "theil_within": split(1),
        "atkinson_0_5": lambda x, w: atkinson(x, w, epsilon=0.5),
        "atkinson_1": lambda x, w: atkinson(x, w, epsilon=1),
        "kolm_pollak_ede": lambda x, w: kolm_pollak_ede(x, w, epsilon=1),
        "quintile_ratio": lambda x, w: tail_ratio(x * w, w, ranked.rank),
    }
    if social.indicator.name == INCOME:
        indices["kakwani"] = lambda x, w: kakwani(x, w, ranked.rank, burden=False)
    out: dict[str, Any] = {}
    per_head = drawn.amount[:: max(len(drawn.amount) // 99, 1)] / ranked.people
    for name, index in indices.items():
        try:
            value = index(ranked.per_head, ranked.people)
            out[name] = _figure(value, np.array([index(row, ranked.people) for row in per_head]))
        except InputError as error:
            # an index that cannot be told says which one can
            out[name] = {"missing": str(error.problems[0])}
    return out


def _quintiles(ranked: _Ranked, drawn: _Drawn) -> list[dict[str, Any]]:
    """Shares of fifths of the population, the poorest first."""
    here, shares = parts(ranked.people, ranked.rank), drawn.twentieths().reshape(-1, 5, 4).sum(axis=2)
    total, heads = ranked.amount.sum(), ranked.people @ here
    return [
        {
            "quintile": q + 1,
            "label_en": english,
            "label_de": german,
            "people": float(heads[q]),
            "share": _figure(float(ranked.amount @ here[:, q] / total), shares[:, q]),
            "per_head": float(ranked.amount @ here[:, q] / heads[q]),
        }
        for q, (english, german) in enumerate(FIFTHS)
    ]


def _curve(ranked: _Ranked, drawn: _Drawn) -> dict[str, Any]:
    people, amount = concentration_curve(ranked.per_head, ranked.people, ranked.rank)
    here = curves(ranked.amount[None, :], ranked.people, ranked.rank)[0]
    found = dominance(here, np.cumsum(drawn.twentieths(), axis=1)[:, :-1], level=LEVEL)
    step = max(len(people) // 200, 1)
    return {"people": people[::step].tolist(), "amount": amount[::step].tolist(), "dominance": found}


def _pattern(amount: Amount, social: Social) -> dict[str, Any] | None:
    """Where the amount goes against who lives there, on cells of 1 km: Moran's bivariate index and its clusters."""
    zoning = social.zonings["km"]
    values = social.values["km"]
    here = amount.by_zone(zoning)
    known = np.isfinite(values) & (zoning.people > 0)
    per_head = here[known] / zoning.people[known]
    if known.sum() < FEWEST or _alike(per_head) or _alike(values[known]):
        return None
    need = -social.rank_by(values[known])
    at = neighbours_of_cells(*corners(zoning.ids, known), 1000.0)
    whole = moran_bivariate(need, per_head, at, permutations=MORAN, seed=2026)
    local = local_moran_bivariate(need, per_head, at, permutations=MORAN, seed=2026)
    sure = local.significant(ALPHA)
    return {
        "zoning": "km",
        "moran_bivariate": whole.index,
        "p": whole.p,
        "pearson": whole.pearson,
        "spearman": whole.spearman,
        "permutations": MORAN,
        "alpha_fdr": ALPHA,
        "clusters": {
            name: int((sure & (local.quadrant == q)).sum())
            for q, name in ((1, "high_need_high"), (2, "low_need_high"), (3, "low_need_low"), (4, "high_need_low"))
        },
    }


def _alike(values: FloatArray) -> bool:
    """Whether values are the same up to rounding."""
    return bool(np.ptp(values) <= 1e-9 * np.abs(values).max())


def corners(ids: tuple[str, ...], known: BoolArray) -> tuple[FloatArray, FloatArray]:
    """West and south of INSPIRE cells by their ids, EPSG:3035."""
    north, east = np.array(
        [text.split("mN")[1].split("E") for text, kept in zip(ids, known, strict=True) if kept], dtype=np.float64
    ).T
    return east, north
