"""What floodfuse says of a simulated chip: evidence of each sensor, prior, posterior and map, by the steps of the product.

The steps are those of `pipeline.weigh` and `pipeline.decide`, called with the arrays of a chip in place of files. A chip
is its own acquisition: levels of dry ground and the wind regime are told from all of it, at four native pixels a sample as in
`pipeline.calibrate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from floodfuse.catalogs.simulated.chip_radar import RadarChip
from floodfuse.catalogs.simulated.chips import Chip
from floodfuse.harmonize import decay, optical
from floodfuse.harmonize.change import combine
from floodfuse.harmonize.change_densities import change_model
from floodfuse.harmonize.classes import Decider
from floodfuse.harmonize.correlation import band_correlation, discounted
from floodfuse.harmonize.densities import GroundLevel
from floodfuse.harmonize.dry_level import DryLevel, trusted
from floodfuse.harmonize.evidence import aggregate, optical_evidence, radar_evidence
from floodfuse.harmonize.flood_rise import SAMPLE_M, rise_nats, risen, sampled, support
from floodfuse.harmonize.history import Pass, flood_llr
from floodfuse.harmonize.joint import Floor, JointTable, joint_table
from floodfuse.harmonize.radiometry import total_power, total_power_db
from floodfuse.harmonize.scene_levels import Samples, ground_levels
from floodfuse.harmonize.speckle import log_moments_db
from floodfuse.harmonize.wind_regime import WindRegime, wind_regime
from floodfuse.models.bayes import Posterior, fuse
from floodfuse.pipeline import decide, ground
from floodfuse.pipeline.exclusions import exclusions
from floodfuse.pipeline.flood_rise import total_nats
from floodfuse.pipeline.measured import Parts, optical_parts, radar_parts
from floodfuse.pipeline.smooth_ground import borne_out
from floodfuse.pipeline.weigh import Evidence

RESOLUTION_M = 10.0
BAND = {Decider.SENTINEL1: "C", Decider.ALOS2: "L"}
ALL = (Decider.SENTINEL1, Decider.ALOS2, Decider.SENTINEL2)
# Pixels of the chip to a sample of the whole: four native ones, of 10 m and of 25 m.
_SAMPLE_PX = {Decider.SENTINEL1: 4, Decider.ALOS2: 10}
_LOOKS_GAINED = {
    Decider.SENTINEL1: 1.0,
    Decider.ALOS2: 1.5,
}  # L band is interpolated (`pipeline.weigh.looks_on`)
_SAMPLE_LOOKS = 4.0  # 16 native pixels, a quarter of them independent

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """The product of a chip at hour 0: evidence by sensor, prior, posterior, exclusion bits and map."""

    evidence: dict[Decider, Evidence]
    log_share: Float32
    posterior: Posterior
    bits: NDArray[np.uint16]
    map_class: NDArray[np.uint8]


def radar_of(chip: Chip, who: Decider) -> RadarChip:
    """The radar image of a sensor."""
    return chip.sentinel1 if who is Decider.SENTINEL1 else chip.alos2


def floors_of(radar: RadarChip, who: Decider) -> tuple[Floor, ...]:
    """Channels of a radar with their noise floors, the co-polarization first."""
    return tuple(Floor(f"{BAND[who]}_{name.upper()}", level) for name, level in radar.nesz_db.items())


def looks_of(radar: RadarChip, who: Decider) -> float:
    """Looks of a pixel of the chip."""
    return radar.looks * _LOOKS_GAINED[who]


def level_angles(radar: RadarChip) -> tuple[float, float]:
    """Smallest and largest angle over the chip, which is flat to the radar."""
    return float(radar.incidence_deg.min()), float(radar.incidence_deg.max())


class Told(NamedTuple):
    """What a chip, its own acquisition, told of water and of dry ground to a radar."""

    wind: WindRegime
    levels: tuple[GroundLevel, ...]


def told_of(radar: RadarChip, who: Decider, log_share: Float32) -> Told:
    """Levels of dry ground and the wind regime, told from the whole chip.

    Parameters
    ----------
    log_share : ln prior of classes, (y, x, class)
    """
    side = _SAMPLE_PX[who]
    size = radar.incidence_deg.shape[0] // side

    def sampled(values: NDArray[np.floating]) -> Float:
        inner = values[: size * side, : size * side].astype(float)
        cells = inner.reshape(size, side, size, side, *values.shape[2:]).mean(axis=(1, 3))
        return np.asarray(cells.reshape(size * size, *values.shape[2:]))

    theta = sampled(radar.incidence_deg)
    floors, looks = floors_of(radar, who), radar.looks * _SAMPLE_LOOKS
    first, second = (
        np.asarray(total_power(sampled(power), noise, theta), float)
        for power, noise in zip(radar.gamma0.values(), subtracted_of(radar).values(), strict=True)
    )
    share = np.log(sampled(np.exp(log_share)))
    levels = ground_levels(Samples((first, second), theta, share, side * RESOLUTION_M, looks), floors)
    return Told(wind_regime((first, second), theta, floors, looks, levels=levels), levels)


@lru_cache(maxsize=4)  # both radars of a chip, with and without a reference
def _table_once(*of: Any) -> JointTable:
    return joint_table(*of)


def _table_of(radar: RadarChip, who: Decider, told: Told) -> JointTable:
    floors, looks = floors_of(radar, who), looks_of(radar, who)
    return _table_once(floors, looks, told.wind.weights, 0.0, level_angles(radar), told.levels)


def radar_nats(radar: RadarChip, who: Decider, told: Told, log_share: Float32 | None = None) -> Float32:
    """Evidence of a radar at its own time, pixel by pixel, before aggregation: (y, x, class) nats.

    Parameters
    ----------
    radar, who : the image and whose it is
    told : of it by `told_of`
    log_share : ln prior of classes; where given, the image is held against the chip's dry reference
    """
    table, angles = _table_of(radar, who, told), level_angles(radar)
    powers, noise = list(radar.gamma0.values()), list(subtracted_of(radar).values())
    nats = radar_evidence(powers, noise, radar.incidence_deg, table, angles)
    return nats if log_share is None else _against_dry(radar, who, nats, told, log_share)


def _against_dry(radar: RadarChip, who: Decider, nats: Float32, told: Told, log_share: Float32) -> Float32:
    """Evidence given the chip's reference, the mean of n passes: its level has 1 / n of the variance of one."""
    floors, looks = floors_of(radar, who), looks_of(radar, who)
    model = change_model(
        floors,
        looks,
        radar.noise_removed,
        _table_of(radar, who, told),
        radar.reference_dates,
        told.wind.weights,
        levels=told.levels,
    )
    before, angles = _dry_levels(radar, who), level_angles(radar)
    return combine(nats, list(radar.gamma0.values()), before, radar.incidence_deg, model, angles, log_share)


def subtracted_of(radar: RadarChip) -> dict[str, float]:
    """Noise floor that was subtracted, linear sigma0, by polarization."""
    return {
        pol: 10.0 ** (level / 10.0) if radar.noise_removed else 0.0 for pol, level in radar.nesz_db.items()
    }


def _dry_levels(radar: RadarChip, who: Decider) -> list[DryLevel]:
    """Dry levels of the chip's channels, the co-polarization first."""
    looks = looks_of(radar, who)
    bias_db = float(log_moments_db(looks * radar.reference_dates)[0])
    before = []
    for power, noise in zip(radar.reference.values(), subtracted_of(radar).values(), strict=True):
        level = total_power_db(power, noise, radar.incidence_deg) - np.float32(bias_db)
        nothing = np.zeros_like(level)
        leverage = np.full_like(level, 1.0 / radar.reference_dates)
        before.append(trusted(DryLevel(level, nothing, nothing, leverage), looks))
    return before


def measured_of(chip: Chip, who: Decider, against_dry: bool = False) -> Parts:
    """What a sensor measured, where it saw the ground."""
    if who is Decider.SENTINEL2:
        green, nir, swir = _clear_bands(chip)
        return optical_parts(green, nir, swir)
    radar = radar_of(chip, who)
    dry_db = _dry_levels(radar, who)[0].level_db if against_dry else None
    return radar_parts(BAND[who], radar.gamma0, subtracted_of(radar), radar.incidence_deg, dry_db)


def optical_nats(chip: Chip) -> Float32:
    """Evidence of Sentinel-2 at its own time, NaN where the scene classification, widened, says cloud."""
    return optical_evidence(optical.water_evidence(*_clear_bands(chip)))


def _clear_bands(chip: Chip) -> tuple[Float32, Float32, Float32]:
    """Reflectance of green, near and short-wave infrared, NaN where the scene classification, widened, says cloud."""
    seen = optical.clear_sky(chip.sentinel2.scl, RESOLUTION_M)
    green, nir, swir = (
        np.where(seen, chip.sentinel2.reflectance[name], np.float32(np.nan))
        for name in ("green", "nir", "swir")
    )
    return green, nir, swir


def terrain_of(chip: Chip) -> xr.Dataset:
    """The chip's maps, errors and all, as the pipeline has them."""
    maps = chip.terrain
    layers = {
        "landcover": maps.landcover,
        "hand": maps.hand,
        "slope": maps.slope,
        "permanent_water": maps.permanent_water.astype(np.float32),
    }
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})


def evidence_of(
    chip: Chip, share: Float32, against_dry: bool = False, sensors: Sequence[Decider] = ALL
) -> dict[Decider, Evidence]:
    """Evidence of the sensors asked for at product time: aggregated (radar), moved there and pooled by `moved`.

    Parameters
    ----------
    share : ln prior of classes, (y, x, class)
    against_dry : whether radar images are held against their dry references
    """
    nats: dict[Decider, Float32] = {}
    for who in sensors:
        if who is Decider.SENTINEL2:
            nats[who] = optical_nats(chip)
            continue
        radar = radar_of(chip, who)
        told = told_of(radar, who, share)
        nats[who] = aggregate(radar_nats(radar, who, told, share if against_dry else None))
    return moved(chip, nats, share)


def moved(chip: Chip, nats: dict[Decider, Float32], share: Float32) -> dict[Decider, Evidence]:
    """Evidence of sensors moved from their own times to hour 0, in the form that `pipeline.decide` takes.

    Where both radars are among them, each counts for what it adds to the other.
    """
    half_life = decay.half_life_days(chip.terrain.hand)
    radars = all(who in nats for who in BAND)
    found = {}
    for who, values in nats.items():
        hours = chip.sentinel2.hours if who is Decider.SENTINEL2 else radar_of(chip, who).hours
        at_zero = decay.decay_evidence(values, decay.persistence(hours / 24.0, half_life))
        seen = np.isfinite(values[..., 0])
        age = np.where(seen, np.float32(abs(hours)), np.float32(np.nan))
        hidden = ~seen if who is Decider.SENTINEL2 else np.zeros_like(seen)
        alone = at_zero
        if radars and who in BAND:
            at_zero = discounted(at_zero, np.full(seen.shape, bands_share(chip), np.float32))
        said = Pass(who.name, hours / 24.0, flood_llr(values, share))
        hints = {}
        if who is Decider.SENTINEL2:
            hints["snow"] = (chip.sentinel2.scl == optical.SCL_SNOW).astype(np.float32)
        found[who] = Evidence(at_zero, age, hidden, {who.name: seen}, (said,), hints, alone)
    return borne_out(found, half_life)


def bands_share(chip: Chip) -> float:
    """Correlation of the bands at their distance in time; both radars see all of a chip."""
    return float(band_correlation(chip.sentinel1.hours - chip.alos2.hours))


def answer(chip: Chip, evidence: dict[Decider, Evidence], log_share: Float32) -> Answer:
    """The product of a chip from the evidence at hand; how far the flood rose is told from all of it."""
    terrain = terrain_of(chip)
    share = _with_rise(terrain, evidence, log_share)
    posterior = fuse({who: e.nats for who, e in evidence.items()}, share)
    inside = np.ones(chip.truth.shape, bool)
    seen = decide.seen_of(evidence, (share.shape[0], share.shape[1]))
    bits = exclusions(evidence, seen, posterior, terrain, inside, share)
    classes = decide.map_classes(posterior, bits, ground.permanent_water(terrain))
    return Answer(evidence, share, posterior, bits, classes)


def _with_rise(terrain: xr.Dataset, evidence: dict[Decider, Evidence], log_share: Float32) -> Float32:
    """ln prior, (y, x, class), once the chip has told how far its flood rose."""
    tells, nats = ground.has_stage(terrain), total_nats(evidence, log_share)
    at = (sampled(RESOLUTION_M), sampled(RESOLUTION_M))
    told = support(nats[at][tells[at]], log_share[at][tells[at]], SAMPLE_M)
    return risen(log_share, np.where(tells, np.float32(rise_nats(told)), np.float32(0.0)))


def prior_of(chip: Chip) -> Float32:
    """ln prior of every class from the chip's maps, (y, x, class)."""
    return ground.prior_of(terrain_of(chip), chip.truth.shape)
