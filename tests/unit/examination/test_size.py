"""Parameters and multiply-adds against the layers' sizes, multiplied by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sweep.examination.size import measure_size
from sweep.models import build_model

# A convolution takes its kernel for each output: 5×5 from 32×32 gives 28×28, pooled 14×14; 3×3 then gives 12×12.
CNN = 28 * 28 * 128 * (3 * 5 * 5) + 12 * 12 * 64 * (128 * 3 * 3)
CNN_PARAMETERS = 128 * (3 * 5 * 5) + 2 * 128 + 64 * (128 * 3 * 3) + 2 * 64
HEAD = 64 * 6 * 6


@pytest.mark.parametrize(
    ("name", "classes", "axes", "parameters", "multiply_adds"),
    [
        ("mlp", 10, {}, 3072 * 100 + 100 + 2 * 100 + 100 * 10 + 10, 3072 * 100 + 100 * 10),
        ("mlp", 3, {"hidden": 7, "batch_norm": False}, 3072 * 7 + 7 + 7 * 3 + 3, 3072 * 7 + 7 * 3),
        ("cnn", 10, {}, CNN_PARAMETERS + HEAD * 10 + 10, CNN + HEAD * 10),
        ("cnn", 3, {"dropout_kind": "element"}, CNN_PARAMETERS + HEAD * 3 + 3, CNN + HEAD * 3),
    ],
)
def test_size_is_that_of_the_layers(
    name: str, classes: int, axes: dict[str, Any], parameters: int, multiply_adds: int
) -> None:
    found = measure_size(build_model(name, classes, 0.2, **axes).eval())
    assert (found.parameters, found.multiply_adds) == (parameters, multiply_adds)


class Attention(nn.Module):
    """A row of the picture is a token of 96 numbers. torch has two forms of the same attention."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.layer = nn.TransformerEncoderLayer(96, 4, 192, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        rows = images.flatten(2)
        if self.form == "layer":
            answer: Tensor = self.layer(rows)
            return answer
        heads = rows.unflatten(2, (4, 24)).transpose(1, 2)
        return functional.scaled_dot_product_attention(heads, heads, heads)


# Every token with every other one: the products of queries with keys, and of these with the values.
PRODUCTS = 2 * 32 * 32 * 96


@pytest.mark.parametrize(
    ("form", "multiply_adds"), [("layer", 32 * 96 * (4 * 96 + 2 * 192) + PRODUCTS), ("function", PRODUCTS)]
)
def test_attention_is_counted_though_torch_has_a_faster_way(form: str, multiply_adds: int) -> None:
    model = Attention(form).eval()
    assert measure_size(model).multiply_adds == multiply_adds
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_two_models_are_of_the_sizes_that_people_know() -> None:
    millions = [measure_size(build_model(name, 10, 0.2).eval()).multiply_adds / 1e6 for name in ("cnn", "mlp")]
    assert millions == pytest.approx([18.2, 0.31], rel=0.01)
