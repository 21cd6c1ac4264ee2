"""A study's learning curves: a model's and its variant's together, in the style of the grid's."""

import pandas as pd
from matplotlib.figure import Figure

from sweep.figures import learning_curves
from sweep.grid import rate_name
from sweep.studies import variant_of

# What the model has, and what its variant has instead.
KINDS = {"ablation": ("BN", "no BN"), "dropout_kind": ("channels", "elements")}


def study_curves(epochs: pd.DataFrame, configurations: pd.DataFrame, study: str, model: str, metric: str) -> Figure:
    """`metric` over epochs of a study's configurations of `model`, solid, and of its variant, dashed; a colour for each
    dropout rate. `epochs` and `configurations` are the study's tables of those names."""
    rates = sorted(configurations.loc[configurations["model"] == model, "dropout_rate"].unique())
    rows, curves = [], []
    for position, (name, kind) in enumerate(zip((model, variant_of(study, model)), KINDS[study], strict=True)):
        part = configurations.loc[configurations["model"] == name]
        ranks = position * len(rates) + part["dropout_rate"].map(rates.index)
        labels = part["dropout_rate"].map(lambda rate, kind=kind: f"{kind}, dropout {rate_name(rate)}")
        rows.append(part.assign(model=study, name=labels, rank=ranks))
        names = dict(zip(part["name"], labels, strict=True))
        of_model = epochs.loc[epochs["model"] == name]
        curves.append(of_model.assign(model=study, name=of_model["name"].map(names)))
    return learning_curves(pd.concat(curves), pd.concat(rows), study, metric, 2 * len(rates), len(rates))
