"""What a comparison of strategies found, in plain sentences; every number is one of `SideBySide`."""

from __future__ import annotations

from floodfuse.pipeline.publish.report import km2
from floodfuse.pipeline.side_by_side.measure import Pair, SideBySide
from floodfuse.pipeline.side_by_side.traits import AT_EDGE, Trait, distinct

LEAST_LIFT = 1.5
LEAST_SHARE = 0.1  # of the pixels that differ, for a trait to be worth a sentence
LEAST_ABSTAINED = 0.01  # of the area
MOST_SENTENCES = 4


def sentences(found: SideBySide) -> tuple[str, ...]:
    """On how much strategies differ, who says more water, where they differ, and what marks such places."""
    said = [_overall(found)]
    for pair in found.pairs[
        : len(found.strategies) - 1
    ]:  # all against the first; the others are in the table
        said += _of_pair(pair)
    return (*said, *_where(found))


def percent(share: float) -> str:
    """A share as percent: whole ones, a decimal of small ones, and never rounded to none or to all."""
    if 0.0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1.0:
        return "more than 99.9 %"
    return f"{100 * share:.{1 if 0.0 < share < 0.0995 or 0.9905 < share < 1.0 else 0}f} %"


def _overall(found: SideBySide) -> str:
    if found.differing is None:
        return "No pixel is answered by two of the strategies, so there is nothing to compare."
    what = f"the {km2(found.compared_km2)} km² that two strategies or more answer"
    if not found.differing_km2:
        return f"They agree on water everywhere on {what}."
    return f"They differ on {percent(found.differing)} of {what}: {km2(found.differing_km2)} km²."


def _of_pair(pair: Pair) -> list[str]:
    said = []
    if pair.only_first_water_km2 or pair.only_second_water_km2:
        said.append(
            f"{pair.first} says water on {km2(pair.only_first_water_km2)} km² that {pair.second} calls dry, and "
            f"{pair.second} on {km2(pair.only_second_water_km2)} km² that {pair.first} calls dry."
        )
    for one, other, share in (
        (pair.first, pair.second, pair.only_first_answers),
        (pair.second, pair.first, pair.only_second_answers),
    ):
        if share >= LEAST_ABSTAINED:
            said.append(f"{one} answers on {percent(share)} of the area on which {other} abstains.")
    return said


def _where(found: SideBySide) -> list[str]:
    said = []
    edge = next((trait for trait in found.traits if trait.where == AT_EDGE), None)
    if edge is not None:
        said.append(_of_trait(edge))
    if found.traits:
        at_edge = edge.share_of_differing if edge else 0.0
        said.append(
            "So most of it is a matter of where the edge of water is drawn."
            if at_edge > 0.5
            else "So most of it is a matter of substance: water away from any edge that they agree on."
        )
    return said + [_of_trait(trait) for trait in standing_out(found.traits)]


def _of_trait(trait: Trait) -> str:
    return (
        f"{_begun(percent(trait.share_of_differing))} of the pixels where they differ lie {trait.where}, "
        f"{percent(trait.share_of_compared)} of all do."
    )


def _begun(text: str) -> str:
    return text[0].upper() + text[1:]


def standing_out(traits: tuple[Trait, ...]) -> tuple[Trait, ...]:
    """The few traits besides the edge that say most: clearly more frequent where strategies differ, and on much of it."""
    found = (t for t in traits if t.lift >= LEAST_LIFT and t.share_of_differing >= LEAST_SHARE)
    return tuple(distinct([t for t in found if t.kind != "edge"])[:MOST_SENTENCES])
