"""One thread: these tensors are small, and test processes that share cores would only wait for each other's threads."""

import torch

torch.set_num_threads(1)
