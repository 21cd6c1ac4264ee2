"""Which device and precision a training gets on different machines, whose hardware is made up."""

import logging
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from sweep.errors import SweepError
from sweep.runs.hardware import check_kernels, choose_device, choose_precision, is_out_of_memory


@pytest.mark.parametrize(
    ("asked", "allotted_gpus", "found", "device"),
    [
        ("auto", 1, True, "cuda"),
        ("auto", 0, True, "cuda"),
        ("auto", 0, False, "cpu"),
        ("cuda", 1, True, "cuda"),
        ("cpu", 0, True, "cpu"),
        ("cpu", 1, False, "cpu"),
    ],
)
def test_a_device_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asked: str,
    allotted_gpus: int,
    found: bool,
    device: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    caplog.set_level(logging.INFO)
    assert choose_device(asked, allotted_gpus) == device
    # Only the fallback to the CPU is logged.
    assert any("on the CPU" in line for line in caplog.messages) == (asked == "auto" and not found)


@pytest.mark.parametrize(("asked", "allotted_gpus"), [("cuda", 1), ("cuda", 0), ("auto", 1)])
def test_a_missing_gpu_is_an_error_instead_of_a_slow_fallback(
    monkeypatch: pytest.MonkeyPatch, asked: str, allotted_gpus: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SweepError, match=r"no CUDA device: .*set training\.device to cpu"):
        choose_device(asked, allotted_gpus)


@pytest.mark.parametrize(
    ("visible", "allotted"),
    [
        ("0", True),
        ("GPU-1,GPU-2", True),
        ("0,-1", True),
        *((hidden, False) for hidden in ("", "-1", "none", "NoDevFiles")),
    ],
)
def test_a_batch_system_allots_by_what_it_makes_visible(
    monkeypatch: pytest.MonkeyPatch, visible: str, allotted: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(SweepError, match="was allotted a GPU") if allotted else nullcontext():
        assert choose_device("auto", 0) == "cpu"


def test_running_out_of_memory_is_distinguished_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as told:
        torch.empty(2**50)
    assert is_out_of_memory(told.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())


@pytest.mark.parametrize(
    ("message", "memory"),
    [
        ("CUDA error: out of memory", True),
        ("CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED", True),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", True),
        ("MPS backend out of memory (MPS allocated: 1.00 GB)", True),
        ("std::bad_alloc", True),
        ("[Errno 12] Cannot allocate memory", True),
        ("cudaErrorMemoryAllocation", True),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", False),
        ("CUDA error: an illegal memory access was encountered", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_all_libraries_words_for_it_are_known(message: str, memory: bool) -> None:
    assert is_out_of_memory(RuntimeError(message)) == memory


BUILT = ["sm_75", "sm_80", "sm_86", "sm_90a", "sm_100", "sm_120", "compute_120"]


@pytest.mark.parametrize(
    ("card", "built", "runs"),
    [
        ((8, 0), BUILT, True),
        ((8, 9), BUILT, True),  # by the binary for 8.6
        ((7, 0), BUILT, False),  # older than 7.5
        ((6, 1), BUILT, False),
        ((9, 0), BUILT, True),
        ((9, 1), BUILT, False),  # sm_90a is for 9.0 alone
        ((11, 0), BUILT, False),  # no binary of its major version, and intermediate code is for newer ones
        ((10, 3), BUILT, True),
        ((12, 1), BUILT, True),
        ((13, 0), BUILT, True),  # compiled for it from compute_120
        ((13, 0), BUILT[:-1], False),
        ((9, 4), ["gfx942"], True),  # another maker's: nothing is known
    ],
)
def test_a_card_that_torch_has_no_kernels_for_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, card: tuple[int, int], built: list[str], runs: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: card)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built)
    with (
        nullcontext()
        if runs
        else pytest.raises(SweepError, match=rf"no kernels for Some GPU of .* {card[0]}\.{card[1]}")
    ):
        check_kernels(0)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True, "amx_bf16": False}, "bf16"),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, "fp32"),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, "bf16"),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "fp32"),
        ({}, "fp32"),  # other processors
    ],
)
def test_auto_precision_on_a_cpu_is_bf16_only_where_it_is_the_faster_one(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision("auto", torch.device("cpu")) == precision
    assert choose_precision("fp32", torch.device("cpu")) == "fp32"
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16"), (False, "fp32")])
def test_auto_precision_on_a_gpu_does_not_count_emulation(
    monkeypatch: pytest.MonkeyPatch, native: bool, precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert choose_precision("auto", torch.device("cuda")) == precision


def test_an_allotted_gpu_that_idles_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert choose_device("cpu", 1) == "cpu"
    assert caplog.messages == ["This job was allotted a GPU, which idles: training.device is cpu"]
