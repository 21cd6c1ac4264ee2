"""How large a model is, and what an answer costs."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sweep.analysis.examined import Size


def measure_size(model: nn.Module) -> Size:
    """The number of parameters, and of the multiply-adds that one image takes in convolutions and matrix products: half
    of torch's count of operations. `model` is in evaluation mode."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 32, 32, 3))
    return Size(sum(parameter.numel() for parameter in model.parameters()), counter.get_total_flops() // 2)
