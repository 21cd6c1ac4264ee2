# One job a run. What decides a run's numbers are params, so that Snakemake sees a change; where it runs (device,
# precision, threads) is not, so that a change there retrains nothing.

import shutil


def has_gpu():
    """Whether this machine has an NVIDIA GPU that jobs may see; asking torch would take seconds at every dry run."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    windows_gpu = Path("/dev/dxg").exists() and shutil.which("nvidia-smi") is not None  # as seen from WSL
    return windows_gpu or any(Path("/dev").glob("nvidia[0-9]*"))


GPUS = {"auto": int(has_gpu()), "cpu": 0, "cuda": 1}[settings["training"]["device"]]


def train_mem_mb(wildcards, attempt):
    """Measured: torch and the data, and what a step keeps of each of its pictures; more after a job that ran out."""
    return attempt * round(1000 + training_mb_per_picture(wildcards.model) * int(wildcards.batch_size))


rule train:
    input:
        # The content hash is in the manifest; the data file is large, and its time means nothing.
        manifest=DATA / "manifest.json",
        images=ancient(DATA / "images.safetensors"),
    output:
        metrics=RESULTS / "runs/{model}/{batch_size}_{learning_rate}_{dropout_rate}/seed{seed}/metrics.json",
    log:
        RESULTS / "logs/train/{model}/{batch_size}_{learning_rate}_{dropout_rate}/seed{seed}.log",
    benchmark:
        RESULTS / "benchmarks/train/{model}/{batch_size}_{learning_rate}_{dropout_rate}/seed{seed}.jsonl"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=train_mem_mb,
    params:
        epochs=lambda wildcards: MODELS[wildcards.model]["epochs"],
        code_hash=lambda wildcards: code_hash(wildcards.model),
    message:
        "Train {wildcards.model} {wildcards.batch_size}_{wildcards.learning_rate}_{wildcards.dropout_rate}"
        " with seed {wildcards.seed} for {params.epochs} epochs"
    shell:
        "python {SCRIPTS:q}/train.py --model {wildcards.model} --batch-size {wildcards.batch_size}"
        " --learning-rate {wildcards.learning_rate} --dropout-rate {wildcards.dropout_rate} --seed {wildcards.seed}"
        " --epochs {params.epochs} --data {DATA} --records {RECORDS} --device {settings[training][device]}"
        " --precision {settings[training][precision]} --gpus {resources.gpu} --threads {threads}"
        " --metrics {output.metrics} > {log} 2>&1"
