"""GPUs as the operating system shows them; asking torch would take seconds at every dry run."""

import os
import shutil
from pathlib import Path


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU that jobs may see."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    seen_from_wsl = Path("/dev/dxg").exists() and shutil.which("nvidia-smi") is not None
    return seen_from_wsl or any(Path("/dev").glob("nvidia[0-9]*"))
