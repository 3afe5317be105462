"""Standing water of the floodplain: an oxbow, which the river left behind, and a lake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from floodfuse.catalogs.simulated.fields import FloatArray, smooth_field, stream
from floodfuse.catalogs.simulated.lattice import Lattice
from floodfuse.catalogs.simulated.river import River, valley_scale


@dataclass(frozen=True)
class StandingWater:
    """Where water stands apart from the river.

    Attributes
    ----------
    inside
        0 outside, rising to 1 in the middle of a water body.
    edge_distance
        Metres from the nearest shore, negative inside.
    """

    inside: FloatArray
    edge_distance: FloatArray


def make_standing_water(river: River, valley: FloatArray, lattice: Lattice, seed: int) -> StandingWater:
    """Put an oxbow and lakes where the floodplain has room between the river and the hills."""
    scale = valley_scale(lattice)
    rng = stream(seed, "standing")
    shore = 7.0 * smooth_field(lattice.size, 12.0, stream(seed, "standing/shore"))
    room = np.minimum(river.distance, 1650.0 * scale * np.maximum(1.05 - valley, 0.0))
    reach = 900.0 * scale
    distance = np.full((lattice.size, lattice.size), 1.0e4, np.float32)
    for turn in range(5):
        centre, space = _roomiest(room, lattice)
        if space < 120.0 * scale:
            break
        radius = min(0.62 * space, 330.0 * scale)
        shape = _oxbow if turn in (0, 3) else _lake
        window, offsets = _around(centre, reach, lattice)
        water = shape(*offsets, radius, max(20.0, 34.0 * scale), rng)
        distance[window] = np.minimum(distance[window], water)
        room[window] = np.minimum(room[window], np.hypot(*offsets) - np.float32(reach))
    distance = (distance + shore).astype(np.float32)
    inside = np.clip(-distance / (25.0 * max(scale, 0.5)), 0.0, 1.0).astype(np.float32)
    return StandingWater(inside, distance)


def _roomiest(room: FloatArray, lattice: Lattice) -> tuple[tuple[int, int], float]:
    """Pixel with the most room around it, away from the scene's edge, and how much that is (metres)."""
    step = max(1, lattice.size // 512)
    edge = lattice.size // 10 // step
    thin = ndimage.uniform_filter(room[::step, ::step], 5)
    inner = thin[edge:-edge, edge:-edge]
    row, column = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return (int(row + edge) * step, int(column + edge) * step), float(inner[row, column])


def _around(
    centre: tuple[int, int], reach: float, lattice: Lattice
) -> tuple[tuple[slice, slice], tuple[FloatArray, FloatArray]]:
    """The window `reach` metres about `centre`, and how many metres south and east of it its pixels lie."""
    pixels = round(reach / lattice.resolution)
    rows, columns = (slice(max(c - pixels, 0), min(c + pixels + 1, lattice.size)) for c in centre)
    south, east = (
        np.arange(part.start - c, part.stop - c, dtype=np.float32) * np.float32(lattice.resolution)
        for part, c in zip((rows, columns), centre, strict=True)
    )
    return (rows, columns), (south[:, None], east[None, :])


def _oxbow(
    south: FloatArray, east: FloatArray, radius: float, half_width: float, rng: np.random.Generator
) -> FloatArray:
    """Signed distance (m) to a horseshoe of water: part of a ring, thinning out towards its ends."""
    opening = rng.uniform(0.0, 2.0 * np.pi)
    angle = np.abs(np.angle(np.exp(1j * (np.arctan2(south, east) - opening))))
    thinning = np.clip((angle - 1.05) / 0.35, -1.0, 1.0)
    ring = np.abs(np.hypot(south, 0.85 * east) - radius)
    horseshoe: npt.NDArray[np.float32] = (ring - half_width * thinning).astype(np.float32)
    return horseshoe


def _lake(
    south: FloatArray, east: FloatArray, radius: float, half_width: float, rng: np.random.Generator
) -> FloatArray:
    """Signed distance (m) to a bean-shaped lake of about half the radius that there is room for."""
    turn = rng.uniform(0.0, np.pi)
    along = np.cos(turn) * south + np.sin(turn) * east
    across = np.cos(turn) * east - np.sin(turn) * south + along**2 / (3.0 * radius)
    bean: npt.NDArray[np.float32] = (np.hypot(along, 1.9 * across) - 0.55 * radius).astype(np.float32)
    return np.maximum(bean, -4.0 * np.float32(half_width))
