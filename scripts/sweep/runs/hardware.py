"""What a training runs on: device, precision, threads, memory allocator. None of it is part of a run's key."""

import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from sweep.errors import SweepError
from sweep.runs.gpus import gpu_slot

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory. By default it gives 50 to 400 MB of activations back to the kernel at every
    step, and the page faults that follow cost more time than the arithmetic."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 64 * 2**20)


def choose_device(asked: str, allotted_gpus: int, log: Callable[[str], None]) -> str:
    """The kind of device, "cpu" or "cuda", for `asked` (auto, cpu or cuda).

    Raises:
        SweepError: a GPU is missing although it was asked for or allotted: by Snakemake, or by a batch system such as
            SLURM, which sets CUDA_VISIBLE_DEVICES.
    """
    if asked == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    hint = "see what nvidia-smi and torch.version.cuda say, or set training.device to cpu"
    if asked == "cuda":
        raise SweepError(f"training.device is cuda, but torch finds no CUDA device: {hint}")
    if allotted_gpus or os.environ.get("CUDA_VISIBLE_DEVICES") not in (None, "", "-1"):
        raise SweepError(f"this job was allotted a GPU, but torch finds no CUDA device: {hint}")
    log("No CUDA device: training on the CPU")
    return "cpu"


@contextmanager
def taken_device(kind: str, jobs_per_gpu: int, log: Callable[[str], None]) -> Iterator[tuple[torch.device, str | None]]:
    """Yield the CPU and None, or a GPU and its name. Until the context ends, at most `jobs_per_gpu` − 1 other jobs use
    that GPU, too."""
    if kind == "cpu":
        yield torch.device("cpu"), None
        return
    cards = visible_cards()
    with gpu_slot(cards, jobs_per_gpu, log) as position:
        torch.cuda.set_device(position)
        yield torch.device("cuda", position), cards[position]


def visible_cards() -> list[str]:
    """The name of each GPU that this process sees, in CUDA's order. It is the UUID, so that a GPU has the same name in
    all jobs."""
    # A process that is given MIG instances sees only the first of them, and its UUID would be that of the whole card.
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    if first.startswith("MIG-"):
        return [first]
    return [str(torch.cuda.get_device_properties(position).uuid) for position in range(torch.cuda.device_count())]


def choose_precision(asked: str, device: torch.device) -> str:
    """The precision, "fp32" or "bf16", for `asked` (auto, fp32 or bf16); auto is bf16 if it is faster on `device`."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # On AMD's processors, AVX-512's bf16 products are twice as fast as float32's. On Intel's they are not, as these
        # have AMX for bf16: on a Xeon with AMX switched off, the CNN and the MLP were a fifth to a half slower in bf16.
        cpu = torch.cpu.get_capabilities()
        fast = bool(cpu.get("amx_bf16") or (cpu.get("avx512_bf16") and "Intel" not in str(cpu.get("cpu_name"))))
    return "bf16" if fast else "fp32"


def set_up(device: torch.device, threads: int) -> None:
    """Set the process up for training: number of CPU threads, true float32, and on a CPU the memory allocator."""
    torch.set_num_threads(threads)
    # By default cuDNN computes float32 convolutions in TF32, whose mantissa has 10 bits.
    torch.backends.cudnn.allow_tf32 = False
    if device.type == "cpu":
        keep_freed_memory()


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether an allocation failed."""
    # torch.OutOfMemoryError covers only torch's own allocator on GPUs, not the CPU, the driver and cuBLAS.
    words = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, MemoryError) or any(part in str(error) for part in words)


def device_name(device: torch.device) -> str:
    """The name of the GPU or the processor; if the processor's is unknown, its architecture."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())
