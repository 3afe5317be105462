"""Write a whole synthetic archive: three sensors and terrain as native products, the truth, and a STAC catalogue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from floodfuse.catalogs import static
from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale, Sensor
from floodfuse.catalogs.simulated import optical, radar
from floodfuse.catalogs.simulated.files import write_raster, write_truth
from floodfuse.catalogs.simulated.flood import Flood, make_flood
from floodfuse.catalogs.simulated.landscape import make_landscape
from floodfuse.catalogs.simulated.lattice import Lattice, scene_lattice, within

SMALLEST, LARGEST = 256, 8192
PRODUCT_TIME = datetime(2024, 3, 12, 12, 0, tzinfo=UTC)
"""The time to map. Like the place, it is invented."""
HOURS_AFTER = {Sensor.SENTINEL1: -6.0, Sensor.ALOS2: -20.0, Sensor.SENTINEL2: 30.0}
"""When each sensor saw the scene, hours after `PRODUCT_TIME`."""
PALSAR2_RESOLUTION_M = 25.0
PALSAR2_CALIBRATION_DB = -83.0
_LICENCE = "CC0-1.0"
_AOI_MARGIN_PIXELS = 6
_MSK_VALID = 1


@dataclass(frozen=True)
class Archive:
    """What `write_archive` wrote.

    Attributes
    ----------
    folder
        Holds everything below.
    catalog
        STAC catalogue, `catalog.json`.
    truth
        True map at `time`, values of `MapClass`, on the 10 m lattice.
    aoi
        Area to map, GeoJSON; its `date` property is `time`.
    time
        The time to map.
    seed
        Of the random fields.
    size
        Side of the 10 m lattice, pixels.
    """

    folder: Path
    catalog: Path
    truth: Path
    aoi: Path
    time: datetime
    seed: int
    size: int


def write_archive(folder: Path, size: int = 1024, seed: int = 0) -> Archive:
    """Simulate a flood and write it as products of Sentinel-1, PALSAR-2 and Sentinel-2, with terrain and truth.

    Parameters
    ----------
    folder
        Where to; made where there is none. Files of the same name are replaced.
    size
        Side of the scene in pixels of 10 m, even, 256 to 8192.
    seed
        The same seed and size always give the same values.

    Raises
    ------
    ValueError
        If `size` is odd or out of range, or `seed` is negative.
    """
    if not SMALLEST <= size <= LARGEST or size % 2:
        raise ValueError(
            f"size {size}: a simulated scene has an even number of pixels, {SMALLEST} to {LARGEST}"
        )
    if seed < 0:
        raise ValueError(f"seed {seed}: a seed is a whole number of 0 or more")
    scene = scene_lattice(size)
    flood = make_flood(make_landscape(scene, seed), seed)
    acquisitions = [
        _write_terrain(folder, flood),
        _write_sentinel1(folder, flood, seed),
        _write_palsar2(folder, flood, seed),
        _write_sentinel2(folder, flood, seed),
    ]
    time = PRODUCT_TIME.strftime("%Y-%m-%dT%H:%M:%SZ")
    truth = write_truth(folder / "truth.tif", flood.truth_at(), scene, time)
    aoi = _write_aoi(folder / "aoi.geojson", scene, time, seed)
    return Archive(folder, static.add(folder, acquisitions), truth, aoi, PRODUCT_TIME, seed, size)


def _when(sensor: Sensor) -> datetime:
    return PRODUCT_TIME + timedelta(hours=HOURS_AFTER[sensor])


def _write_terrain(folder: Path, flood: Flood) -> Acquisition:
    scene, maps = flood.landscape.lattice, flood.landscape.maps
    place = folder / "terrain"
    files = {
        "dem": write_raster(place / "dem.tif", {"surface height": maps.dem}, scene, nodata=-9999, units="m"),
        "hand": write_raster(
            place / "hand.tif", {"height above nearest drainage": maps.hand}, scene, nodata=-9999, units="m"
        ),
        "slope": write_raster(
            place / "slope.tif", {"slope": maps.slope}, scene, nodata=-9999, units="degree"
        ),
        "permanent_water": write_raster(
            place / "permanent_water.tif",
            {"water occurrence": maps.permanent_water},
            scene,
            nodata=255,
            units="%",
        ),
        "landcover": write_raster(
            place / "landcover.tif", {"land cover, WorldCover codes": maps.landcover}, scene, nodata=0
        ),
    }
    return Acquisition(
        id="synthetic-terrain",
        sensor=Sensor.TERRAIN,
        time=datetime(2021, 1, 1, tzinfo=UTC),
        footprint=scene.footprint(),
        assets={name: Asset(href=str(file)) for name, file in files.items()},
        licence=_LICENCE,
        synthetic=True,
    )


def _write_sentinel1(folder: Path, flood: Flood, seed: int) -> Acquisition:
    scene, product = flood.landscape.lattice, radar.SENTINEL1
    place = folder / "sentinel1"
    images = radar.observe(product, flood, HOURS_AFTER[Sensor.SENTINEL1], scene, seed)
    tags = {"TIME": _when(Sensor.SENTINEL1).isoformat(), "RADIOMETRY": "gamma0", "SCALE": "power"}
    assets = {
        name: Asset(
            href=str(
                write_raster(
                    place / f"{name}.tif", {f"gamma0 {name}": image}, scene, nodata=np.nan, tags=tags
                )
            )
        )
        for name, image in images.items()
    }
    angle = radar.incidence_deg(product, scene, scene)
    file = write_raster(
        place / "incidence.tif", {"incidence angle": angle}, scene, nodata=np.nan, units="degree"
    )
    return Acquisition(
        id="synthetic-sentinel1",
        sensor=Sensor.SENTINEL1,
        time=_when(Sensor.SENTINEL1),
        footprint=scene.footprint(),
        assets=assets | {"incidence": Asset(href=str(file))},
        radiometry=Radiometry.GAMMA0,
        scale=Scale.POWER,
        frequency_ghz=5.405,
        looks=product.looks,
        nesz_db={channel.name: channel.nesz_db for channel in product.channels},
        noise_removed=product.noise_removed,
        orbit_state="ascending",
        licence=_LICENCE,
        synthetic=True,
    )


def _write_palsar2(folder: Path, flood: Flood, seed: int) -> Acquisition:
    scene, product = flood.landscape.lattice, radar.PALSAR2
    lattice = within(scene, PALSAR2_RESOLUTION_M)
    place = folder / "palsar2"
    images = radar.observe(product, flood, HOURS_AFTER[Sensor.ALOS2], lattice, seed)
    counts = {name: radar.to_dn(image, PALSAR2_CALIBRATION_DB) for name, image in images.items()}
    tags = {"TIME": _when(Sensor.ALOS2).isoformat(), "CALIBRATION_FACTOR_DB": str(PALSAR2_CALIBRATION_DB)}
    files = {
        name: write_raster(place / f"{name}.tif", {f"DN {name}": dn}, lattice, nodata=0, tags=tags)
        for name, dn in counts.items()
    }
    centidegrees = np.rint(100.0 * radar.incidence_deg(product, lattice, scene)).astype(np.uint16)
    files["incidence"] = write_raster(
        place / "LIN.tif", {"incidence angle, 0.01 degrees": centidegrees}, lattice, nodata=0
    )
    valid = np.full(centidegrees.shape, _MSK_VALID, np.uint8)
    files["mask"] = write_raster(place / "MSK.tif", {"mask, 1 valid": valid}, lattice, nodata=0)
    return Acquisition(
        id="synthetic-palsar2",
        sensor=Sensor.ALOS2,
        time=_when(Sensor.ALOS2),
        footprint=lattice.footprint(),
        assets={name: Asset(href=str(file)) for name, file in files.items()},
        radiometry=Radiometry.GAMMA0,
        scale=Scale.DN,
        calibration_db=PALSAR2_CALIBRATION_DB,
        incidence_scale=0.01,
        mask_convention=MaskConvention.PALSAR2_L22,
        frequency_ghz=1.2365,
        looks=product.looks,
        nesz_db={channel.name: channel.nesz_db for channel in product.channels},
        noise_removed=product.noise_removed,
        orbit_state="descending",
        licence=_LICENCE,
        synthetic=True,
    )


def _write_sentinel2(folder: Path, flood: Flood, seed: int) -> Acquisition:
    scene = flood.landscape.lattice
    coarse = within(scene, 2.0 * scene.resolution)
    place = folder / "sentinel2"
    seen = optical.observe(flood, HOURS_AFTER[Sensor.SENTINEL2], seed)
    tags = {"TIME": _when(Sensor.SENTINEL2).isoformat(), "BOA_ADD_OFFSET": str(optical.OFFSET)}
    files = {
        band: write_raster(
            place / f"{band}.tif",
            {f"DN {band}": optical.to_dn(values)},
            coarse if band == "swir" else scene,
            nodata=0,
            tags=tags,
        )
        for band, values in seen.reflectance.items()
    }
    files["scl"] = write_raster(place / "scl.tif", {"scene classification": seen.scl}, coarse, nodata=0)
    return Acquisition(
        id="synthetic-sentinel2",
        sensor=Sensor.SENTINEL2,
        time=_when(Sensor.SENTINEL2),
        footprint=scene.footprint(),
        assets={name: Asset(href=str(file)) for name, file in files.items()},
        radiometry=Radiometry.REFLECTANCE,
        scale=Scale.DN,
        reflectance_offset=optical.OFFSET,
        processing_baseline="05.09",
        licence=_LICENCE,
        synthetic=True,
    )


def _write_aoi(file: Path, scene: Lattice, time: str, seed: int) -> Path:
    """The scene less a few pixels along its edge, with the time to map."""
    feature = {
        "type": "Feature",
        "properties": {"date": time, "synthetic": True, "seed": seed},
        "geometry": scene.footprint(margin=_AOI_MARGIN_PIXELS * scene.resolution),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}, indent=2) + "\n")
    return file
