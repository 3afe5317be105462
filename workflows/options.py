"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table: only errors.")]
Window = Annotated[float | None, typer.Option(help="Days around the date to look for data. (default: 3)")]
Sensors = Annotated[
    str | None, typer.Option(help="Sensors that may be used, comma-separated. (default: all three)")
]
Resolution = Annotated[float | None, typer.Option(help="Pixel size in units of the CRS. (default: 10)")]
Crs = Annotated[str | None, typer.Option(help="EPSG:n. (default: UTM zone of the area)")]
Workers = Annotated[int | None, typer.Option(help="Blocks worked on at a time. (default: 2)")]
Reference = Annotated[
    str | None,
    typer.Option(help="auto or none: hold radar against dry scenes of its orbit. (default: auto)"),
]
ProductFolder = Annotated[Path, typer.Argument(metavar="PRODUCT", help="Folder made by `floodfuse map`.")]
