"""Which chips are trained on, which choose the weights, and which judge: contiguous blocks, never random chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field


class SplitSettings(BaseModel):
    """Chips in their order are cut into contiguous blocks of equal length, numbered from 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    blocks: int = Field(default=12, ge=3, description="how many blocks chips are cut into")
    choosing: tuple[int, ...] = Field(
        default=(3, 8), description="blocks by which the best weights are chosen"
    )
    judging: tuple[int, ...] = Field(default=(), description="blocks that are held out altogether")


class Parts(NamedTuple):
    """Names of chips."""

    learning: tuple[str, ...]
    choosing: tuple[str, ...]
    judging: tuple[str, ...]


def split(chips: Sequence[str], settings: SplitSettings, events: Mapping[str, str] | None = None) -> Parts:
    """Chips of each part.

    Parameters
    ----------
    chips : in order
    events : of each chip, where known; an event goes whole to the block of its middle chip

    Raises
    ------
    ValueError
        If a block is not there or in two parts, or if a part that must have chips has none.
    """
    both = set(settings.choosing) & set(settings.judging)
    beyond = [b for b in (*settings.choosing, *settings.judging) if not 0 <= b < settings.blocks]
    if both or beyond:
        wrong = sorted(both) or beyond
        raise ValueError(f"block {wrong[0]} is in two parts, or not one of the {settings.blocks} blocks")
    pieces = _blocks(chips, settings.blocks, events or {})
    held = {*settings.choosing, *settings.judging}
    parts = Parts(
        tuple(c for b, piece in enumerate(pieces) if b not in held for c in piece),
        tuple(c for b in dict.fromkeys(settings.choosing) for c in pieces[b]),
        tuple(c for b in dict.fromkeys(settings.judging) for c in pieces[b]),
    )
    if not parts.learning or not parts.choosing or (settings.judging and not parts.judging):
        raise ValueError(
            f"{len(chips)} chips in {settings.blocks} blocks leave none to learn from, to choose or to judge by; events stay whole"
        )
    return parts


def _blocks(chips: Sequence[str], count: int, events: Mapping[str, str]) -> list[tuple[str, ...]]:
    cut = np.array_split(np.asarray(chips, object), count)
    block_of = {str(chip): block for block, piece in enumerate(cut) for chip in piece}
    pieces: list[list[str]] = [[] for _ in range(count)]
    for _, together in groupby(block_of, key=lambda chip: events.get(chip, chip)):
        event = list(together)
        pieces[block_of[event[len(event) // 2]]] += event
    return [tuple(piece) for piece in pieces]
