"""What the plan says of the disk, by arithmetic, before anything is trained."""

from dataclasses import replace

from plan import disk_use
from project import REPOSITORY
from sweep.config import read_config
from sweep.layout import Layout

PARAMETERS = {
    "mlp": 3072 * 100 + 100 + 2 * 100 + 100 * 10 + 10,
    "cnn": 128 * 75 + 2 * 128 + 64 * 128 * 9 + 2 * 64 + 2304 * 10 + 10,
}
# Means and variances of batch normalisation.
STATISTICS = {"mlp": 2 * 100, "cnn": 2 * (128 + 64)}


def test_the_write_ups_sweep_takes_what_its_parameters_and_answers_take() -> None:
    layout = Layout(read_config([REPOSITORY / "config.yaml"]))
    weights = sum(60 * (2 * 4 * (PARAMETERS[m] + STATISTICS[m]) + 9 * 20_000) for m in PARAMETERS)
    # Two moments, and the states of two Mersenne Twisters.
    state = weights + sum(60 * (2 * 4 * size + 2 * 5056) for size in PARAMETERS.values())
    expected = {"state": state / 10**6, "weights": weights / 10**6}
    for keep, size in expected.items():
        layout.settings["training"]["keep"] = keep
        text = f"{disk_use(layout, layout.runs)} "
        assert text.startswith(f"disk: {size:.0f} MB in results/records"), (text, size)
    layout.settings["training"]["keep"] = "state"
    assert "with training.keep: weights" not in disk_use(layout, layout.runs)
    many = [replace(run, seed=seed) for run in layout.runs for seed in range(15)]
    smaller = expected["weights"] * 15 / 1000
    assert disk_use(layout, many).endswith(f"; with training.keep: weights it is {smaller:.1f} GB")
