"""What energy costs those who use it: bills saved, with and without taxes and levies."""

from __future__ import annotations

import numpy as np

from geo.appraisal import untaxed_price
from geo.arrays import FloatArray
from layers.impact import Impact


def bill_saved(result: Impact, chosen: frozenset[int] | None = None, *, untaxed: bool = False) -> FloatArray:
    """Households' energy cost saved by area and year, EUR/a; carriers without a published price count nothing."""
    kwh = result.saved_kwh(chosen)
    price = untaxed_prices(result) if untaxed else result.planning.eur_kwh
    priced = np.isfinite(price).all(axis=1)
    return np.asarray(np.einsum("acy,cy->ay", kwh[:, priced], price[priced]) * result.outside.activity("households"))


def untaxed_prices(result: Impact) -> FloatArray:
    """Prices of households without taxes and levies by carrier and year, EUR/kWh; NaN where none is known."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    planning = result.planning
    levies = pd.DataFrame(planning.manifest["energy_levies"]).set_index("carrier")
    out = np.full_like(planning.eur_kwh, np.nan)
    for i, carrier in enumerate((*planning.carriers, "electricity")):
        if carrier in levies.index and np.isfinite(planning.eur_kwh[i]).all():
            levy, vat = (float(str(levies.at[carrier, name])) for name in ("levies_eur_kwh", "vat_share"))
            out[i] = untaxed_price(planning.eur_kwh[i], levies_eur_kwh=levy, vat=vat)
    return out


def priced_share(result: Impact) -> float | None:
    """Share of the saved energy that has a published price; None where nothing is saved."""
    kwh = np.abs(result.saved_kwh()[:, :, -1]).sum(axis=0)
    priced = np.isfinite(result.planning.eur_kwh).all(axis=1)
    return float(kwh[priced].sum() / kwh.sum()) if kwh.sum() > 0 else None
