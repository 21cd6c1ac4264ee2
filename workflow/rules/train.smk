# prepared data → a record a run
#
# What decides a run's numbers are params, so that Snakemake sees a change and trains again. Where and how a run trains
# (device, precision, threads), and what is kept beside the record, are resources, which Snakemake does not compare, so
# that a change there retrains nothing.


rule train:
    input:
        # The content hash is in the manifest; the data file is large, and its time means nothing.
        manifest=DATA / "manifest.json",
        images=ancient(DATA / "images.safetensors"),
    output:
        metrics=RESULTS / f"runs/{RUN}/metrics.json",
    log:
        RESULTS / f"logs/train/{RUN}.log",
    benchmark:
        RESULTS / f"benchmarks/train/{RUN}.jsonl"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        device=settings["training"]["device"],
        precision=settings["training"]["precision"],
        jobs_per_gpu=settings["training"]["jobs_per_gpu"],
        keep=settings["training"]["keep"],
        mem_mb=train_mem_mb,
        runtime=train_runtime_min,
    params:
        epochs=train_epochs,
        axes=lambda wildcards: ["--set", *axis_words(AXES[wildcards.axes])] if wildcards.axes else [],
        code_hash=lambda wildcards: code_hash(wildcards.model),
        script=SCRIPTS / "train.py",
        data=DATA,
        records=RECORDS,
    message:
        "Train {wildcards.model} {wildcards.batch_size}_{wildcards.learning_rate}_{wildcards.dropout_rate}"
        "{wildcards.axes}"
        " with seed {wildcards.seed} for {params.epochs} epochs"
    shell:
        "python {params.script:q} --model {wildcards.model} --batch-size {wildcards.batch_size}"
        " --learning-rate {wildcards.learning_rate} --dropout-rate {wildcards.dropout_rate} --seed {wildcards.seed}"
        " --epochs {params.epochs} {params.axes:q} --data {params.data} --records {params.records} --device {resources.device}"
        " --precision {resources.precision} --gpus {resources.gpu} --jobs-per-gpu {resources.jobs_per_gpu} --keep {resources.keep}"
        f" --threads {{threads}} --metrics {{output.metrics}} > {{log}} 2>&1 || {NAME_KILL}"
