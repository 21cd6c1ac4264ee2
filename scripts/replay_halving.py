"""Print what successive halving would have cost and missed: see `replay_halving`."""

from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path

import pandas as pd

from sweep import program
from sweep.analysis.replay import SHARES, Replay, replay, rungs_of
from sweep.config import read_config
from sweep.errors import SweepError
from sweep.grid import Grid
from sweep.layout import Layout
from sweep.results import load_epochs, load_runs


def replay_halving(
    configfile: list[Path] = [],  # noqa: B006  it is not changed
    models: list[str] = [],  # noqa: B006  nor is this
    epochs: list[int] = [],  # noqa: B006  nor is this
    keep: list[float] = [],  # noqa: B006  nor is this
) -> None:
    """Print what settings of successive halving would have cost and found on a finished sweep, without training.

    Each line is a setting: after each of the numbers of epochs the best share "keep" of the configurations goes on.
    Beside it are the epochs trained, their share of the full grid's and the share of its training time; how many
    configurations are trained to the end; the best of them, its rank in the full grid, and by how much its last epoch
    is worse than that of the full grid's best (a minus: better).

    --configfile is on top of config.yaml, as Snakemake's. --models are some of the sweep's, by default all. --epochs 2
    6 are the rungs of one setting, and each --keep is one of its shares; without them settings worth a look are tried.
    """
    layout = Layout(read_config(configfile))
    runs, histories = load_runs(layout.settings["experiment"]), load_epochs(layout.settings["experiment"])
    grid = Grid.read(layout.tables / "grid.json")
    check(layout, grid, models, epochs, keep)
    sections = []
    for model in models or grid.models:
        rows, its_epochs = runs[runs["model"] == model], histories[histories["model"] == model]
        rungs = [epochs] if epochs else rungs_of(grid.models[model].epochs)
        found = [replay(rows, its_epochs, grid.rank_by, *setting) for setting in product(rungs, keep or SHARES)]
        sections.append(f"{head(model, rows, its_epochs, grid)}\n{table(found, grid.rank_by)}")
    print(program.printable("\n\n".join(sections)))


def check(layout: Layout, grid: Grid, models: Sequence[str], epochs: Sequence[int], keep: Sequence[float]) -> None:
    """Raises SweepError if the tables, which are of `grid`, are not those of full grids of the models, or if a setting
    has rungs or shares that no config may have."""
    if grid.partial is not None:
        raise SweepError(f"{layout.tables} is a preview; a replay needs the tables of a finished sweep: make run")
    for model in models or grid.models:
        if model not in grid.models:
            raise SweepError(f"--models {model}: {layout.tables} has no such model; it has {', '.join(grid.models)}")
        space = grid.models[model]
        if space.halving:
            raise SweepError(
                f"{layout.tables}: {model} was itself halved, and nothing tells how the runs that were stopped would "
                f"have ended; name other models with --models, or take models.{model}.halving out of the config "
                "and run the sweep"
            )
        if any(later <= earlier for earlier, later in pairwise([0, *epochs, space.epochs])):
            raise SweepError(
                f"--epochs {' '.join(map(str, epochs))}: the numbers must rise, from 1 at the least, and stay below "
                f"the {space.epochs} epochs of {model}; name one model with --models"
            )
        if space.epochs == 1:
            raise SweepError(f"{model} has one epoch, which cannot be cut short; name other models with --models")
    for share in keep:
        if not 0 < share < 1:
            raise SweepError(f"--keep {share:g}: the share that goes on must be above 0 and below 1, such as 0.33")


def head(model: str, runs: pd.DataFrame, epochs: pd.DataFrame, grid: Grid) -> str:
    """The full grid of a model, and its best configuration."""
    full = replay(runs, epochs, grid.rank_by, [], 1)
    ended = runs["status"].eq("completed").groupby(runs["name"]).all().sum()
    best = f"best by {grid.rank_by}: {full.found}" if full.found else "every configuration has a run that diverged"
    seeds = f" of {len(grid.seeds)} seeds" if len(grid.seeds) > 1 else ""
    return (
        f"{model}: {full.epochs} epochs of {full.survivors} configurations{seeds} in full, "
        f"{ended} without a run that diverged; {best}"
    )


def table(found: Sequence[Replay], rank_by: str) -> str:
    """A row a setting, its columns as `replay_halving` says."""
    metrics = sorted(("val_loss", "val_acc"), key=lambda metric: metric != rank_by)
    rows = [
        {
            "rungs": " ".join(map(str, each.rungs)),
            "keep": f"{each.keep:g}",
            "epochs": each.epochs,
            "of all": f"{each.share:.1%}",
            "time": f"{each.time_share:.1%}",
            "to the end": each.survivors,
            "found": each.found or "none: diverged",
            "rank": each.rank or "-",
            **{f"{metric} behind": f"{each.behind[metric]:.4f}" if each.found else "-" for metric in metrics},
        }
        for each in found
    ]
    return pd.DataFrame(rows).to_string(index=False)


if __name__ == "__main__":
    program.run(replay_halving)
