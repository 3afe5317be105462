"""The one error a user can cause: it names the value, where it came from, and the cure."""

from __future__ import annotations


class BadRequest(Exception):
    """Something asked for, or given, that can't be worked with. The command line shows it and exits with 2."""
