"""Training: seeded, resumable to the step, with averaged weights, and the best of them chosen on chips held out by event.

A step's chips and their variations are a function of the seed, the epoch and the chip alone, so that a run that was killed and
resumes takes the steps that it would have taken. What is kept between steps lies beside the weights, in `.state`; it goes
when training ends.
"""

from __future__ import annotations

import csv
import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from floodfuse.models.batches import Batch, Batches
from floodfuse.models.calibration import calibrate
from floodfuse.models.chips import ChipSource, Kept
from floodfuse.models.evaluation import Tell, score_chips
from floodfuse.models.inputs.registry import INPUTS, Inputs, fingerprint
from floodfuse.models.losses import fusion_loss
from floodfuse.models.networks.build import build
from floodfuse.models.networks.fusion import FusionNetwork
from floodfuse.models.physics_losses import physics_loss
from floodfuse.models.scores import Scores
from floodfuse.models.split import Parts, split
from floodfuse.models.train_settings import TrainSettings
from floodfuse.models.view_names import names_of
from floodfuse.models.weights.files import Card, load, save
from floodfuse.models.whole_file import write_whole

WARM_UP = 0.05  # share of all steps in which the learning rate rises
_LARGEST_GRADIENT = 5.0
# What a file that is no state leads torch to.
_NO_STATE = (
    RuntimeError,
    OSError,
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


class TrainingError(ValueError):
    """Training that can't begin or go on as asked, with the value and the cure."""


class Stopped(Exception):
    """Training was asked to stop, and can go on from where it stands."""


@dataclass
class Progress:
    """Where training stands: everything but weights."""

    step: int = 0
    best: float = -1.0
    best_epoch: int = -1
    loss_sum: float = 0.0
    loss_count: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)


class Training:
    """One training run.

    Parameters
    ----------
    settings : of the run
    source : chips to learn from; all are held in memory as they are on disk
    out : file of weights to make; the state of the run is kept at `out`.state, its log at `out`.csv
    licence, command : for the card
    """

    def __init__(
        self, settings: TrainSettings, source: ChipSource, out: Path, licence: str, command: str
    ) -> None:
        self.settings, self.source, self.out = settings, Kept(source), out
        self.licence, self.command = licence, command
        try:
            self.parts: Parts = split(source.chips, settings.split, source.events)
        except ValueError as error:
            raise TrainingError(f"split: {error}; change the split of the settings") from None
        if len(self.parts.learning) < settings.batch:
            raise TrainingError(
                f"{len(self.parts.learning)} chips to learn from are fewer than a batch of {settings.batch}; give more "
                "chips, or a smaller batch"
            )
        self.inputs: Inputs = INPUTS[source.inputs]
        self.channels = self._channels()
        self._check_names()
        self.batches = Batches(
            self.source,
            self.parts.learning,
            self.inputs,
            self.channels,
            settings.augment,
            settings.batch,
            settings.seed,
        )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(settings.seed)
        try:
            network = build(settings.network, self.channels, len(source.classes))
        except (KeyError, ValueError, RuntimeError) as error:  # of names and sizes that encoders do not know
            reason = str(error).splitlines()[0][:120]
            raise TrainingError(
                f"network '{settings.network.strategy}' with encoder '{settings.network.encoder}' can't be built ({reason}); "
                "choose others"
            ) from None
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.averaged = AveragedModel(
            self.network,
            multi_avg_fn=get_ema_multi_avg_fn(settings.average),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.progress = Progress()

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of the chips to learn from."""
        return self.batches.per_epoch

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.steps_per_epoch * self.settings.epochs

    @property
    def state_file(self) -> Path:
        """Where the run can resume from."""
        return self.out.with_name(f"{self.out.name}.state")

    @property
    def log_file(self) -> Path:
        """Table of epochs."""
        return self.out.with_name(f"{self.out.name}.csv")

    def run(self, tell: Tell, stop: Callable[[], bool] = lambda: False) -> float:
        """Train to the end, resuming where a state of the same settings lies; returns the best score.

        Parameters
        ----------
        tell : told of every step
        stop : asked between steps whether to stop; a step is whole or not at all

        Raises
        ------
        Stopped
            If asked to stop; the state of the run is kept.
        TrainingError
            If the state on disk is of other settings, or damaged; or if the loss is no number any more.
        """
        self._resume()
        self._whole = True
        over = False
        try:
            if self._look_is_due():  # the run ended between a step and its look
                over = self._look()
            batches = self.batches.between(self.progress.step, self.steps)
            while not over and self.progress.step < self.steps:
                if stop():
                    raise Stopped
                batch = self._next(batches)
                self._whole = False
                self._step(self.progress.step, batch)
                self.progress.step += 1
                self._whole = True
                tell("training", self.progress.step, self.steps)
                if self._look_is_due():
                    over = self._look()
                elif self.progress.step % self.settings.save_every == 0:
                    self._save_state()
        except BaseException:
            if self._whole:  # half a step is not worth keeping
                self._save_state()
            raise
        self._calibrate()
        self.state_file.unlink(missing_ok=True)
        return self.progress.best

    @staticmethod
    def _next(batches: Iterator[Batch]) -> Batch:
        try:
            return next(batches)
        except ValueError as error:  # of chips that are too small, or of unequal sizes
            raise TrainingError(str(error)) from None

    def _calibrate(self) -> None:
        """Calibrate the best weights by the chips that chose them; done twice, it does the same."""
        network, card = load(self.out)
        network = network.to(self.device)
        try:
            conformal = calibrate(
                network, self.source, self.parts.choosing, self.inputs, self.settings.choose_without
            )
        except ValueError:  # chips of one kind tell nothing of the other
            return
        told = {"conformal": conformal, "scores": self._named(self._scored(network))}
        save(network, card.model_copy(update=told), self.out)

    def _look_is_due(self) -> bool:
        """Whether the chips that choose must be looked at before the next step."""
        epoch, rest = divmod(self.progress.step, self.steps_per_epoch)
        if rest or not epoch:
            return False
        seen = bool(self.progress.rows) and self.progress.rows[-1]["epoch"] == epoch
        return not seen and (epoch % self.settings.choose_every == 0 or epoch == self.settings.epochs)

    def _channels(self) -> dict[str, int]:
        """Channels by view, of all that are learned from."""
        there = {view: n for view, n in self.inputs.CHANNELS.items() if view in self.source.views}
        asked = self.settings.views
        for view in asked or ():
            if view not in there:
                raise TrainingError(
                    f"views '{view}': there is no such view; known are {', '.join(sorted(there))}"
                )
        return there if asked is None else {view: n for view, n in there.items() if view in asked}

    def _check_names(self) -> None:
        """What is dropped and left out must be there, and something must be left."""
        known = {name for view in self.channels for name in names_of(view)}
        named = {"augment.drop": tuple(self.settings.augment.drop)}
        named |= {
            "choose_without": tuple(what for without in self.settings.choose_without for what in without)
        }
        for setting, names in named.items():
            for name in names:
                if name not in known:
                    raise TrainingError(
                        f"{setting} '{name}': there is no such view or sensor; known are {', '.join(sorted(known))}"
                    )
        if self.settings.physics.needs_evidence and self.source.inputs != "evidence":
            raise TrainingError(
                f"physics: its terms on HAND and on evidence need evidence, and dataset {self.source.name} has "
                f"'{self.source.inputs}'; leave them out"
            )
        for without in self.settings.choose_without:
            if all(any(name in without for name in names_of(view)) for view in self.channels):
                raise TrainingError(f"choose_without '{', '.join(without)}' leaves no view; leave out less")

    def _step(self, step: int, batch: Batch) -> None:
        # Layers that draw at random (stochastic depth) draw as they would have drawn, too.
        torch.manual_seed(int(np.random.SeedSequence([self.settings.seed, step]).generate_state(1)[0]))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * rate_at(step, self.steps)
        self.network.train()
        views = {name: x.to(self.device, memory_format=torch.channels_last) for name, x in batch[0].items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            truth = batch[1].to(self.device)
            told = self.network(views)
            loss = fusion_loss(told, truth)
            loss = loss + physics_loss(told.logits, truth, views, self.source.flooded, self.settings.physics)
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss is {loss.item()} at step {step}; take a smaller learning rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        self.progress.loss_sum += float(loss.detach())
        self.progress.loss_count += 1

    def _look(self) -> bool:
        """Look at the chips that choose; whether training is over before its last epoch."""
        epoch = self.progress.step // self.steps_per_epoch
        network = cast(FusionNetwork, self.averaged.module).eval()
        found = self._scored(network)
        value = float(np.mean([scores.miou_tile for scores in found]))
        row = {
            "epoch": float(epoch),
            "loss": self.progress.loss_sum / max(self.progress.loss_count, 1),
            "score": value,
        }
        for without, scores in zip(self.settings.choose_without, found, strict=True):
            row["miou_tile" + "".join(f" without {what}" for what in without)] = scores.miou_tile
        if value > self.progress.best:
            save(network, self._card(epoch, found), self.out)  # first: where it fails, the look is due again
            self.progress.best, self.progress.best_epoch = value, epoch
        self.progress.rows.append(row)
        self.progress.loss_sum, self.progress.loss_count = 0.0, 0
        self._write_log()
        self._save_state()
        return epoch - self.progress.best_epoch >= self.settings.patience

    def _scored(self, network: FusionNetwork) -> list[Scores]:
        """On the chips that choose, for each of `choose_without`."""
        try:
            return [
                score_chips(network, self.source, self.parts.choosing, self.inputs, without, turns=False)
                for without in self.settings.choose_without
            ]
        except ValueError as error:
            raise TrainingError(
                f"of the chips that choose, {error}; change choose_without or the split"
            ) from None

    def _named(self, found: Sequence[Scores]) -> dict[str, dict[str, object]]:
        named = zip(self.settings.choose_without, found, strict=True)
        return {", ".join(f"without {w}" for w in without) or "all": s._asdict() for without, s in named}

    def _card(self, epoch: int, found: Sequence[Scores]) -> Card:
        return Card(
            network=self.settings.network,
            inputs=self.source.inputs,
            fingerprint=fingerprint(self.source.inputs, self.channels),
            views=self.channels,
            classes=self.source.classes,
            dataset=self.source.name,
            split=self.source.split,
            licence=self.licence,
            command=self.command,
            seed=self.settings.seed,
            epoch=epoch,
            learning=len(self.parts.learning),
            choosing=self.parts.choosing,
            judging=self.parts.judging,
            scores=self._named(found),
        )

    def _resume(self) -> None:
        if not self.state_file.is_file():
            return
        try:
            state = torch.load(self.state_file, map_location=self.device, weights_only=True)
            mine = state["of"] == self._identity()
            if mine:
                self.network.load_state_dict(state["network"])
                self.averaged.load_state_dict(state["averaged"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.progress = Progress(**state["progress"])
        except _NO_STATE:
            raise TrainingError(f"{self.state_file}: damaged; delete it to begin anew") from None
        if not mine:
            raise TrainingError(
                f"{self.state_file}: of other settings or other chips; delete it to begin anew, or choose another --out"
            )

    def _save_state(self) -> None:
        state = {
            "of": self._identity(),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_whole(self.state_file, buffer.getvalue())

    def _identity(self) -> str:
        told = fingerprint(self.source.inputs, self.channels)
        return (
            f"{self.settings.model_dump_json()} {self.source.name} {self.source.classes} {told} {self.parts}"
        )

    def _write_log(self) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, list(self.progress.rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(self.progress.rows)
        write_whole(self.log_file, text.getvalue().encode())


def rate_at(step: int, steps: int) -> float:
    """Learning rate as a share of its highest: a linear rise over 5 % of the steps, then half a cosine to 0."""
    rise = max(WARM_UP * steps, 1.0)
    if step < rise:
        return (step + 1) / (rise + 1)
    return float(0.5 + 0.5 * np.cos(np.pi * (step - rise) / max(steps - rise, 1.0)))
