"""Rain that runs off: the flow that a drain must take, and what an event leaves in the ground.

Two methods, for two questions. *Runoff coefficients* give the peak flow of a design rain (rational method). *Curve
numbers* (SCS, metric) give the depth that runs off from one event::

    S = 25400 / CN - 254,  Q = (P - 0.2 S)² / (P + 0.8 S) where P > 0.2 S, else 0

1 mm on 1 m² is 1 litre. A surface of several parts runs off the area-weighted depth of its parts: the mean of their
curve numbers gives less, because Q rises ever faster with CN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, FloatArray, checked, quotient
from geo.errors import InputError, Problem

# the most that ever fell in Germany in a day is 353 mm
MOST_RAIN_MM = 1000.0


@dataclass(frozen=True)
class Runoff:
    """What becomes of one event on each surface.

    Attributes
    ----------
    s_mm
        Depth that the surface can hold at most (potential retention).
    q_mm
        Depth that runs off, from 0 to the rain.
    retention
        Share of the rain that stays, 0 to 1; NaN where no rain fell, of which no share can be taken.
    """

    s_mm: FloatArray
    q_mm: FloatArray
    retention: FloatArray


def effective_area(area_m2: ArrayLike, psi: ArrayLike) -> FloatArray:
    """Area that runs off in full: areas times their runoff coefficients, summed.

    Parameters
    ----------
    area_m2, psi
        Area in m² and runoff coefficient (0 to 1) of each surface; summed over the last axis.

    Returns
    -------
    FloatArray
        m²; divided by the whole area it is the mean coefficient.

    Raises
    ------
    InputError
        Negative or missing areas, coefficients outside 0 to 1.
    """
    area, share = checked(Argument("area_m2", area_m2, low=0), Argument("psi", psi, low=0, high=1))
    return np.asarray(np.atleast_1d(area * share).sum(axis=-1))


def peak_flow_l_s(area_m2: ArrayLike, psi: ArrayLike, rain_l_s_ha: ArrayLike) -> FloatArray:
    """Peak flow of surfaces that drain together, in litres a second.

    Parameters
    ----------
    area_m2, psi
        As for `effective_area`.
    rain_l_s_ha
        Design rain in l/(s ha), as KOSTRA-DWD gives it for a duration and return period; one, or one for each sum.

    Raises
    ------
    InputError
        As for `effective_area`, or a negative or missing rain.
    """
    effective = effective_area(area_m2, psi)
    effective, rain = checked(Argument("area_m2", effective), Argument("rain_l_s_ha", rain_l_s_ha, low=0))
    return np.asarray(effective / 1e4 * rain)


def curve_number_runoff(p_mm: ArrayLike, cn: ArrayLike) -> Runoff:
    """Depth that runs off from one event.

    Parameters
    ----------
    p_mm
        Rain of the event in mm, 0 to 1000.
    cn
        Curve number, above 0 to 100; 100 (water) lets all run off. Shapes must broadcast.

    Raises
    ------
    InputError
        Rain or curve numbers missing or out of range.
    """
    rain, number = checked(_rain(p_mm), _curve_number("cn", cn))
    hold = 25400 / number - 254
    excess = np.maximum(rain - 0.2 * hold, 0.0)
    # as a share of the excess, so that rounding never lets more run off than fell
    runoff = excess * np.divide(excess, rain + 0.8 * hold, out=np.zeros_like(excess), where=excess > 0)
    return Runoff(hold, runoff, quotient(rain - runoff, rain))


def composite_runoff_mm(p_mm: ArrayLike, cn: ArrayLike, area_m2: ArrayLike) -> FloatArray:
    """Depth that runs off from surfaces taken together: the area-weighted depth, never that of the mean curve number.

    Parameters
    ----------
    p_mm
        Rain of the event in mm, one for all.
    cn, area_m2
        Curve number and area of each surface, the mean is taken over the last axis.

    Raises
    ------
    InputError
        As for `curve_number_runoff`, or surfaces without any area.
    """
    rain, number, area = checked(_rain(p_mm), _curve_number("cn", cn), Argument("area_m2", area_m2, low=0))
    rain, number, area = (np.atleast_1d(array) for array in (rain, number, area))
    whole = area.sum(axis=-1)
    if not (whole > 0).all():
        raise InputError(Problem("area_m2", "sums to zero", "Give at least one surface with an area."))
    return np.asarray((curve_number_runoff(rain, number).q_mm * area).sum(axis=-1) / whole)


def retention_m3(p_mm: ArrayLike, cn: ArrayLike, area_m2: ArrayLike) -> FloatArray:
    """Water that each surface keeps of one event, in m³; 0 where no rain fell.

    Parameters
    ----------
    p_mm, cn
        As for `curve_number_runoff`.
    area_m2
        Area of each surface; shapes must broadcast.

    Raises
    ------
    InputError
        As for `curve_number_runoff`, or negative or missing areas.
    """
    rain, number, area = checked(_rain(p_mm), _curve_number("cn", cn), Argument("area_m2", area_m2, low=0))
    return np.asarray((rain - curve_number_runoff(rain, number).q_mm) * area / 1000)


def retained_by_change(p_mm: ArrayLike, cn_before: ArrayLike, cn_after: ArrayLike, area_m2: ArrayLike) -> FloatArray:
    """Water that a measure keeps from running off, in m³ per event and surface; below 0 where it seals.

    Parameters
    ----------
    p_mm
        Rain of the event in mm.
    cn_before, cn_after
        Curve number of each surface without and with the measure.
    area_m2
        Area that changes. What stays as it is cancels out.

    Raises
    ------
    InputError
        As for `retention_m3`.
    """
    rain, before, after, area = checked(
        _rain(p_mm),
        _curve_number("cn_before", cn_before),
        _curve_number("cn_after", cn_after),
        Argument("area_m2", area_m2, low=0),
    )
    less = curve_number_runoff(rain, before).q_mm - curve_number_runoff(rain, after).q_mm
    return np.asarray(less * area / 1000)


def _rain(p_mm: ArrayLike) -> Argument:
    return Argument("p_mm", p_mm, low=0, high=MOST_RAIN_MM, remedy="Give the rain of one event in mm, 50 say.")


def _curve_number(name: str, values: ArrayLike) -> Argument:
    remedy = "Give curve numbers above 0, at most 100; 98 is asphalt, 100 water."
    return Argument(name, values, above=0, high=100, remedy=remedy)
