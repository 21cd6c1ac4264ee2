"""How large a model is, and what an answer costs."""

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sweep.analysis.examined import Size


def measure_size(model: nn.Module) -> Size:
    """The number of parameters, and of the multiply-adds that one image takes in convolutions and matrix products: half
    of torch's count of operations. `model` is in evaluation mode."""
    # Attention must run as the products that it is made of: torch does not count its kernels that fuse them on a CPU.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 32, 32, 3))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return Size(sum(parameter.numel() for parameter in model.parameters()), counter.get_total_flops() // 2)
