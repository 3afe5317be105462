"""Sentinel-1 and PALSAR-2 over a chip: latents, scattering, misregistration, speckle and noise, and dry references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from floodfuse.catalogs.simulated import lookup, resampling
from floodfuse.catalogs.simulated.chip_landscape import MARGIN, Codes, Ground
from floodfuse.catalogs.simulated.cover import TREES
from floodfuse.catalogs.simulated.fields import FloatArray
from floodfuse.catalogs.simulated.latents import CLASS_OF_STATE, Departures, Field
from floodfuse.catalogs.simulated.multilook import multilook
from floodfuse.catalogs.simulated.spline import draw

SHIFT_SD_PX = 0.4
"""Spread of misregistration, pixels of 10 m (harmonization.md 9)."""
_LONGEST_SHIFT_PX = 1.2
_CALIBRATION_SD_DB = 0.33  # harmonization.md 1.2
_SHELTER = 1.3  # in sd of the logarithm of wind: by how much woods all around calm it
_SHELTER_PX = 12


class ChipRadar(NamedTuple):
    """What is fixed about a radar; levels in dB, angles in degrees, pairs are ranges to draw from.

    Attributes
    ----------
    band
        "C" or "L".
    names
        Of the polarizations, the copolarized first.
    angle_deg, angle_span_deg
        At the middle of a chip, and from its near to its far edge.
    nesz_db
        Receiver noise of each polarization as sigma0.
    looks
        Equivalent looks to choose from.
    correlation
        Of intensities one pixel of the product apart.
    coarse
        Whether the product's pixels are 25 m, then resampled to 10 m bilinearly.
    noise_removed
        Whether the expected noise is subtracted, so that values may be negative.
    hours
        When it may pass, hours after product time.
    """

    band: str
    names: tuple[str, str]
    angle_deg: tuple[float, float]
    angle_span_deg: float
    nesz_db: tuple[tuple[float, float], tuple[float, float]]
    looks: tuple[float, ...]
    correlation: float
    coarse: bool
    noise_removed: bool
    hours: tuple[float, float]


SENTINEL1 = ChipRadar(
    band="C",
    names=("vv", "vh"),
    angle_deg=(30.0, 45.0),
    angle_span_deg=0.18,
    nesz_db=((-27.0, -22.5), (-28.5, -23.5)),
    looks=(4.4, 4.6, 4.9),
    correlation=0.46,
    coarse=False,
    noise_removed=True,
    hours=(-60.0, 36.0),
)
PALSAR2 = ChipRadar(
    band="L",
    names=("hh", "hv"),
    angle_deg=(28.5, 43.5),
    angle_span_deg=0.30,
    nesz_db=((-31.0, -25.0), (-35.0, -28.0)),
    looks=(8.0, 12.0, 16.0, 24.0),
    correlation=0.32,
    coarse=True,
    noise_removed=False,
    hours=(-72.0, 48.0),
)


@dataclass(frozen=True)
class RadarChip:
    """What a radar shows of a chip.

    Attributes
    ----------
    gamma0
        Linear gamma0 by polarization; with Sentinel-1 less the expected noise, so possibly negative, with PALSAR-2 noise
        and all.
    reference
        The same of the dry ground before, mean over `reference_dates` passes of the same orbit.
    incidence_deg
        Over flat ground.
    truth
        `EvidenceClass` when the radar passed.
    hours
        When that was, hours after product time.
    looks
        Equivalent number of looks of a native pixel of `gamma0`; that of `reference` is `reference_dates` times it.
    nesz_db
        Receiver noise as sigma0, by polarization.
    noise_removed
        Whether the noise was subtracted, in `gamma0` and in `reference`.
    shift_px
        Misregistration (down, right), pixels of 10 m: where it shows what lies that much up and left. Of `reference` too.
    """

    gamma0: dict[str, FloatArray]
    reference: dict[str, FloatArray]
    incidence_deg: FloatArray
    truth: Codes
    hours: float
    looks: float
    reference_dates: int
    nesz_db: dict[str, float]
    noise_removed: bool
    shift_px: tuple[float, float]


def draw_shift(rng: np.random.Generator) -> tuple[float, float]:
    """Misregistration (down, right) of a sensor, pixels: sd 0.4, at most 1.2."""
    down, right = np.clip(SHIFT_SD_PX * rng.standard_normal(2), -_LONGEST_SHIFT_PX, _LONGEST_SHIFT_PX)
    return float(down), float(right)


def latent_fields(ground: Ground, rng: np.random.Generator) -> FloatArray:
    """Standard normal fields in the order of `latents.Field`; wind calmed by woods around. (field, y, x)"""
    side = len(ground.cover)
    window = (0, side), (0, side)
    fields = np.empty((len(Field), side, side), np.float32)
    number = ground.parcels.number
    uneven = draw(side, 12.0, rng).window(*window)
    fields[Field.PARCEL_A] = np.float32(0.88) * ground.parcels.normal[0][number] + np.float32(0.47) * uneven
    fields[Field.PARCEL_B] = np.float32(0.88) * ground.parcels.normal[1][number] - np.float32(0.47) * uneven
    for field, length in ((Field.WET, 60.0), (Field.STAND, 15.0), (Field.CROWN, 25.0), (Field.WIND, 45.0)):
        fields[field] = draw(side, length, rng).window(*window)
    trees = (ground.cover == TREES).astype(np.float32)
    around = resampling.coarsened(trees, 0.0, 0.0, float(_SHELTER_PX))
    fields[Field.WIND] -= np.float32(_SHELTER) * resampling.refined(
        around, 0.0, 0.0, float(_SHELTER_PX), side
    )
    return fields


def texture_fields(side: int, rng: np.random.Generator) -> FloatArray:
    """Standard normal texture of both polarizations, which share most of it: stands, and single trees and houses."""
    window = (0, side), (0, side)
    wide, single, own = (draw(side, length, rng).window(*window) for length in (12.0, 3.0, 6.0))
    common = np.float32(0.56) * wide + np.float32(0.571) * single
    return np.stack([common + np.float32(0.6) * own, common - np.float32(0.6) * own])


def observe(
    radar: ChipRadar,
    world: str,
    ground: Ground,
    fields: FloatArray,
    departures: Departures,
    rng: np.random.Generator,
) -> RadarChip:
    """What a radar shows of the ground, flooded and before.

    Scattering is taken at the angle of the middle of the chip; across it the angle changes by 0.3 degrees at most, which
    is less than 0.1 dB of water.
    """
    hours, angle = rng.uniform(*radar.hours), rng.uniform(*radar.angle_deg)
    nesz_db = [rng.uniform(*limits) for limits in radar.nesz_db]
    looks = float(rng.choice(radar.looks))
    dates = int(rng.integers(1, 9))
    shift = draw_shift(rng)
    usual = {
        "moisture": -0.2 + 0.3 * rng.standard_normal() / np.sqrt(dates),
        "wind": 0.5 * rng.standard_normal() / np.sqrt(dates),
    }
    gain = 10.0 ** (_CALIBRATION_SD_DB * rng.standard_normal() / 10.0)
    phase = rng.uniform(0.0, resampling.COARSE_PX, 2)
    turn = rng.uniform(0.0, 2.0 * np.pi)
    texture = texture_fields(len(ground.cover), rng)
    noise = [gain * 10.0 ** (level / 10.0) / np.cos(np.radians(angle)) for level in nesz_db]
    state = ground.states_at(hours)
    images = []
    for at_pass, shifts, count in ((state, {}, 1), (ground.states_at(0.0, flooded=False), usual, dates)):
        scale = lookup.scaling(departures, shifts)
        means = lookup.mean_gamma0(world, radar.band, at_pass, fields, texture, float(angle), scale)
        means *= np.float32(gain)
        images.append(
            {
                name: _image(
                    radar, mean, level, looks * count, shift, (float(phase[0]), float(phase[1])), rng
                )
                for name, mean, level in zip(radar.names, means, noise, strict=True)
            }
        )
    size = len(ground.cover) - 2 * MARGIN
    inner = slice(MARGIN, MARGIN + size)
    return RadarChip(
        gamma0=images[0],
        reference=images[1],
        incidence_deg=_ramp(size, angle, radar.angle_span_deg, turn),
        truth=CLASS_OF_STATE[state[inner, inner]],
        hours=float(hours),
        looks=looks,
        reference_dates=dates,
        nesz_db=dict(zip(radar.names, map(float, nesz_db), strict=True)),
        noise_removed=radar.noise_removed,
        shift_px=shift,
    )


def _image(
    radar: ChipRadar,
    mean: FloatArray,
    noise: float,
    looks: float,
    shift: tuple[float, float],
    phase: tuple[float, float],
    rng: np.random.Generator,
) -> FloatArray:
    """The product's image of a mean power: shifted, averaged to native pixels, speckled, back on the chip's pixels."""
    size = len(mean) - 2 * MARGIN
    if not radar.coarse:
        moved = resampling.shifted(mean, *shift, MARGIN)
        image = multilook(moved, noise, looks, radar.correlation, rng)
    else:
        cells = resampling.coarsened(mean, phase[0] - shift[0], phase[1] - shift[1], resampling.COARSE_PX)
        native = multilook(cells, noise, looks, radar.correlation, rng)
        image = resampling.refined(native, phase[0] - MARGIN, phase[1] - MARGIN, resampling.COARSE_PX, size)
    return image - np.float32(noise) if radar.noise_removed else image


def _ramp(size: int, angle: float, span: float, turn: float) -> FloatArray:
    """Incidence over the chip: a ramp from near to far range."""
    line = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32) * np.float32(span)
    return (
        np.float32(angle)
        + np.float32(np.sin(turn)) * line[:, None]
        + np.float32(np.cos(turn)) * line[None, :]
    )
