"""Summer heat: how far shade, bright surfaces and evaporation keep a city's air from warming, and what a park changes.

The Urban Cooling Model of InVEST, on rasters of square cells, first row in the north, NaN where there is no data
(outside the city)::

    CC    = 0.6 shade + 0.2 albedo + 0.2 ETI                       cooling capacity of a cell; at night 1 - built share
    GA    = green area within d_cool
    CCp   = mean of CC over green cells and of 0 over all others, weighted by exp(-r / d_cool), r <= 5 d_cool
    HM    = CC where GA < 2 ha, else the larger of CC and CCp      heat mitigation, 0 to 1
    T     = T_ref + (1 - mean of HM, weighted by exp(-r / mix), r <= 5 mix) UHI_max

Distances are rounded to whole cells (halves to the even number, as InVEST does). Means are over the cells with data:
neither the rim of the raster nor what lies outside the city dilutes them. They are computed by FFT in double precision.
`change` computes only what a change of the land can reach, and leaves the rest as it is, bit by bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, BoolArray, FloatArray, checked, finite, numbers, quotient
from geo.errors import InputError, Problem
from geo.vegetation import grown, surviving

Window: TypeAlias = tuple[slice, slice]

D_COOL_M, MIX_M = 450.0, 550.0
# K per percentage point of crown cover: 0.4 K for 14.9 to 30 % in 93 European cities, and the range of other studies
BETA_K_PER_PP, BETA_LOW_K_PER_PP, BETA_HIGH_K_PER_PP = 0.0265, 0.01, 0.05
# wet-bulb globe temperature from which a quarter, a half and three quarters of the working time are lost
LIGHT_WORK_C, HEAVY_WORK_C = (31.5, 32.0, 32.5), (27.5, 29.5, 31.5)
SMALL_SHARE, SMALL_LIMIT_K = 0.01, 1.0
REACH = 5  # kernels end at this many times their distance
_ROUNDING_K = 1e-9


@dataclass(frozen=True)
class Setting:
    """Figures of one model run.

    Attributes
    ----------
    cell_m
        Width of the square cells.
    t_ref_c
        Air temperature outside the city, where nothing adds to it.
    uhi_max_k
        What a city without any cooling adds to it.
    d_cool_m, mix_m
        Distance over which green cools, and over which air mixes.
    threshold_ha
        Green within `d_cool_m` from which on it cools its surroundings.
    night
        Whether the capacity is that of the night; kept with the result, so that day and night are not compared.
    """

    cell_m: float
    t_ref_c: float
    uhi_max_k: float
    d_cool_m: float = D_COOL_M
    mix_m: float = MIX_M
    threshold_ha: float = 2.0
    night: bool = False

    def __post_init__(self) -> None:
        checked(
            Argument("cell_m", self.cell_m, above=0),
            Argument("t_ref_c", self.t_ref_c, low=-50, high=60),
            Argument("uhi_max_k", self.uhi_max_k, low=0, high=20),
            Argument("d_cool_m", self.d_cool_m, above=0),
            Argument("mix_m", self.mix_m, above=0),
            Argument("threshold_ha", self.threshold_ha, low=0),
        )
        problems = [
            Problem("cell_m", f"cells of {self.cell_m:g} m do not resolve {name} {reach:g} m", "Give finer cells.")
            for name, reach in (("d_cool_m", self.d_cool_m), ("mix_m", self.mix_m))
            if round(reach / self.cell_m) < 1
        ]
        if problems:
            raise InputError(problems)

    @property
    def d_cool_px(self) -> int:
        """Distance over which green cools, in cells."""
        return round(self.d_cool_m / self.cell_m)

    @property
    def mix_px(self) -> int:
        """Distance over which air mixes, in cells."""
        return round(self.mix_m / self.cell_m)

    @property
    def cell_ha(self) -> float:
        """Area of a cell."""
        return self.cell_m**2 / 1e4


@dataclass(frozen=True)
class Cooling:
    """Air of a city, shape (rows, columns) throughout; NaN where there is no data.

    Attributes
    ----------
    setting
        Figures of the run.
    cc, green
        Cooling capacity, 0 to 1, and whether a cell is green (never where there is no data).
    green_ha
        Green within `d_cool_m`, the cell itself included.
    park_cc
        Cooling capacity of the green around.
    hm
        Heat mitigation, 0 to 1.
    t_air_c
        Air temperature.
    park_norm, mix_norm
        Weights of the cells with data around each: what the two means divide by.
    """

    setting: Setting
    cc: FloatArray
    green: BoolArray
    green_ha: FloatArray
    park_cc: FloatArray
    hm: FloatArray
    t_air_c: FloatArray
    park_norm: FloatArray
    mix_norm: FloatArray

    @property
    def anomaly_k(self) -> FloatArray:
        """How much warmer the air is than outside the city, 0 to `uhi_max_k`."""
        return np.asarray(self.t_air_c - self.setting.t_ref_c)

    @property
    def night(self) -> bool:
        """Whether this is the night."""
        return self.setting.night


def cooling_capacity(
    shade: ArrayLike, albedo: ArrayLike, eti: ArrayLike, *, weights: Sequence[float] = (0.6, 0.2, 0.2)
) -> FloatArray:
    """Cooling capacity of each cell by day.

    Parameters
    ----------
    shade, albedo
        Share under trees of 2 m and more, and reflected share of sunlight, 0 to 1; NaN is a cell without data.
    eti
        Evaporation index ``Kc ET0 / ET_max``; the crop coefficient Kc where one ET0 holds for the whole city.
    weights
        Of the three, at least 0; divided by their sum.

    Returns
    -------
    FloatArray
        Shape of the rasters; NaN where one of the three has no data.

    Raises
    ------
    InputError
        Values out of range, shapes that do not fit, or weights that are not three or sum to zero.
    """
    shares = finite("weights", weights, minimum=0)
    if shares.shape != (3,) or not shares.sum() > 0:
        what = f"{shares.tolist()} are not three weights with a sum above 0"
        raise InputError(Problem("weights", what, "Give those of shade, albedo and evaporation."))
    shares = shares / shares.sum()
    layers = _cells(
        Argument("shade", shade, low=0, high=1),
        Argument("albedo", albedo, low=0, high=1),
        Argument("eti", eti, low=0, high=1.5),
    )
    return np.asarray(shares[0] * layers[0] + shares[1] * layers[1] + shares[2] * layers[2])


def night_cooling_capacity(building_intensity: ArrayLike) -> FloatArray:
    """Cooling capacity by night: what is not built.

    Parameters
    ----------
    building_intensity
        Floor area per ground, scaled to 0 to 1 over the city; NaN is a cell without data.

    Raises
    ------
    InputError
        Values outside 0 to 1.
    """
    return np.asarray(1 - _cells(Argument("building_intensity", building_intensity, low=0, high=1))[0])


def air_temperature(  # noqa: PLR0913 - figures of the model, each with its own unit
    cc: ArrayLike,
    green: ArrayLike,
    cell_m: float,
    *,
    t_ref_c: float,
    uhi_max_k: float,
    d_cool_m: float = D_COOL_M,
    mix_m: float = MIX_M,
    threshold_ha: float = 2.0,
    night: bool = False,
) -> Cooling:
    """Compute the air temperature of a city.

    A raster of 2,800 x 2,800 cells of 10 m takes 4 to 5 s of one core. The result holds 57 bytes a cell (0.45 GB), the
    way to it 135 (1.1 GB).

    Parameters
    ----------
    cc
        Cooling capacity, shape (rows, columns), 0 to 1; NaN is a cell without data.
    green
        1 for cells of green, 0 for others, of the same shape; NaN is a cell without data. A cell that lacks either
        takes no part, and its temperature is NaN.
    cell_m
        Width of the square cells.
    t_ref_c, uhi_max_k, d_cool_m, mix_m, threshold_ha, night
        As in `Setting`.

    Raises
    ------
    InputError
        Values out of range, rasters of different shapes or without any data, cells wider than the distances.
    """
    from scipy.signal import oaconvolve  # noqa: PLC0415 - slow to import

    setting = Setting(cell_m, t_ref_c, uhi_max_k, d_cool_m, mix_m, threshold_ha, night)
    capacity, flags = _layers(cc, green)
    missing = np.isnan(capacity) | np.isnan(flags)
    _check_layers("", capacity, flags, ~missing)
    if missing.all():
        raise InputError(Problem("cc, green", "have no cell with data in both", "Check nodata and the extent."))
    capacity, is_green = np.where(missing, np.nan, capacity), (flags == 1) & ~missing
    data, shape = np.where(missing, 0.0, 1.0), capacity.shape

    cool, mix = _kernel(setting.d_cool_px, shape), _kernel(setting.mix_px, shape)
    park_norm = np.where(missing, np.nan, oaconvolve(data, cool, mode="same"))
    park_cc = np.maximum(oaconvolve(np.where(is_green, capacity, 0.0), cool, mode="same"), 0.0) / park_norm
    count = np.rint(oaconvolve(is_green.astype(np.float64), _disc(setting.d_cool_px, shape), mode="same"))
    green_ha = np.where(missing, np.nan, count * setting.cell_ha)
    hm = _mitigation(capacity, park_cc, green_ha, setting)

    mix_norm = np.where(missing, np.nan, oaconvolve(data, mix, mode="same"))
    mixed = oaconvolve(np.where(missing, 0.0, hm), mix, mode="same") / mix_norm
    t_air_c = setting.t_ref_c + (1 - mixed) * setting.uhi_max_k
    return Cooling(setting, capacity, is_green, green_ha, park_cc, hm, t_air_c, park_norm, mix_norm)


def changed_cells(before: Cooling, cc_after: ArrayLike, green_after: ArrayLike) -> BoolArray:
    """Say which cells have another cooling capacity or another use than before.

    Parameters
    ----------
    before
        A run.
    cc_after, green_after
        As for `air_temperature`, with data in the same cells.

    Raises
    ------
    InputError
        Another shape, data in other cells, or values out of range.
    """
    return _compared(before, cc_after, green_after)[2]


def change(before: Cooling, cc_after: ArrayLike, green_after: ArrayLike) -> Cooling:
    """Compute the air after a change of the land, from the air before.

    The sums behind both means are linear, so only the difference is spread: from the cells that changed as far as green
    cools, from there as far as air mixes, 5 (d_cool + mix) in all. Cells beyond keep every bit. For a park in a raster
    of 2,800 x 2,800 cells of 10 m that takes 0.4 s of one core, a quarter of it to copy the rasters.

    Parameters
    ----------
    before, cc_after, green_after
        As for `changed_cells`.

    Returns
    -------
    Cooling
        The same as `air_temperature` would give, to 1e-9. Rasters that do not change are shared with `before`.

    Raises
    ------
    InputError
        As for `changed_cells`.
    """
    cc, green, changed = _compared(before, cc_after, green_after)
    if not changed.any():
        return before
    setting, shape = before.setting, cc.shape
    cool = _kernel(setting.d_cool_px, shape)
    box = _box(changed)
    is_green, was_green = green[box].astype(np.float64), before.green[box].astype(np.float64)
    more = np.where(changed[box], is_green * cc[box] - was_green * before.cc[box], 0.0)
    near, added = _spread(more, changed, box, cool, REACH * setting.d_cool_px)
    park_cc = before.park_cc.copy()
    park_cc[near] = np.maximum(park_cc[near] + added / before.park_norm[near], 0.0)

    close, counted = _spread(is_green - was_green, changed, box, _disc(setting.d_cool_px, shape), setting.d_cool_px)
    green_ha = before.green_ha.copy()
    green_ha[close] = (np.rint(green_ha[close] / setting.cell_ha) + np.rint(counted)) * setting.cell_ha

    hm = before.hm.copy()
    hm[near] = _mitigation(cc[near], park_cc[near], green_ha[near], setting)
    moved = np.zeros(shape, np.bool_)
    moved[near] = (hm[near] != before.hm[near]) & ~np.isnan(hm[near])
    t_air_c = before.t_air_c
    if moved.any():
        box = _box(moved)
        more = np.where(moved[box], hm[box] - before.hm[box], 0.0)
        far, added = _spread(more, moved, box, _kernel(setting.mix_px, shape), REACH * setting.mix_px)
        t_air_c = t_air_c.copy()
        t_air_c[far] -= added / before.mix_norm[far] * setting.uhi_max_k
    return replace(before, cc=cc, green=green, green_ha=green_ha, park_cc=park_cc, hm=hm, t_air_c=t_air_c)


def check_cooling(
    delta_k: ArrayLike,
    changed: BoolArray,
    cell_m: float,
    *,
    uhi_max_k: float,
    d_cool_m: float = D_COOL_M,
    mix_m: float = MIX_M,
) -> None:
    """Refuse a change of temperature that a change of the land cannot have made.

    Heat mitigation lies between 0 and 1, so the air of every cell lies between T_ref and T_ref + UHI_max, and so does
    any mean of it: **no cell changes by more than UHI_max**. A cell farther than 5 (d_cool + mix) from all that changed
    keeps its temperature, so **the city's mean changes by no more than UHI_max times the share of the city in reach**.
    The third bound is not of the model but of experience: 93 European cities, crown cover doubled *everywhere*, would
    be 0.4 K cooler. **Less than 1 % of a city does not change its mean by more than 1 K**, whatever a model says.

    Parameters
    ----------
    delta_k
        Air temperature after less before, shape (rows, columns); NaN outside the city.
    changed
        Cells whose land changed, of the same shape (`changed_cells`).
    cell_m, uhi_max_k, d_cool_m, mix_m
        As in `Setting`.

    Raises
    ------
    InputError
        Each bound that is broken, with the figure; rasters that do not fit each other or hold no data.
    """
    setting = Setting(cell_m, 0.0, uhi_max_k, d_cool_m, mix_m)
    (delta,) = _cells(Argument("delta_k", delta_k))
    if delta.ndim != 2 or delta.shape != changed.shape or np.isnan(delta).all():
        what = f"shapes {delta.shape} and {changed.shape}, {int((~np.isnan(delta)).sum())} cells with data"
        raise InputError(Problem("delta_k, changed", what, "Give two rasters of one shape, with data."))
    city = ~np.isnan(delta)
    size, mean_k, most_k = int(city.sum()), float(delta[city].mean()), float(np.abs(delta[city]).max())
    share = float((changed & city).sum() / size)
    bound_k = uhi_max_k * _share_in_reach(changed, city, REACH * (setting.d_cool_px + setting.mix_px))
    problems = []
    if most_k > uhi_max_k + _ROUNDING_K:
        what = f"a cell changes by {most_k:.2f} K, the heat island is at most {uhi_max_k:g} K"
        problems.append(Problem("delta_k", what, "Take both rasters from runs with the same setting."))
    if abs(mean_k) > bound_k + _ROUNDING_K:
        what = f"the city's mean changes by {mean_k:.3f} K, what lies in reach of the change allows {bound_k:.3f} K"
        problems.append(Problem("delta_k", what, "Mark every cell that changed, and compare runs of one setting."))
    if share < SMALL_SHARE and abs(mean_k) > SMALL_LIMIT_K:
        what = f"{share:.2%} of the city changes its mean by {mean_k:.2f} K, more than {SMALL_LIMIT_K:g} K"
        remedy = "Check the units, and that both runs have the same green but for the measure."
        problems.append(Problem("delta_k", what, remedy))
    if problems:
        raise InputError(problems)


def canopy_cooling(
    delta_canopy_share: ArrayLike, *, beta_k_per_pp: ArrayLike = BETA_K_PER_PP, age_a: ArrayLike | None = None
) -> FloatArray:
    """Change of the air temperature by a change of the crown cover: a rule of thumb where no land cover is at hand.

    Parameters
    ----------
    delta_canopy_share
        Crown cover after less before, -1 to 1, as a share of the area; of planted trees, when they are grown.
    beta_k_per_pp
        K per percentage point; `BETA_LOW_K_PER_PP` and `BETA_HIGH_K_PER_PP` are the ends of the range. Of air, not of
        surfaces, which change several times as much.
    age_a
        Years since planting: crowns grow for 25 years, and some trees die. Without it, trees are grown. Crowns that are
        lost are lost at once.

    Returns
    -------
    FloatArray
        K in the common shape, below 0 where it cools.

    Raises
    ------
    InputError
        Missing values, or values out of range.
    """
    delta, beta, age = checked(
        Argument("delta_canopy_share", delta_canopy_share, low=-1, high=1),
        Argument("beta_k_per_pp", beta_k_per_pp, low=0, high=0.2),
        Argument("age_a", 0.0 if age_a is None else age_a, low=0),
    )
    living = np.ones_like(age) if age_a is None else grown(age) * surviving(age)
    return np.asarray(-100 * beta * delta * np.where(delta > 0, living, 1.0))


@dataclass(frozen=True)
class Exposed:
    """Residents of a city's hottest cells.

    Attributes
    ----------
    threshold_k
        Anomaly above which a cell counts.
    people
        Residents of these cells.
    known
        Residents of all cells with an anomaly.
    unknown
        Residents of cells without one: neither exposed nor not.
    """

    threshold_k: float
    people: float
    known: float
    unknown: float


def exposed_people(
    anomaly_k: ArrayLike, people: ArrayLike, percentile: float = 80, *, threshold_k: float | None = None
) -> Exposed:
    """Count the residents of cells that are warmer than most of the city.

    Parameters
    ----------
    anomaly_k
        Anomaly of each cell; NaN outside the city.
    people
        Residents of each cell, 0 where nobody lives; NaN only outside the city.
    percentile
        Of the cells with an anomaly, each counted alike.
    threshold_k
        Limit to use instead. Give that of the state before to see what a measure does: the warmest fifth of a city is
        a fifth after any measure.

    Raises
    ------
    InputError
        Negative or missing residents, no cell with an anomaly, or a percentile outside 0 to 100.
    """
    anomaly, residents = _cells(Argument("anomaly_k", anomaly_k), Argument("people", people, low=0))
    (rank,) = checked(Argument("percentile", percentile, low=0, high=100))
    known = ~np.isnan(anomaly)
    problems = []
    if not known.any():
        problems.append(Problem("anomaly_k", "has no cell with data", "Check nodata and the extent."))
    if lost := int((known & np.isnan(residents)).sum()):
        problems.append(Problem("people", f"{lost} cells of the city are missing", "Fill in 0 where nobody lives."))
    if problems:
        raise InputError(problems)
    limit = float(np.percentile(anomaly[known], rank) if threshold_k is None else threshold_k)
    hot = known & (anomaly > limit)
    return Exposed(limit, *(float(np.nansum(residents[cells])) for cells in (hot, known, ~known)))


def wbgt(t_c: ArrayLike, rh_pct: ArrayLike) -> FloatArray:
    """Wet-bulb globe temperature in the shade, in °C (Australian Bureau of Meteorology's approximation).

    Parameters
    ----------
    t_c
        Air temperature, -40 to 60 °C; NaN is a cell without data.
    rh_pct
        Relative humidity, 0 to 100 %.

    Raises
    ------
    InputError
        Values out of range.
    """
    air, humidity = _cells(Argument("t_c", t_c, low=-40, high=60), Argument("rh_pct", rh_pct, low=0, high=100))
    vapour_hpa = humidity / 100 * 6.105 * np.exp(17.27 * air / (237.7 + air))
    return np.asarray(0.567 * air + 0.393 * vapour_hpa + 3.94)


def work_loss(wbgt_c: ArrayLike, *, heavy: bool) -> FloatArray:
    """Share of working time lost to heat: 0, 0.25, 0.5 or 0.75; NaN where there is no data.

    Parameters
    ----------
    wbgt_c
        Wet-bulb globe temperature, as `wbgt` returns it.
    heavy
        Whether the work is heavy; each step begins at 27.5, 29.5 and 31.5 °C, for light work at 31.5, 32 and 32.5 °C.
    """
    (felt,) = _cells(Argument("wbgt_c", wbgt_c))
    steps = HEAVY_WORK_C if heavy else LIGHT_WORK_C
    return np.where(np.isnan(felt), np.nan, np.searchsorted(steps, felt, side="right") / 4)


def biophysics(
    class_index: ArrayLike, classes: Sequence[str], columns: Mapping[str, ArrayLike]
) -> dict[str, FloatArray]:
    """Look the figures of each cell's land cover up.

    Parameters
    ----------
    class_index
        Position of each cell's class in `classes`; NaN is a cell without data.
    classes
        Names of the classes, in the order of the table.
    columns
        Figures by class, such as shade, albedo, kc, sealed share, green: one finite number for each.

    Returns
    -------
    dict
        A raster for each column, under its name; NaN where the class is.

    Raises
    ------
    InputError
        A cell whose number is no class, or a column that does not fit; the classes are listed.
    """
    (index,) = _cells(Argument("class_index", class_index))
    tables = {name: finite(name, column, size=len(classes)) for name, column in columns.items()}
    missing = np.isnan(index)
    strange = ~missing & ((index != np.floor(index)) | (index < 0) | (index >= len(classes)))
    if strange.any():
        found = ", ".join(f"{value:g}" for value in np.unique(index[strange])[:10])
        listed = ", ".join(f"{position} {name}" for position, name in enumerate(classes))
        what = f"{int(strange.sum())} cells have no known class: {found}"
        raise InputError(Problem("class_index", what, f"Classes are {listed or 'none'}. Mark no data as NaN."))
    position = np.where(missing, len(classes), index).astype(np.intp)
    return {name: np.append(column, np.nan)[position] for name, column in tables.items()}


def _cells(*arguments: Argument) -> tuple[FloatArray, ...]:
    """Check rasters as `checked` does, but let cells without data (NaN) pass; a single number must be there."""
    rasters = [numbers(one.values) for one in arguments]
    filled = [
        one
        if raster is None or raster.ndim == 0
        else replace(one, values=np.nan_to_num(raster, posinf=np.inf, neginf=-np.inf))
        for one, raster in zip(arguments, rasters, strict=True)
    ]
    checked(*filled)
    return tuple(np.broadcast_arrays(*(raster for raster in rasters if raster is not None)))


def _layers(cc: ArrayLike, green: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Take cooling capacity and green as two rasters of one shape; their values are not looked at."""
    capacity, flags = numbers(cc), numbers(green)
    if capacity is None or flags is None or capacity.ndim != 2 or capacity.shape != flags.shape or not capacity.size:
        shapes = " and ".join("no numbers" if one is None else str(one.shape) for one in (capacity, flags))
        what = f"are no rasters of one shape: {shapes}"
        raise InputError(Problem("cc, green", what, "Give rows and columns of numbers, both on one grid."))
    return capacity, flags


def _check_layers(suffix: str, capacity: FloatArray, flags: FloatArray, cells: BoolArray) -> None:
    """Refuse values that are no capacity, or neither green nor not, in the cells marked."""
    values, marks = capacity[cells], flags[cells]
    problems = []
    for name, wrong, what, remedy in (
        ("cc", (values < 0) | (values > 1), "outside 0 to 1", "Give it as `cooling_capacity` returns it."),
        ("green", (marks != 0) & (marks != 1), "neither 0 nor 1", "Decide which cells are green."),
    ):
        if wrong.any():
            row, column = np.argwhere(cells)[wrong.argmax()].tolist()
            problems.append(Problem(f"{name}{suffix}[{row}, {column}]", f"{int(wrong.sum())} cells are {what}", remedy))
    if problems:
        raise InputError(problems)


def _compared(before: Cooling, cc_after: ArrayLike, green_after: ArrayLike) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Capacity and green after, and which cells changed; only these are checked."""
    capacity, flags = _layers(cc_after, green_after)
    if capacity.shape != before.cc.shape:
        what = f"have shape {capacity.shape}, before {before.cc.shape}"
        raise InputError(Problem("cc_after, green_after", what, "Give the same raster, with the measure in it."))
    missing = np.isnan(before.cc)
    others = (np.isnan(capacity) | np.isnan(flags)) != missing
    if others.any():
        row, column = np.argwhere(others)[0].tolist()
        what = f"{int(others.sum())} cells have data only before or only after"
        remedy = "A measure does not move the city's border; compute both states with air_temperature."
        raise InputError(Problem(f"cc_after, green_after[{row}, {column}]", what, remedy))
    changed = ((capacity != before.cc) | (flags != before.green)) & ~missing
    _check_layers("_after", capacity, flags, changed)
    return np.where(missing, np.nan, capacity), (flags == 1) & ~missing, changed


def _mitigation(cc: FloatArray, park_cc: FloatArray, green_ha: FloatArray, setting: Setting) -> FloatArray:
    return np.where(green_ha < setting.threshold_ha, cc, np.maximum(cc, park_cc))


def _distance(radius_px: int, shape: tuple[int, ...]) -> FloatArray:
    """Distance from the middle, in cells, as far as a kernel reaches and the raster is large."""
    y, x = (np.arange(-reach, reach + 1) for reach in (min(radius_px, size - 1) for size in shape))
    return np.asarray(np.hypot(y[:, None], x[None, :]))


def _kernel(d_px: int, shape: tuple[int, ...]) -> FloatArray:
    distance = _distance(REACH * d_px, shape)
    return np.where(distance <= REACH * d_px, np.exp(-distance / d_px), 0.0)


def _disc(radius_px: int, shape: tuple[int, ...]) -> FloatArray:
    return (_distance(radius_px, shape) <= radius_px).astype(np.float64)


def _box(cells: BoolArray) -> Window:
    """Rows and columns that hold all of the cells marked."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _grown(box: Window, by: Sequence[int], shape: Sequence[int]) -> Window:
    first, second = (
        slice(max(side.start - more, 0), min(side.stop + more, size))
        for side, more, size in zip(box, by, shape, strict=True)
    )
    return first, second


def _near(cells: BoolArray, window: Window, radius_px: int) -> BoolArray:
    """Which cells of a window are as near to one of the marked."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - slow to import

    return np.asarray(distance_transform_edt(~cells[window]) <= radius_px)


def _spread(
    more: FloatArray, cells: BoolArray, box: Window, kernel: FloatArray, radius_px: int
) -> tuple[Window, FloatArray]:
    """Spread what was added to the cells of a box; give the window that it reaches, and 0 where it does not.

    An FFT leaves noise everywhere: cells out of reach must not take it over.
    """
    from scipy.signal import oaconvolve  # noqa: PLC0415 - slow to import

    reach = [side // 2 for side in kernel.shape]
    window = _grown(box, reach, cells.shape)
    whole = oaconvolve(more, kernel, mode="full")  # its first cell lies `reach` before the box
    starts = [side.start - by for side, by in zip(box, reach, strict=True)]
    cut = tuple(slice(side.start - start, side.stop - start) for side, start in zip(window, starts, strict=True))
    return window, np.where(_near(cells, window, radius_px), whole[cut], 0.0)


def _share_in_reach(changed: BoolArray, city: BoolArray, radius_px: int) -> float:
    if not changed.any():
        return 0.0
    window = _grown(_box(changed), (radius_px, radius_px), changed.shape)
    return float(quotient((_near(changed, window, radius_px) & city[window]).sum(), city.sum()))
