"""The products of a synthetic scene, each as its archive would hold it: files, and the acquisition that describes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from floodfuse.catalogs.acquisition import Acquisition, Asset, MaskConvention, Radiometry, Scale, Sensor
from floodfuse.catalogs.simulated import artefacts, optical, radar
from floodfuse.catalogs.simulated.fields import FloatArray
from floodfuse.catalogs.simulated.files import write_raster
from floodfuse.catalogs.simulated.flood import Flood
from floodfuse.catalogs.simulated.lattice import Lattice, averaged, within
from floodfuse.catalogs.simulated.radar import Overpass

PRODUCT_TIME = datetime(2024, 3, 12, 12, 0, tzinfo=UTC)
"""The time to map. Like the place, it is invented."""
HOURS_AFTER = {Sensor.SENTINEL1: -6.0, Sensor.ALOS2: -20.0, Sensor.SENTINEL2: 30.0}
"""When each sensor saw the scene, hours after `PRODUCT_TIME`."""
PALSAR2_RESOLUTION_M = 25.0
PALSAR2_CALIBRATION_DB = -83.0
_LICENCE = "CC0-1.0"
_RELATIVE_ORBIT = {Sensor.SENTINEL1: 103, Sensor.ALOS2: 37}
_BEAM = {Sensor.SENTINEL1: "IW", Sensor.ALOS2: "FBD-F2"}
_S1_SHADOW, _S1_LAYOVER = 1, 2
_MSK_VALID, _MSK_LAYOVER, _MSK_SHADOW = 1, 2, 3
_HIDDEN_SHARE = 0.25


def write_terrain(folder: Path, flood: Flood) -> Acquisition:
    """Elevation, height above drainage, slope, permanent water and land cover, with the errors that maps have."""
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


def write_sentinel1(
    folder: Path, flood: Flood, seed: int, overpass: Overpass, world: str = "B"
) -> Acquisition:
    """Interferometric Wide swath at 10 m: linear gamma0 with its noise removed; the mask is that of OPERA's RTC.

    The angle, and the mask, belong to the orbit: references refer to the files of the flood's pass.
    """
    scene, product = flood.landscape.lattice, radar.SENTINEL1
    time = _when(Sensor.SENTINEL1, overpass)
    images = radar.observe(
        product, flood, _hours(Sensor.SENTINEL1, overpass), scene, seed, overpass, world=world
    )
    tags = {"TIME": time.isoformat(), "RADIOMETRY": "gamma0", "SCALE": "power"}
    place = folder / _name("sentinel1", overpass)
    files = {
        name: write_raster(place / f"{name}.tif", {f"gamma0 {name}": image}, scene, nodata=np.nan, tags=tags)
        for name, image in images.items()
    }
    orbit = folder / "sentinel1"
    files["incidence"] = orbit / "incidence.tif"
    if overpass.artefacts:
        files["mask"] = orbit / "mask.tif"
    if not overpass.number:
        angle = radar.incidence_deg(product, scene, scene)
        write_raster(files["incidence"], {"incidence angle": angle}, scene, nodata=np.nan, units="degree")
        if overpass.artefacts:
            layover, shadow = _masked(product, flood, scene)
            codes = (_S1_LAYOVER * layover + _S1_SHADOW * shadow).astype(np.uint8)
            write_raster(files["mask"], {"mask, 1 shadow, 2 layover, 3 both": codes}, scene, nodata=255)
    return Acquisition(
        id=f"synthetic-{_name('sentinel1', overpass)}",
        sensor=Sensor.SENTINEL1,
        time=time,
        footprint=scene.footprint(),
        assets={name: Asset(href=str(file)) for name, file in files.items()},
        radiometry=Radiometry.GAMMA0,
        scale=Scale.POWER,
        mask_convention=MaskConvention.OPERA_RTC if overpass.artefacts else MaskConvention.VALID,
        frequency_ghz=5.405,
        looks=product.looks,
        nesz_db={channel.name: channel.nesz_db for channel in product.channels},
        noise_removed=product.noise_removed,
        orbit_state="ascending",
        relative_orbit=_RELATIVE_ORBIT[Sensor.SENTINEL1],
        beam=_BEAM[Sensor.SENTINEL1],
        licence=_LICENCE,
        synthetic=True,
    )


def write_palsar2(folder: Path, flood: Flood, seed: int, overpass: Overpass, world: str = "B") -> Acquisition:
    """Fine Beam dual polarization at 25 m, laid out as Level 2.2: counts, local angle and mask."""
    scene, product = flood.landscape.lattice, radar.PALSAR2
    lattice = within(scene, PALSAR2_RESOLUTION_M)
    time = _when(Sensor.ALOS2, overpass)
    images = radar.observe(
        product, flood, _hours(Sensor.ALOS2, overpass), lattice, seed, overpass, world=world
    )
    counts = {name: radar.to_dn(image, PALSAR2_CALIBRATION_DB) for name, image in images.items()}
    tags = {"TIME": time.isoformat(), "CALIBRATION_FACTOR_DB": str(PALSAR2_CALIBRATION_DB)}
    place, orbit = folder / _name("palsar2", overpass), folder / "palsar2"
    files = {
        name: write_raster(place / f"{name}.tif", {f"DN {name}": dn}, lattice, nodata=0, tags=tags)
        for name, dn in counts.items()
    }
    files |= {"incidence": orbit / "LIN.tif", "mask": orbit / "MSK.tif"}
    if not overpass.number:
        centidegrees = np.rint(100.0 * radar.incidence_deg(product, lattice, scene)).astype(np.uint16)
        write_raster(files["incidence"], {"incidence angle, 0.01 degrees": centidegrees}, lattice, nodata=0)
        codes = np.full(centidegrees.shape, _MSK_VALID, np.uint8)
        if overpass.artefacts:
            layover, shadow = _masked(product, flood, lattice)
            codes[shadow] = _MSK_SHADOW
            codes[layover] = _MSK_LAYOVER
        write_raster(files["mask"], {"mask, 1 valid, 2 layover, 3 shadow": codes}, lattice, nodata=0)
    return Acquisition(
        id=f"synthetic-{_name('palsar2', overpass)}",
        sensor=Sensor.ALOS2,
        time=time,
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
        relative_orbit=_RELATIVE_ORBIT[Sensor.ALOS2],
        beam=_BEAM[Sensor.ALOS2],
        licence=_LICENCE,
        synthetic=True,
    )


def write_sentinel2(folder: Path, flood: Flood, seed: int, shift_px: tuple[float, float]) -> Acquisition:
    """Level-2A reflectance as counts with the offset of baseline 04.00 and later, and the scene classification."""
    scene = flood.landscape.lattice
    coarse = within(scene, 2.0 * scene.resolution)
    place, time = folder / "sentinel2", _when(Sensor.SENTINEL2)
    seen = optical.observe(flood, HOURS_AFTER[Sensor.SENTINEL2], seed, shift_px)
    tags = {"TIME": time.isoformat(), "BOA_ADD_OFFSET": str(optical.OFFSET)}
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
        time=time,
        footprint=scene.footprint(),
        assets={name: Asset(href=str(file)) for name, file in files.items()},
        radiometry=Radiometry.REFLECTANCE,
        scale=Scale.DN,
        reflectance_offset=optical.OFFSET,
        processing_baseline="05.09",
        licence=_LICENCE,
        synthetic=True,
    )


def _name(product: str, overpass: Overpass) -> str:
    return f"{product}-ref{overpass.number}" if overpass.number else product


def _hours(sensor: Sensor, overpass: Overpass) -> float:
    """Of the pass, after product time."""
    return HOURS_AFTER[sensor] - 24.0 * overpass.days_before


def _when(sensor: Sensor, overpass: Overpass = radar.USUAL_PASS) -> datetime:
    return PRODUCT_TIME + timedelta(hours=_hours(sensor, overpass))


def _masked(
    product: radar.Radar, flood: Flood, lattice: Lattice
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Layover and shadow on the product's lattice, as its processor finds them in the mapped elevation."""
    scene = flood.landscape.lattice
    angle = radar.incidence_deg(product, scene, scene)
    found = artefacts.hidden(flood.landscape.maps.dem, angle, scene.resolution, product.from_east)
    layover, shadow = (_on(artefacts.widened(mask).astype(np.float32), scene, lattice) for mask in found)
    return layover, shadow


def _on(mask: FloatArray, scene: Lattice, lattice: Lattice) -> npt.NDArray[np.bool_]:
    share = mask if lattice == scene else averaged(mask, scene, lattice)
    hidden: npt.NDArray[np.bool_] = share > _HIDDEN_SHARE
    return hidden
