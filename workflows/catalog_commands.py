"""`floodfuse catalog …`: putting local files, or simulated ones, into a catalogue, and looking into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from floodfuse.catalogs import archives, card4l, local, static
from floodfuse.catalogs.acquisition import (
    POLARIZATIONS,
    RADARS,
    Acquisition,
    Asset,
    MaskConvention,
    Radiometry,
    Scale,
    Sensor,
)
from floodfuse.catalogs.errors import BadRequest
from floodfuse.harmonize.radiometry import PALSAR2_CF_DB
from floodfuse.pipeline.ingest import alos2, radar
from floodfuse.pipeline.ingest.reading import geometry_of, opened, sample
from floodfuse.pipeline.scene import prepare
from floodfuse.pipeline.settings import parse_time
from floodfuse.workflows import console
from floodfuse.workflows.console import NumbersCommand
from floodfuse.workflows.options import AsJson
from floodfuse.workflows.simulate_command import HELP as SIMULATE_HELP
from floodfuse.workflows.simulate_command import simulate_command

app = typer.Typer(no_args_is_help=True, help="Catalogues of local, simulated and archived data.")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the catalogue.")]

_ADD_HELP = """Put local files into a static STAC catalogue; no network needed.

Assets: vv vh hh hv incidence mask for radar; green nir swir scl for optical; dem hand slope permanent_water landcover
for terrain.

Examples:

  floodfuse catalog add my-data --sensor sentinel1 --time 2019-09-17T06:10 --radiometry sigma0 --scale db
  --asset vv=s1.tif:1 --asset vh=s1.tif:2 --incidence 38

  floodfuse catalog add my-data --sensor alos2 --metadata summary.xml --radiometry gamma0 --scale dn
  --asset hh=HH.tif --asset hv=HV.tif --asset mask=MSK.tif --incidence LIN.tif --incidence-scale 0.01

  floodfuse catalog add my-data --sensor sentinel2 --time 2019-09-18T11:00 --radiometry reflectance --scale dn
  --asset green=B03.tif --asset nir=B08.tif --asset swir=B11.tif --asset scl=SCL.tif

  floodfuse catalog add my-data --sensor terrain --asset hand=hand.tif --asset landcover=worldcover.tif
"""


@app.command("add", cls=NumbersCommand, help=_ADD_HELP)
def add(
    folder: Folder,
    sensor: Annotated[Sensor, typer.Option(help="What made the files.")],
    asset: Annotated[
        list[str], typer.Option(help="NAME=FILE[:BAND]; repeat for each band.", metavar="NAME=FILE[:BAND]")
    ],
    time: Annotated[str | None, typer.Option(help="Time of acquisition, ISO, UTC.")] = None,
    radiometry: Annotated[str | None, typer.Option(help="gamma0, sigma0, beta0, dn or reflectance.")] = None,
    scale: Annotated[str | None, typer.Option(help="power, amplitude, db or dn.")] = None,
    incidence: Annotated[
        str | None, typer.Option(help="Angle in degrees, or a raster of it.", metavar="DEG|FILE")
    ] = None,
    incidence_scale: Annotated[float | None, typer.Option(help="Degrees per unit of that raster.")] = None,
    mask_convention: Annotated[MaskConvention | None, typer.Option(help="How the mask is coded.")] = None,
    metadata: Annotated[Path | None, typer.Option(help="CARD4L summary XML of a PALSAR-2 product.")] = None,
    calibration: Annotated[
        float | None, typer.Option(help="CF in 10 log10(DN^2) + CF. (PALSAR-2: -83)")
    ] = None,
    looks: Annotated[float | None, typer.Option(help="Equivalent number of looks.")] = None,
    nesz: Annotated[
        list[str] | None, typer.Option(help="Noise floor, e.g. vv=-24 (sigma0 dB); repeat.")
    ] = None,
    noise_removed: Annotated[
        bool | None,
        typer.Option(
            "--noise-removed/--noise-included",
            help="Whether thermal noise was subtracted. (default: Sentinel-1 yes, PALSAR-2 no)",
        ),
    ] = None,
    offset: Annotated[
        float | None, typer.Option(help="Added to Sentinel-2 DN, -1000 or 0. (default: settled by the data)")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Sentinel-2 processing baseline, e.g. 05.09.")] = None,
    orbit: Annotated[
        int | None, typer.Option(help="Relative orbit (track) number of radar; scenes of one are comparable.")
    ] = None,
    orbit_state: Annotated[str | None, typer.Option(help="ascending or descending.")] = None,
    beam: Annotated[str | None, typer.Option(help="Mode and beam of radar, e.g. IW or FBD-F2-6.")] = None,
    identity: Annotated[
        str | None, typer.Option("--id", help="Name in the catalogue. (default: from time and file)")
    ] = None,
    json: AsJson = False,
) -> None:
    """Put local files into a static catalogue."""
    assets = dict(local.parse_asset(text, sensor) for text in asset)
    declared: dict[str, Any] = _from_metadata(metadata)
    when = parse_time(time.strip()) if time else declared.pop("time", None)
    declared.pop("time", None)
    declared |= _given(
        {
            "id": identity,
            "looks": looks,
            "reflectance_offset": offset,
            "processing_baseline": baseline,
            "incidence_scale": incidence_scale,
            "mask_convention": mask_convention,
            "calibration_db": calibration,
            "nesz_db": _noise_floors(nesz),
            "noise_removed": noise_removed,
            "relative_orbit": orbit,
            "orbit_state": orbit_state.strip().lower() if orbit_state else None,
            "beam": beam,
        }
    )
    declared |= _quantity(sensor, radiometry, scale, declared.get("calibration_db"))
    declared |= _incidence(incidence, sensor, assets)
    for given in assets.values():
        _check_file(given)
    if sensor is Sensor.ALOS2:
        declared.setdefault("noise_removed", False)
    if sensor is Sensor.ALOS2 and "mask" in assets and "mask_convention" not in declared:
        declared["mask_convention"] = alos2.mask_convention(assets["mask"])
    acquisition = local.acquisition_of(sensor, assets, when, **declared)
    prepare([acquisition])
    if sensor in RADARS:
        radar.check_spread(acquisition)
    earlier = (
        {a.id: a for a in static.acquisitions(folder)} if (folder / static.CATALOG_FILE).exists() else {}
    )
    if identity is None:
        acquisition = _with_a_name_of_its_own(acquisition, earlier)
    known = acquisition.id in earlier
    static.add(folder, [acquisition])
    if json:
        console.show_json(acquisition)
    else:
        console.say(
            f"{'Replaced' if known else 'Added'} {acquisition.id} {'in' if known else 'to'} {folder}."
        )


def _with_a_name_of_its_own(acquisition: Acquisition, earlier: dict[str, Acquisition]) -> Acquisition:
    """Tiles often share file names: the same name for other files gets a number, for the same files it stays."""
    name, number = acquisition.id, 1
    while acquisition.id in earlier and earlier[acquisition.id].assets != acquisition.assets:
        number += 1
        acquisition = acquisition.model_copy(update={"id": f"{name}-{number}"})
    return acquisition


def _check_file(asset: Asset) -> None:
    """Refuse a file that can't be opened, placed, or read in a sample of windows from all over it."""
    with opened(asset) as dataset:
        geometry_of(dataset, asset.href)
    sample(asset)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _from_metadata(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    summary = card4l.read_summary(file)
    fields = {
        "time": summary.time,
        "frequency_ghz": summary.frequency_ghz,
        "nesz_db": summary.nesz_db or None,
        "noise_removed": summary.noise_removed,
        "orbit_state": summary.orbit_state,
        "mask_convention": summary.mask_convention,
        "calibration_db": summary.calibration_db,
        "incidence_scale": summary.incidence_scale,
    }
    return _given(fields)


def _quantity(
    sensor: Sensor, radiometry: str | None, scale: str | None, calibration: float | None
) -> dict[str, Any]:
    """Radiometry and scale as declared; ambiguity is refused, never guessed."""
    if sensor is Sensor.TERRAIN:
        return {}
    if radiometry == "dn":  # the archive's word for "calibrate it for me"
        radiometry, scale = {Sensor.ALOS2: "gamma0", Sensor.SENTINEL2: "reflectance"}.get(sensor, "dn"), "dn"
    allowed = (
        [Radiometry.REFLECTANCE]
        if sensor is Sensor.SENTINEL2
        else [r for r in Radiometry if r != "reflectance"]
    )
    if radiometry is None or scale is None:
        option, known = ("--scale", list(Scale)) if radiometry else ("--radiometry", allowed)
        raise BadRequest(
            f"{sensor} without {option}: declare one of {', '.join(known)}, as the product's metadata states it; "
            "values alone can't tell power from amplitude, nor gamma0 from sigma0."
        )
    if radiometry not in allowed:
        hint = (
            " Sentinel-1 GRD digital numbers need their calibration tables: use an RTC product."
            if radiometry == "dn"
            else ""
        )
        raise BadRequest(
            f"radiometry '{radiometry}': {sensor} takes {', '.join(allowed)}. It is in the product's metadata.{hint}"
        )
    if scale not in list(Scale):
        raise BadRequest(
            f"scale '{scale}': one of {', '.join(Scale)} must be declared, as the product's metadata states it."
        )
    fields: dict[str, Any] = {"radiometry": Radiometry(radiometry), "scale": Scale(scale)}
    if scale == Scale.DN and sensor is Sensor.ALOS2 and calibration is None:
        fields["calibration_db"] = PALSAR2_CF_DB
    return fields


def _incidence(text: str | None, sensor: Sensor, assets: dict[str, Any]) -> dict[str, Any]:
    if text is None:
        return {}
    if sensor not in RADARS:
        raise BadRequest(f"incidence '{text}': {sensor} has none. Leave --incidence out.")
    try:
        return {"incidence_deg": float(text)}
    except ValueError:
        name, found = local.parse_asset(f"incidence={text}", sensor)
        assets[name] = found
        return {}


def _noise_floors(given: list[str] | None) -> dict[str, float] | None:
    floors = {}
    for text in given or []:
        name, _, value = text.partition("=")
        try:
            floors[name.strip()] = float(value)
        except ValueError:
            name = ""
        if name.strip() not in POLARIZATIONS:
            raise BadRequest(f"nesz '{text}': write it as POLARIZATION=DB, e.g. vv=-24.")
    return floors or None


@app.command("list")
def list_command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A catalogue; archives by name if none.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List what a catalogue holds, or the archives known by name."""
    if folder is None:
        known = {name: str(archive.url) for name, archive in archives.ARCHIVES.items()}
        if json:
            console.show_json(known)
        else:
            for name, url in known.items():
                console.say(f"{name}  {url}")
        return
    found = list(static.acquisitions(folder))
    if json:
        console.show_json([a.model_dump(mode="json") for a in found])
        return
    table = Table()
    for name in ("id", "sensor", "time (UTC)", "assets", "values"):
        table.add_column(name, overflow="fold")  # never shortened: an id is needed whole
    for a in found:
        when = "" if a.sensor is Sensor.TERRAIN else f"{a.time:%Y-%m-%d %H:%M}"
        values = f"{a.radiometry}, {a.scale}" if a.radiometry else ""
        table.add_row(
            a.id, str(a.sensor), when, " ".join(a.assets), values + (" (synthetic)" if a.synthetic else "")
        )
    console.results.print(table)


@app.command("show")
def show(
    folder: Folder, identity: Annotated[str, typer.Argument(metavar="ID", help="Of one acquisition.")]
) -> None:
    """Show one acquisition, whole, as JSON."""
    for acquisition in static.acquisitions(folder):
        if acquisition.id == identity:
            console.show_json(acquisition)
            return
    names = ", ".join(a.id for a in static.acquisitions(folder))
    raise BadRequest(f"id '{identity}': not in {folder}, which holds {names}.")


@app.command("check")
def check(folder: Folder, json: AsJson = False) -> None:
    """Open every file of a catalogue and say what is wrong. Exit code 2 if anything is."""
    found = {a.id: _faults(a) for a in static.acquisitions(folder)}
    if json:
        console.show_json(found)
    else:
        for name, faults in found.items():
            for fault in faults or ["ok"]:
                console.say(f"{name}: {fault}")
    if any(found.values()):
        raise typer.Exit(console.BAD_REQUEST)


def _faults(acquisition: Acquisition) -> list[str]:
    faults = []
    for asset in acquisition.assets.values():
        try:
            _check_file(asset)
            with opened(asset) as dataset:
                for _, window in dataset.block_windows(asset.band):
                    dataset.read(asset.band, window=window)
        except BadRequest as error:
            faults.append(str(error))
    if not faults:
        try:
            prepare([acquisition])
        except BadRequest as error:
            faults.append(str(error))
    return faults


app.command("simulate", help=SIMULATE_HELP)(simulate_command)
