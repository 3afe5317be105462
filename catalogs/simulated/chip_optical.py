"""Sentinel-2 over a chip: mixed endmembers, clouds with their shadows, and a scene classification that misses some."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from floodfuse.catalogs.simulated import optical, resampling
from floodfuse.catalogs.simulated.chip_landscape import MARGIN, Codes, Ground
from floodfuse.catalogs.simulated.chip_radar import draw_shift
from floodfuse.catalogs.simulated.fields import BoolArray, FloatArray, smoothstep
from floodfuse.catalogs.simulated.latents import CLASS_OF_STATE
from floodfuse.catalogs.simulated.spline import draw

HOURS = (-96.0, 96.0)
OMISSION = (0.05, 0.10)
"""Share of clouded, and of shaded, pixels that the scene classification takes for clear."""
CLOUDLESS = 0.3
_VISIBLE = 0.03
_NOISE = 0.003
_CLOUD_PX = 22.0

# Per state: plants and houses that hide the ground, whether those plants are trees, share of houses among what shows
# between plants, share of water in the rest. Houses and trees hide water: only gaps between them show it.
_SHARES = np.array(
    [
        (0.00, 0.0, 0.00, 1.00),  # open water
        (0.97, 1.0, 0.00, 1.00),  # flooded forest
        (0.55, 0.0, 0.00, 1.00),  # flooded herbs
        (0.12, 0.4, 0.55, 1.00),  # flooded town
        (0.97, 1.0, 0.00, 0.00),  # dry forest
        (0.86, 0.0, 0.00, 0.00),  # low vegetation
        (0.05, 0.0, 0.00, 0.00),  # bare soil
        (0.12, 0.4, 1.00, 0.00),  # town
        (0.02, 0.0, 0.00, 0.00),  # mud flats
        (0.00, 0.0, 0.00, 1.00),  # windy lake
        (0.60, 0.0, 0.00, 1.00),  # reeds
        (0.06, 0.0, 0.00, 0.00),  # snow
    ],
    np.float32,
)
_ENDMEMBERS = np.array(
    [
        optical.TREES,
        optical.LUSH_PLANTS,
        optical.RIPE_PLANTS,
        optical.WET_SOIL,
        optical.DRY_SOIL,
        optical.ROOFS,
        optical.ASPHALT,
        optical.TURBID_WATER,
        optical.CLEAR_WATER,
        optical.SNOW,
        optical.MUD,
    ],
    np.float32,
)


@dataclass(frozen=True)
class OpticalChip:
    """What Sentinel-2 shows of a chip.

    Attributes
    ----------
    reflectance
        `green`, `nir` and `swir`; the last of 20 m pixels, repeated.
    scl
        Scene classification of 20 m pixels, repeated.
    clouded
        Where a cloud or its shadow really is, whatever `scl` says.
    cloud_share
        Share of the chip under cloud.
    omission
        Share of the clouded pixels that `scl` was made to miss.
    truth
        `EvidenceClass` when the picture was taken.
    hours
        When that was, hours after product time.
    shift_px
        Misregistration as of `chip_radar.RadarChip`.
    """

    reflectance: dict[str, FloatArray]
    scl: Codes
    clouded: BoolArray
    cloud_share: float
    omission: float
    truth: Codes
    hours: float
    shift_px: tuple[float, float]


def observe(ground: Ground, rng: np.random.Generator) -> OpticalChip:
    """What Sentinel-2 shows of the ground."""
    side = len(ground.cover)
    size = side - 2 * MARGIN
    hours, shift = float(rng.uniform(*HOURS)), draw_shift(rng)
    omission = float(rng.uniform(*OMISSION))
    state = ground.states_at(hours)
    window = (0, side), (0, side)
    gaps, roofs, mud = (draw(side, length, rng).window(*window) for length in (4.0, 3.0, 35.0))
    murk = float(rng.uniform(0.1, 0.7))
    shade_left = np.array([0.42, 0.33, 0.28], np.float32)
    opacity, shade = _clouds(side, rng)
    bands = np.empty((3, side, side), np.float32)
    _reflect(
        state,
        ground.hand,
        ground.parcels.number,
        ground.parcels.green,
        gaps,
        roofs,
        murk + np.float32(0.16) * mud,
        (opacity, shade),
        (_SHARES, _ENDMEMBERS, np.array(optical.CLOUD, np.float32), shade_left),
        bands,
    )
    seen = {}
    for name, band in zip(optical.BANDS, bands, strict=True):
        moved = resampling.shifted(band, *shift, MARGIN)
        if name == "swir":
            moved = resampling.coarsened(moved, 0.0, 0.0, 2.0)
        moved += np.float32(_NOISE) * rng.standard_normal(moved.shape, dtype=np.float32)
        np.maximum(moved, np.float32(0.001), out=moved)
        seen[name] = _doubled(moved) if name == "swir" else moved
    cloud, dark = (resampling.shifted(layer, *shift, MARGIN) for layer in (opacity, shade))
    inner = slice(MARGIN, MARGIN + size)
    return OpticalChip(
        reflectance=seen,
        scl=_classify(seen, cloud, dark, omission),
        clouded=(cloud > _VISIBLE) | (dark > _VISIBLE),
        cloud_share=float((cloud > _VISIBLE).mean()),
        omission=omission,
        truth=CLASS_OF_STATE[state[inner, inner]],
        hours=hours,
        shift_px=shift,
    )


def _clouds(side: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Opacity of clouds, and the shade they throw some hundred metres away from the sun; three chips in ten have none."""
    reach = 48
    clear = rng.random() < CLOUDLESS
    share = rng.beta(1.0, 2.2)
    down, right = (int(x) for x in rng.integers(8, reach // 2, 2))
    total = side + reach
    window = (0, total), (0, total)
    thickness = np.float32(0.9) * draw(total, 3.0 * _CLOUD_PX, rng).window(*window)
    for length, weight in ((_CLOUD_PX, 0.6), (7.0, 0.3)):
        thickness += np.float32(weight) * draw(total, length, rng).window(*window)
    if clear:
        nothing = np.zeros((side, side), np.float32)
        return nothing, nothing
    rim = np.float32(np.quantile(thickness[::4, ::4], 1.0 - share))
    opacity = smoothstep((thickness - rim) / np.float32(0.5))
    start = reach // 2
    here = np.ascontiguousarray(opacity[start : start + side, start : start + side])
    cast = opacity[start + down : start + down + side, start - right : start - right + side]
    return here, np.ascontiguousarray(cast)


@numba.njit(nogil=True, cache=True)
def _reflect(
    state: Codes,
    hand: FloatArray,
    number: npt.NDArray[np.int32],
    green: FloatArray,
    gaps: FloatArray,
    roofs: FloatArray,
    turbidity: FloatArray,
    sky: tuple[FloatArray, FloatArray],
    constants: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    bands: FloatArray,
) -> None:
    """Endmembers mixed by their shares, with grain of 5 %, in the shade of clouds and below them."""
    opacity, shade = sky
    shares, endmembers, cloud, shade_left = constants
    one, zero = np.float32(1.0), np.float32(0.0)
    mix = np.empty(len(endmembers), np.float32)
    which = np.empty(len(endmembers), np.int64)
    for y in range(state.shape[0]):
        for x in range(state.shape[1]):
            s = state[y, x]
            covered, trees, stone, wet = shares[s, 0], shares[s, 1], shares[s, 2], shares[s, 3]
            if covered > zero:
                covered = min(max(covered + np.float32(0.02) * gaps[y, x], zero), one)
            lush = green[number[y, x]]
            damp = np.exp(-max(hand[y, x] - np.float32(2.0), zero) / np.float32(2.5))
            roof = min(max(np.float32(0.45) + np.float32(0.3) * roofs[y, x], zero), one)
            murk = min(max(turbidity[y, x], zero), np.float32(0.95))
            bare = one - covered
            built = bare * stone
            water = (bare - built) * wet
            soil = bare - built - water
            plants = covered * (one - trees)
            mix[0] = covered * trees
            mix[1] = plants * lush
            mix[2] = plants * (one - lush)
            mix[3] = soil * damp
            mix[4] = soil * (one - damp)
            mix[5] = built * roof
            mix[6] = built * (one - roof)
            mix[7] = water * murk
            mix[8] = water * (one - murk)
            mix[9] = mix[10] = zero
            if s == 8 or s == 11:
                mix[10 if s == 8 else 9] = soil
                mix[3] = mix[4] = zero
            parts = 0
            for e in range(len(endmembers)):
                if mix[e] > zero:
                    which[parts] = e
                    parts += 1
            grain = one + np.float32(0.05) * roofs[y, x]
            for band in range(3):
                total = zero
                for k in range(parts):
                    total += mix[which[k]] * endmembers[which[k], band]
                total *= grain * (one - (one - shade_left[band]) * shade[y, x])
                bands[band, y, x] = total + opacity[y, x] * (cloud[band] - total)


def _doubled(coarse: FloatArray) -> FloatArray:
    """Each pixel as two by two."""
    return np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)


def _classify(bands: dict[str, FloatArray], cloud: FloatArray, dark: FloatArray, omission: float) -> Codes:
    """Classes of the clear sky by contrasts, snow, then clouds and shadows but for the thinnest, at 20 m."""
    green, nir, cloud, dark = (
        resampling.coarsened(layer, 0.0, 0.0, 2.0) for layer in (bands["green"], bands["nir"], cloud, dark)
    )
    swir = np.ascontiguousarray(bands["swir"][::2, ::2])
    scl = _clear_sky(green, nir, swir)
    shaded = _all_but_thinnest(dark, omission)
    scl[shaded & ((scl != optical.SCL_WATER) | (cloud < 0.02))] = optical.SCL_SHADOW
    clouded = _all_but_thinnest(cloud, omission)
    scl[clouded] = np.where(cloud > 0.7, optical.SCL_CLOUD_HIGH, optical.SCL_CLOUD_MEDIUM)[clouded]
    scl[clouded & (cloud < 0.12)] = optical.SCL_CIRRUS
    return np.repeat(np.repeat(scl, 2, axis=0), 2, axis=1)


@numba.njit(nogil=True, cache=True)
def _clear_sky(green: FloatArray, nir: FloatArray, swir: FloatArray) -> Codes:
    """Classes by thresholds, as those of whole scenes (`optical`), and snow (11) by its contrast of green and SWIR."""
    scl = np.empty(green.shape, np.uint8)
    for y in range(green.shape[0]):
        for x in range(green.shape[1]):
            g, n, s = green[y, x], nir[y, x], swir[y, x]
            ndwi, vigour = (g - n) / (g + n), (n - s) / (n + s)
            code = 7
            if ndwi < -0.12:
                code = 5
            if ndwi < -0.35 and vigour > -0.08:
                code = 4
            if ndwi > 0.02 and s < 0.10:
                code = 6
            if g < 0.03 and n < 0.06 and ndwi <= 0.02:
                code = 2
            if g > 0.4 and (g - s) > 0.4 * (g + s):
                code = 11
            scl[y, x] = code
    return scl


def _all_but_thinnest(layer: FloatArray, omission: float) -> BoolArray:
    visible = layer > _VISIBLE
    if not visible.any():
        return visible
    flags: BoolArray = layer > np.quantile(layer[visible], omission)
    return flags
