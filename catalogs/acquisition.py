"""What one product of one sensor at one time is, whichever archive it came from."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import shapely
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from floodfuse.harmonize.densities import GroundLevel


class Sensor(StrEnum):
    """The sensors floodfuse fuses, and `terrain` for what does not change within a flood."""

    SENTINEL1 = "sentinel1"
    ALOS2 = "alos2"
    SENTINEL2 = "sentinel2"
    TERRAIN = "terrain"


OBSERVING = (Sensor.SENTINEL1, Sensor.ALOS2, Sensor.SENTINEL2)
RADARS = (Sensor.SENTINEL1, Sensor.ALOS2)
BANDS = {Sensor.SENTINEL1: "C", Sensor.ALOS2: "L"}


class Radiometry(StrEnum):
    """What a value is a measure of (harmonization.md 1.1)."""

    GAMMA0 = "gamma0"
    SIGMA0 = "sigma0"
    BETA0 = "beta0"
    REFLECTANCE = "reflectance"


class Scale(StrEnum):
    """How the value is written in the file.

    `power` also stands for plain reflectance; `dn` needs the product's own conversion
    (`calibration_db` for radar, 1/10000 and an offset for Sentinel-2).
    """

    POWER = "power"
    AMPLITUDE = "amplitude"
    DB = "db"
    DN = "dn"


class MaskConvention(StrEnum):
    """How a product's own radar mask is coded."""

    VALID = "valid"  # 0 invalid, anything else valid
    PALSAR2_MOSAIC = "palsar2_mosaic"  # 0 no data, 50 ocean, 100 layover, 150 shadow, 255 valid
    PALSAR2_L22 = "palsar2_l22"  # 0 no data, 1 valid, 2 layover, 3 shadow, 4 ocean, 5 invalid
    OPERA_RTC = "opera_rtc"  # 0 valid, 1 shadow, 2 layover, 3 both, 255 no data


POLARIZATIONS = ("vv", "vh", "hh", "hv")
ASSET_NAMES: dict[Sensor, tuple[str, ...]] = {
    Sensor.SENTINEL1: (*POLARIZATIONS, "incidence", "mask"),
    Sensor.ALOS2: (*POLARIZATIONS, "incidence", "mask"),
    Sensor.SENTINEL2: ("green", "nir", "swir", "scl"),
    Sensor.TERRAIN: ("dem", "hand", "slope", "permanent_water", "landcover"),
}


class Asset(BaseModel):
    """One band of one file. `href` is a path or URL that GDAL opens; `band` counts from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    href: str
    band: int = Field(default=1, ge=1)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _an_area(footprint: dict[str, Any]) -> dict[str, Any]:
    try:
        geometry = shapely.geometry.shape(footprint)
    except Exception as error:  # whatever a broken GeoJSON raises in shapely
        raise ValueError("no GeoJSON geometry") from error
    if geometry.is_empty or not all(math.isfinite(bound) for bound in geometry.bounds):
        raise ValueError("an empty geometry, or one with coordinates that are not finite")
    return footprint


def _with_known_polarizations(by_polarization: dict[str, float]) -> dict[str, float]:
    unknown = sorted(set(by_polarization) - set(POLARIZATIONS))
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no polarization; known are {', '.join(POLARIZATIONS)}")
    strange = [value for value in by_polarization.values() if not -60.0 < value < 0.0]
    if strange:
        raise ValueError(
            f"{strange[0]:g} is no noise floor in dB; those of these radars lie between -60 and 0"
        )
    return by_polarization


UtcTime = Annotated[datetime, AfterValidator(_in_utc)]
Footprint = Annotated[dict[str, Any], AfterValidator(_an_area)]
ByPolarization = Annotated[dict[str, float], AfterValidator(_with_known_polarizations)]


class Shift(BaseModel):
    """How far an acquisition lay off others, as measured over what both saw: what to add to its coordinates."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    anchors: tuple[str, ...] = Field(default=(), description="acquisitions it was held against")
    crs: str | None = Field(
        default=None, description="projection of east and north, the UTM zone of the windows"
    )
    east_m: float | None = Field(default=None, description="to be added to x; None where nothing was found")
    north_m: float | None = None
    east_se_m: float | None = Field(default=None, description="standard error, from how windows disagree")
    north_se_m: float | None = None
    windows: int = Field(default=0, description="windows with values of both")
    applied: bool
    reason: str = Field(description="why it was applied, or was not")


class Acquisition(BaseModel):
    """One product of one sensor at one time: where its bands are and how its values are to be read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: str
    sensor: Sensor
    time: UtcTime
    footprint: Footprint = Field(description="GeoJSON geometry, longitude and latitude in degrees")
    assets: dict[str, Asset]
    radiometry: Radiometry | None = Field(default=None, description="None for terrain")
    scale: Scale = Scale.POWER
    calibration_db: float | None = Field(default=None, description="CF in 10 log10(DN^2) + CF, for radar DN")
    incidence_deg: float | None = Field(
        default=None, description="declared angle, where no raster is at hand"
    )
    water_incidence_deg: tuple[float, float] | None = Field(
        default=None,
        description="smallest and largest angle of level ground, found when the rasters are opened",
    )
    incidence_scale: float = Field(default=1.0, description="degrees per unit of the incidence raster")
    mask_convention: MaskConvention = MaskConvention.VALID
    frequency_ghz: float | None = None
    looks: float | None = Field(default=None, gt=0, description="equivalent number of looks")
    nesz_db: ByPolarization = Field(
        default_factory=dict, description="noise floor by polarization, sigma0 dB"
    )
    noise_removed: bool = Field(default=True, description="whether thermal noise was subtracted already")
    water_weights: tuple[float, ...] | None = Field(
        default=None,
        description="weights of the regimes of water over the acquisition, wind by cross-polarized level, found when it is calibrated",
    )
    ground_levels: tuple[GroundLevel, ...] = Field(
        default=(),
        description="levels of dry ground by channel, told by ground that no flood reaches, found when it is calibrated",
    )
    cold: bool | None = Field(
        default=None, description="whether all of it lies 3 dB below its dry references, forest included"
    )
    striped_rows: tuple[tuple[int, int], ...] = Field(
        default=(),
        description="first and last native row of each stripe of interference, over the whole raster",
    )
    striped_columns: tuple[tuple[int, int], ...] = Field(
        default=(), description="the same for native columns"
    )
    reflectance_offset: float | None = Field(default=None, description="added to DN before dividing by 10000")
    processing_baseline: str | None = None
    sun_elevation_deg: float | None = Field(default=None, ge=-90, le=90, description="at the scene's middle")
    orbit_state: str | None = None
    relative_orbit: int | None = Field(
        default=None, ge=1, description="number of the repeated track; the same one has the same geometry"
    )
    beam: str | None = Field(default=None, description="mode and beam, as the product names them")
    references: tuple[Acquisition, ...] = Field(
        default=(), description="earlier scenes of the same geometry, from before the flood, oldest first"
    )
    reference_note: str | None = Field(
        default=None, description="what was found of them, and what was left out"
    )
    collection: str | None = None
    licence: str | None = None
    synthetic: bool = False
    shift: Shift | None = Field(
        default=None, description="against another sensor; None where it was not looked for"
    )

    @model_validator(mode="after")
    def _assets_are_known(self) -> Acquisition:
        known = ASSET_NAMES[self.sensor]
        unknown = sorted(set(self.assets) - set(known))
        if unknown:
            raise ValueError(f"{self.sensor} has no asset '{unknown[0]}'; it takes {', '.join(known)}")
        return self

    @property
    def shift_m(self) -> tuple[float, float] | None:
        """East and north in metres by which its pixels are moved when read; None where they are not."""
        if self.shift is None or not self.shift.applied:
            return None
        return self.shift.east_m or 0.0, self.shift.north_m or 0.0

    def noise_subtracted(self, pol: str) -> float:
        """Noise floor that is missing from the values of a polarization, linear sigma0; 0 where it was left in."""
        return 10.0 ** (self.nesz_db[pol] / 10.0) if self.noise_removed else 0.0

    @property
    def outline(self) -> shapely.geometry.base.BaseGeometry:
        """The footprint as a valid geometry, longitude and latitude in degrees."""
        return shapely.make_valid(shapely.geometry.shape(self.footprint))

    @property
    def band(self) -> str:
        """Radar band, "C" or "L"."""
        return BANDS[self.sensor]

    @property
    def polarizations(self) -> tuple[str, ...]:
        """Polarizations at hand, in the order vv, vh, hh, hv."""
        return tuple(p for p in POLARIZATIONS if p in self.assets)
