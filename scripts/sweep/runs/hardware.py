"""What a training runs on: device, precision, threads, memory allocator. None of it is part of a run's series."""

import ctypes
import logging
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from sweep.errors import SweepError
from sweep.runs.gpus import gpu_slot, listed_gpus

logger = logging.getLogger(__name__)

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


def choose_device(asked: str, allotted_gpus: int) -> str:
    """The kind of device, "cpu" or "cuda", for `asked` (auto, cpu or cuda).

    Raises:
        SweepError: a GPU is missing although it was asked for or allotted: by Snakemake, or by a batch system such as
            SLURM, which sets CUDA_VISIBLE_DEVICES.
    """
    if asked == "cpu":
        if allotted_gpus or listed_gpus():
            logger.info("This job was allotted a GPU, which idles: training.device is cpu")
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    hint = "see what nvidia-smi and torch.version.cuda say, or set training.device to cpu"
    if asked == "cuda":
        raise SweepError(f"training.device is cuda, but torch finds no CUDA device: {hint}")
    if allotted_gpus or listed_gpus():
        raise SweepError(f"this job was allotted a GPU, but torch finds no CUDA device: {hint}")
    logger.info("No CUDA device: training on the CPU")
    return "cpu"


@contextmanager
def taken_device(kind: str, jobs_per_gpu: int) -> Iterator[tuple[torch.device, str | None]]:
    """Yield the CPU and None, or a GPU and its name. Until the context ends, at most `jobs_per_gpu` − 1 other jobs use
    that GPU, too.

    Raises:
        SweepError: this build of torch cannot compute on that GPU, or GPUs cannot be locked.
    """
    if kind == "cpu":
        yield torch.device("cpu"), None
        return
    cards = visible_cards()
    with gpu_slot(cards, jobs_per_gpu) as position:
        check_kernels(position)
        torch.cuda.set_device(position)
        yield torch.device("cuda", position), cards[position]


def visible_cards() -> list[str]:
    """The name of each GPU that this process sees, in CUDA's order. It is the UUID, so that a GPU has the same name in
    all jobs."""
    # A process that is given MIG instances sees only the first of them, and its UUID would be that of the whole card.
    listed = listed_gpus()
    if listed and listed[0].startswith("MIG-"):
        return listed[:1]
    return [str(torch.cuda.get_device_properties(position).uuid) for position in range(torch.cuda.device_count())]


def check_kernels(position: int) -> None:
    """Raises SweepError if this build of torch has no kernels for the GPU at this position.

    A binary kernel (sm_86) runs on cards of the same major version, from its minor version on (8.6, 8.9), intermediate
    code (compute_80) on all cards from its version on. With a letter (sm_90a) it runs on cards of this version alone.
    """
    has = torch.cuda.get_arch_list()
    built = re.findall(r"(sm|compute)_(\d+)(\d)([a-z]?)\b", " ".join(has))
    if not built:
        return
    card = torch.cuda.get_device_capability(position)
    for kind, major, minor, letter in built:
        version = (int(major), int(minor))
        if version == card or (version < card and not letter and (kind == "compute" or version[0] == card[0])):
            return
    name = torch.cuda.get_device_name(position)
    raise SweepError(
        f"this build of torch ({torch.__version__}) has no kernels for {name} of compute capability "
        f"{card[0]}.{card[1]}, only {', '.join(has)}: install one that has them, hide that card by "
        "CUDA_VISIBLE_DEVICES, or set training.device to cpu"
    )


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


def foresee_arithmetic(device: str, precision: str) -> dict[str, str]:
    """The device kind, precision and torch of a training that would start now on this machine with these words of the
    config. The precision is left out where only a GPU, of which there is none here, would tell it."""
    kind = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    found = {"device": kind}
    if precision != "auto" or kind == "cpu" or torch.cuda.is_available():
        found["precision"] = choose_precision(precision, torch.device(kind))
    return {**found, "torch": str(torch.__version__)}


def set_up(device: torch.device, threads: int) -> None:
    """Set the process up for training: number of CPU threads, true float32, and on a CPU the memory allocator."""
    torch.set_num_threads(threads)
    # By default cuDNN computes float32 convolutions in TF32, whose mantissa has 10 bits. The first two are the switches
    # of old, which must agree with the others.
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    for operations in _float32_operations():
        operations.fp32_precision = "ieee"
    check_float32()
    if device.type == "cpu":
        keep_freed_memory()


def check_float32() -> None:
    """Raises SweepError if torch would compute products of float32 numbers at a lower precision."""
    found = sorted({str(operations.fp32_precision) for operations in _float32_operations()} - {"ieee"})
    if found:
        raise SweepError(
            f"torch computes products of float32 in {', '.join(found)}, which no record would show: remove what "
            "switches that on, in the model's file or in the environment"
        )


def _float32_operations() -> list[Any]:
    """What has a precision of its own in torch, on GPUs (the first three) and on CPUs."""
    backends: Any = torch.backends
    cuda, cudnn, mkldnn = backends.cuda, backends.cudnn, backends.mkldnn
    return [cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn]


# torch.OutOfMemoryError covers only torch's own allocator on GPUs, not the CPU, the driver, cuBLAS and cuDNN.
OUT_OF_MEMORY = re.compile(
    r"out[ _]?of[ _]?memory|alloc(ation)?_failed|memory_?allocation|bad_alloc|not enough memory"
    r"|(can't|can ?not|unable to|failed to) allocate",
    re.IGNORECASE,
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, of the machine's memory or of a GPU's."""
    return isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)) is not None


def device_name(device: torch.device) -> str:
    """The name of the GPU or the processor; if the processor's is unknown, its architecture."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())
