"""Answers only where the risk that their user takes allows one: conformal sets of {water, dry}.

On chips that were not learned from, of the pixels that are under water the share 1 - risk has P(dry) of at most q_wet, and of
those that are dry, P(water) of at most q_dry. Elsewhere "water" is allowed where P(dry) <= q_wet and "dry" where P(water) <= q_dry. A
pixel gets the likelier answer where the other one is not allowed, and none where it is. Then of all water at most the risk is called
dry, and of all dry ground at most the risk water, on ground like that of the chips, however rare floods are there; and the more is
risked, the more is answered. What is not like the chips keeps no such promise. Sources: Vovk et al. (2005); by class,
Sadinle et al. (2019).
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

LEVELS = 201  # quantiles kept, from the least to the largest

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


class Conformal(BaseModel):
    """Quantiles, at `LEVELS` even levels from 0 to 1, of the probability given to what is not true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wet: tuple[float, ...] = Field(description="of P(dry), where water is")
    dry: tuple[float, ...] = Field(description="of P(water), where none is")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name, values in (("wet", self.wet), ("dry", self.dry)):
            if len(values) != LEVELS or np.any(np.diff(values) < 0) or not 0 <= values[0] <= values[-1] <= 1:
                raise ValueError(f"'{name}' must be {LEVELS} quantiles of a probability, rising")
        return self

    def answered(self, water: NDArray[np.floating], risk: float) -> Bool:
        """Where the less likely answer is not within the risk, so that the likelier one may be given.

        Parameters
        ----------
        water : probability of water
        risk : share of water that may be called dry, and of dry ground that may be called water, between 0 and 1
        """
        wet, dry = self.allowed(water, risk)
        return np.where(water > 0.5, ~dry, ~wet)

    def allowed(self, water: NDArray[np.floating], risk: float) -> tuple[Bool, Bool]:
        """Where "water" is within the risk, and where "dry" is."""
        levels = np.linspace(0.0, 1.0, LEVELS)
        q_wet, q_dry = (float(np.interp(1.0 - risk, levels, q)) for q in (self.wet, self.dry))
        return np.asarray(1.0 - water <= q_wet), np.asarray(water <= q_dry)


def quantiles(water: Float, truly_wet: Bool) -> Conformal:
    """The quantiles of pixels whose truth is known; of a kind of which there is none, no answer is ever wrong.

    Raises
    ------
    ValueError
        If all pixels are of one kind.
    """
    if truly_wet.all() or not truly_wet.any():
        raise ValueError("chips are all water or all dry, so that the risk of one error can't be told")
    levels = np.linspace(0.0, 1.0, LEVELS)
    of = [np.clip(np.quantile(p, levels), 0.0, 1.0) for p in (1.0 - water[truly_wet], water[~truly_wet])]
    return Conformal(wet=tuple(map(float, of[0])), dry=tuple(map(float, of[1])))
