"""What an acquisition may be, and what it refuses to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from floodfuse.catalogs.acquisition import ASSET_NAMES, Acquisition, Asset, Sensor

Make = Callable[..., Acquisition]


def test_times_are_in_utc(make_acquisition: Make) -> None:
    naive = make_acquisition(time=datetime(2019, 9, 17, 6, 10))
    eastern = make_acquisition(time=datetime(2019, 9, 17, 8, 10, tzinfo=timezone(timedelta(hours=2))))
    assert naive.time == eastern.time == datetime(2019, 9, 17, 6, 10, tzinfo=UTC)
    assert eastern.time.tzinfo is UTC


def test_polarizations_keep_one_order(make_acquisition: Make) -> None:
    assets = {name: Asset(href=f"{name}.tif") for name in ("hv", "mask", "vv", "incidence", "vh")}
    assert make_acquisition(assets=assets).polarizations == ("vv", "vh", "hv")


@pytest.mark.parametrize("sensor", list(Sensor))
def test_unknown_assets_are_named_with_the_known(make_acquisition: Make, sensor: Sensor) -> None:
    with pytest.raises(
        ValidationError, match=f"{sensor} has no asset 'red'; it takes {ASSET_NAMES[sensor][0]}"
    ):
        make_acquisition(sensor=sensor, assets={"red": Asset(href="red.tif")})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"footprint": {"type": "Polygon"}}, "no GeoJSON geometry"),
        ({"footprint": {"type": "Polygon", "coordinates": []}}, "an empty geometry"),
        ({"footprint": {"type": "Point", "coordinates": [math.inf, 0.0]}}, "not finite"),
        ({"looks": 0.0}, "greater than 0"),
        ({"incidence_deg": math.nan}, "finite number"),
        ({"nesz_db": {"HH": -30.0}}, "'HH' is no polarization"),
        ({"nesz_db": {"hh": math.nan}}, "finite number"),
        ({"scale": "decibel"}, "'power', 'amplitude', 'db' or 'dn'"),
        ({"brightness": 1}, "Extra inputs"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    make_acquisition: Make, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        make_acquisition(**fields)


def test_bands_count_from_one() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Asset(href="a.tif", band=0)


def test_it_does_not_change(make_acquisition: Make) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_acquisition().looks = 3.0
