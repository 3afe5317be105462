"""An archive that makes its own scenes, with the truth beside them. Everything here is synthetic."""

from floodfuse.catalogs.simulated.archive import Archive, write_archive
from floodfuse.catalogs.simulated.scenario import Scenario

__all__ = ["Archive", "Scenario", "write_archive"]
