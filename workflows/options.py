"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table: only errors.")]
ProductFolder = Annotated[Path, typer.Argument(metavar="PRODUCT", help="Folder made by `floodfuse map`.")]
