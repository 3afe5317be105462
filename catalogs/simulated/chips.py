"""Training chips: a few kilometres of synthetic ground as three sensors see it, with the truth, some dozens a second.

Chips are sketches of the scenes that `archive` writes, by the same scattering models (`scattering`). Everything in them is
synthetic; no accuracy measured on them says anything about real floods (harmonization.md 9, rule 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from floodfuse.catalogs.simulated import chip_optical, chip_radar
from floodfuse.catalogs.simulated.chip_lands import Land, draw_land
from floodfuse.catalogs.simulated.chip_landscape import MARGIN, Codes, Maps, make_ground, make_maps
from floodfuse.catalogs.simulated.chip_optical import OpticalChip
from floodfuse.catalogs.simulated.chip_radar import RadarChip
from floodfuse.catalogs.simulated.fields import stream
from floodfuse.catalogs.simulated.flood import Mechanism
from floodfuse.catalogs.simulated.latents import CLASS_OF_STATE, draw_departures
from floodfuse.catalogs.simulated.worlds import world_named
from floodfuse.harmonize.classes import EvidenceClass, MapClass

SMALLEST, LARGEST = 64, 1024
MECHANISMS = tuple(kind.name.lower() for kind in Mechanism if kind is not Mechanism.NONE)
"""Names of the held-out mechanisms."""
MIXED = "mixed"
LANDS = (*(str(land) for land in Land), MIXED)
"""Names of countries, and of any of them."""


@dataclass(frozen=True)
class Chip:
    """Ground of 10 m pixels, seen by all sensors. Arrays are (y, x); images float32, codes uint8.

    Attributes
    ----------
    sentinel1, alos2
        C band (VV, VH) and L band (HH, HV), each with a dry reference and the truth at its own time.
    sentinel2
        Green, NIR, SWIR and scene classification, with the truth at its own time.
    terrain
        Maps, with their errors: HAND, slope, land cover, permanent water.
    truth
        `EvidenceClass` at product time, which is hour 0.
    map_class
        `MapClass` at product time.
    mechanism
        Code of the held-out `flood.Mechanism` laid out at each pixel, whether at work at that time or not.
    world
        Whose physics made it, "A" or "B".
    seed, dry, mechanisms
        As asked for.
    latents
        ln of the ratio of this chip's latents to their medians, by name.
    land
        The country, of `chip_lands.Land`.
    synthetic
        Always true.
    """

    sentinel1: RadarChip
    alos2: RadarChip
    sentinel2: OpticalChip
    terrain: Maps
    truth: Codes
    map_class: Codes
    mechanism: Codes
    world: str
    seed: int
    dry: bool
    mechanisms: tuple[str, ...]
    latents: dict[str, float]
    land: str
    synthetic: bool = True


def simulate_chip(
    seed: int,
    world: str = "A",
    size: int = 256,
    mechanisms: Sequence[str] = (),
    dry: bool = False,
    land: str = Land.VALLEY,
) -> Chip:
    """Simulate one chip. The same arguments always give the same values, whatever was simulated before.

    Parameters
    ----------
    seed
        0 or more. It alone sets ground, flood, clouds, times and speckle, so both worlds see the same ground, and a dry
        chip is the same ground without its flood.
    world
        Scattering models, "A" or "B".
    size
        Side in pixels of 10 m: even, 64 to 1024.
    mechanisms
        Held-out mechanisms to lay out where they fit, of `MECHANISMS`; none unless asked for.
    dry
        Without a flood: only usual water is water.
    land
        In which country, of `LANDS`; "mixed" is any of `chip_lands.OF_MIXED`, as the seed has it.

    Raises
    ------
    ValueError
        If an argument is out of range or a name is not known.
    """
    kinds = _checked(seed, size, mechanisms, land)
    world_named(world)
    country = draw_land(stream(seed, "chip/land")) if land == MIXED else Land(land)
    ground = make_ground(size, dry, kinds, stream(seed, "chip/ground"), country)
    rng = stream(seed, "chip/latents")
    departures = draw_departures(rng)
    fields = chip_radar.latent_fields(ground, rng)
    radars = [
        chip_radar.observe(radar, world, ground, fields, departures, stream(seed, f"chip/radar/{radar.band}"))
        for radar in (chip_radar.SENTINEL1, chip_radar.PALSAR2)
    ]
    inner = slice(MARGIN, MARGIN + size)
    truth = CLASS_OF_STATE[ground.states_at(0.0)[inner, inner]]
    map_class = _MAP_CLASS[truth]
    map_class[ground.permanent[inner, inner] > 0] = MapClass.PERMANENT_WATER
    return Chip(
        sentinel1=radars[0],
        alos2=radars[1],
        sentinel2=chip_optical.observe(ground, stream(seed, "chip/optical")),
        terrain=make_maps(ground, stream(seed, "chip/maps")),
        truth=truth,
        map_class=map_class,
        mechanism=ground.mechanism[inner, inner].copy(),
        world=world,
        seed=seed,
        dry=dry,
        mechanisms=tuple(mechanisms),
        latents=departures.latent,
        land=str(country),
    )


def chips(
    seed: int,
    world: str = "A",
    count: int | None = None,
    *,
    first: int = 0,
    size: int = 256,
    mechanisms: Sequence[str] = (),
    dry: bool = False,
    land: str = Land.VALLEY,
) -> Iterator[Chip]:
    """Stream chips `first`, `first` + 1, ... of a seed, without end if `count` is None.

    Chip i of a seed is the same whichever the first is and however many are asked for, so that processes may share a set.
    """
    number = first
    while count is None or number < first + count:
        yield simulate_chip(chip_seed(seed, number), world, size, mechanisms, dry, land)
        number += 1


def chip_seed(seed: int, number: int) -> int:
    """Seed of chip `number` of a set: 62 bits that depend on both.

    Raises
    ------
    ValueError
        If either is negative.
    """
    if seed < 0 or number < 0:
        raise ValueError(f"seed {seed}, chip {number}: both are whole numbers of 0 or more")
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1, np.uint64)[0] >> 2)


def _checked(seed: int, size: int, mechanisms: Sequence[str], land: str) -> tuple[Mechanism, ...]:
    if seed < 0:
        raise ValueError(f"seed {seed}: a seed is a whole number of 0 or more")
    if not SMALLEST <= size <= LARGEST or size % 2:
        raise ValueError(f"size {size}: a chip has an even number of pixels, {SMALLEST} to {LARGEST}")
    if land not in LANDS:
        raise ValueError(f"land '{land}': choose of {', '.join(LANDS)}")
    for name in mechanisms:
        if name not in MECHANISMS:
            raise ValueError(f"mechanism '{name}': choose of {', '.join(MECHANISMS)}")
    return tuple(Mechanism[name.upper()] for name in mechanisms)


_MAP_CLASS = np.full(len(EvidenceClass), MapClass.DRY_LAND, np.uint8)
_MAP_CLASS[EvidenceClass.OPEN_WATER] = MapClass.OPEN_FLOOD_WATER
_MAP_CLASS[[EvidenceClass.FLOODED_FOREST, EvidenceClass.FLOODED_HERB]] = MapClass.FLOODED_VEGETATION
_MAP_CLASS[EvidenceClass.FLOODED_URBAN] = MapClass.FLOODED_URBAN
