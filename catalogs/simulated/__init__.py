"""An archive that makes its own scenes, with the truth beside them. Everything here is synthetic."""
