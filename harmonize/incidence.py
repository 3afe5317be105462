"""Incidence angle: how backscatter falls with it, and how sure a value is after moving it to another angle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

REFERENCE_DEG = 38.0  # middle of Sentinel-1 IW, inside PALSAR-2's flood angles
_DB_PER_NEPER = 10.0 / np.log(10.0)

Float = NDArray[np.floating]


def cosine_slope_db_deg(n: ArrayLike, incidence_deg: ArrayLike) -> Float:
    """Slope of 10 log10 cos^n(theta): -(10 n / ln 10) tan(theta) pi/180, in dB per degree."""
    theta = np.deg2rad(np.asarray(incidence_deg, dtype=float))
    return -_DB_PER_NEPER * np.asarray(n, dtype=float) * np.tan(theta) * np.pi / 180.0


def exponent_of_slope(slope_db_deg: ArrayLike, incidence_deg: ArrayLike) -> Float:
    """The n of cos^n(theta) whose slope at this angle is the given one, the inverse of `cosine_slope_db_deg`."""
    return np.asarray(slope_db_deg, dtype=float) / cosine_slope_db_deg(1.0, incidence_deg)


def gamma0_slope_db_deg(sigma0_slope_db_deg: ArrayLike, incidence_deg: ArrayLike) -> Float:
    """Slope of gamma0 [dB/deg] given that of sigma0: gamma0 lacks the cos(theta) that sigma0 carries."""
    return np.asarray(sigma0_slope_db_deg, dtype=float) - cosine_slope_db_deg(1.0, incidence_deg)


def normalise_cosine(
    power: ArrayLike, incidence_deg: ArrayLike, n: ArrayLike, reference_deg: float = REFERENCE_DEG
) -> Float:
    """Move linear power to the reference angle by (cos(reference) / cos(theta))^n (Ulaby, Moore & Fung 1982)."""
    ratio = np.cos(np.deg2rad(reference_deg)) / np.cos(np.deg2rad(np.asarray(incidence_deg, dtype=float)))
    return np.asarray(power) * ratio ** np.asarray(n, dtype=float)


def normalise_linear(
    value_db: ArrayLike,
    incidence_deg: ArrayLike,
    slope_db_deg: ArrayLike,
    reference_deg: float = REFERENCE_DEG,
) -> Float:
    """Move decibels to the reference angle along a straight line: y - beta (theta - reference)."""
    distance = np.asarray(incidence_deg, dtype=float) - reference_deg
    return np.asarray(value_db, dtype=float) - np.asarray(slope_db_deg, dtype=float) * distance


def normalised_variance(
    variance_db2: ArrayLike,
    incidence_deg: ArrayLike,
    slope_db_deg: ArrayLike,
    slope_variance: ArrayLike,
    incidence_variance: ArrayLike,
    reference_deg: float = REFERENCE_DEG,
) -> Float:
    """Variance [dB^2] after `normalise_linear`: var(y) + (theta - reference)^2 var(beta) + beta^2 var(theta)."""
    distance = np.asarray(incidence_deg, dtype=float) - reference_deg
    return (
        np.asarray(variance_db2, dtype=float)
        + distance**2 * np.asarray(slope_variance, dtype=float)
        + np.square(np.asarray(slope_db_deg, dtype=float)) * np.asarray(incidence_variance, dtype=float)
    )
