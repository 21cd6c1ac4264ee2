"""How the configuration that a study names is read."""

from typing import Any

import pytest

from sweep.errors import SweepError
from sweep.studies import read_configuration


@pytest.mark.parametrize(
    ("study", "value", "expected"),
    [
        ("ablation", "1024_0.001_0.2", (1024, [0.001, 0.2])),
        ("ablation", "2_1e-05_0.5", (2, [1e-05, 0.5])),
        ("dropout_kind", "128_0.001", (128, [0.001])),
        ("dropout_kind", 1280.001, (128, [0.001])),  # as YAML reads 128_0.001
        ("dropout_kind", 10240.00012345, (1024, [0.00012345])),
        ("dropout_kind", "128_1.0", (128, [1.0])),
    ],
)
def test_a_configuration_is_read_from_its_name(study: str, value: Any, expected: Any) -> None:
    assert read_configuration(study, value) == expected


@pytest.mark.parametrize(("study", "value"), [("dropout_kind", 1281.5), ("dropout_kind", 128), ("ablation", 0.2)])
def test_a_number_that_may_be_several_names_is_refused(study: str, value: float) -> None:
    with pytest.raises(SweepError, match="in quotes"):
        read_configuration(study, value)
