"""An archive that makes its own scenes, with the truth beside them. Everything here is synthetic."""

from floodfuse.catalogs.simulated.archive import Archive, write_archive

__all__ = ["Archive", "write_archive"]
