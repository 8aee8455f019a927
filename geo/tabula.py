"""Net heat need of one building by TABULA's seasonal method.

Source: TABULA calculation method (IWU, 2013); reproduces the German typology's published values to 1e-13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geo.errors import InputError, Problem

HEAT_CAPACITY_AIR_WH_M3K = 0.34
KH_PER_DAY = 0.024


@dataclass(frozen=True)
class Element:
    """One part of the envelope.

    Attributes
    ----------
    area_m2
        Its area.
    u_w_m2k
        Thermal transmittance.
    b
        Temperature factor of what lies behind it: 1 outside air, 0.5 ground, 0 a heated neighbour.
    """

    area_m2: float
    u_w_m2k: float
    b: float = 1.0


@dataclass(frozen=True)
class Climate:
    """Heating season; the defaults are TABULA's German standard climate.

    Attributes
    ----------
    heating_days
        Days below the base temperature.
    outside_c, inside_c
        Mean temperatures of the season.
    sun_kwh_m2
        Irradiation of the season: horizontal, east, south, west, north.
    """

    heating_days: float = 216.0
    outside_c: float = 4.6
    inside_c: float = 20.0
    sun_kwh_m2: tuple[float, float, float, float, float] = (368.0, 260.0, 394.0, 222.0, 123.0)


@dataclass(frozen=True)
class Need:
    """Heat need and the steps to it, per m² reference area.

    Attributes
    ----------
    h_tr, h_ve
        Losses by transmission and ventilation, W/(m² K).
    reduction
        Factor for rooms and hours that are heated less.
    loss, sun, inside
        Losses, gains from the sun, from people and devices, kWh/(m² a).
    time_constant_h, exponent, ratio, used
        Time constant, exponent `a`, gains over losses, and the share of the gains that is of use.
    need
        Net need for space heat, kWh/(m² a).
    """

    h_tr: float
    h_ve: float
    reduction: float
    loss: float
    sun: float
    inside: float
    time_constant_h: float
    exponent: float
    ratio: float
    used: float
    need: float


def seasonal_need(  # noqa: PLR0913 - a building has that many figures
    elements: Sequence[Element],
    windows_m2: tuple[float, float, float, float, float],
    *,
    reference_m2: float,
    small: bool,
    bridges_w_m2k: float = 0.1,
    air_changes_h: float = 0.6,
    room_height_m: float = 2.5,
    glazing: float = 0.75,
    climate: Climate | None = None,
) -> Need:
    """Net heat need of a building.

    Parameters
    ----------
    elements
        Envelope; windows and doors are in it.
    windows_m2
        Window area: horizontal, east, south, west, north.
    reference_m2
        Reference area (TABULA: 1.1 x living area), not living area.
    small
        Houses of one or two dwellings and terraced houses are heated less evenly than blocks of flats.
    bridges_w_m2k
        Surcharge for thermal bridges, on every element, also those with `b` = 0.
    air_changes_h
        By use (0.4) and infiltration (0.2 medium, 0.1 low), 1/h.
    room_height_m
        Height of the heated rooms.
    glazing
        Total solar energy transmittance of the glazing, 0..1.
    climate
        German standard climate when None.

    Raises
    ------
    InputError
        No reference area, or no envelope: there would be nothing to lose heat through.
    """
    sky = climate or Climate()
    if reference_m2 <= 0 or not any(e.area_m2 > 0 for e in elements):
        raise InputError(Problem("building", "has no reference area or no envelope", "Give areas above 0."))
    h_tr = sum(e.b * e.area_m2 * e.u_w_m2k for e in elements) + bridges_w_m2k * sum(e.area_m2 for e in elements)
    h_tr /= reference_m2
    h_ve = HEAT_CAPACITY_AIR_WH_M3K * air_changes_h * room_height_m
    reduction = _reduction(h_tr, *((0.90, 0.80) if small else (0.95, 0.85)))
    loss = KH_PER_DAY * (h_tr + h_ve) * reduction * sky.heating_days * (sky.inside_c - sky.outside_c)
    shading = (0.8, 0.6, 0.6, 0.6, 0.6)
    light = sum(f * a * i for f, a, i in zip(shading, windows_m2, sky.sun_kwh_m2, strict=True))
    # 30 % frame, 0.9 for light that does not fall at a right angle
    sun = glazing * (1 - 0.3) * 0.9 * light / reference_m2
    inside = KH_PER_DAY * 3.0 * sky.heating_days
    tau = 45.0 / (h_tr + h_ve)
    exponent = 0.8 + tau / 30
    ratio = (sun + inside) / loss
    # at a ratio of 1 the formula is 0/0; its limit is a / (a + 1)
    limit = abs(ratio - 1) < 1e-12
    used = exponent / (exponent + 1) if limit else (1 - ratio**exponent) / (1 - ratio ** (exponent + 1))
    return Need(
        h_tr, h_ve, reduction, loss, sun, inside, tau, exponent, ratio, used, loss - used * (sun + inside)
    )  # fmt: skip


def _reduction(h_tr: float, f1: float, f4: float) -> float:
    if h_tr >= 1:
        return f1 + (f4 - f1) * (min(h_tr, 4.0) - 1) / 3
    return f1 + (1 - f1) * (1 - h_tr) / 0.5
