# One job a run. What decides its numbers are params, so that Snakemake sees a change; where and how it runs (device,
# precision, threads) are resources, so that a change there retrains nothing.


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
        device=settings["training"]["device"],
        precision=settings["training"]["precision"],
        jobs_per_gpu=settings["training"]["jobs_per_gpu"],
        mem_mb=train_mem_mb,
        runtime=train_runtime_min,
    params:
        epochs=lambda wildcards: EPOCHS[wildcards.model],
        code_hash=lambda wildcards: code_hash(wildcards.model),
        script=SCRIPTS / "train.py",
        data=DATA,
        records=RECORDS,
    message:
        "Train {wildcards.model} {wildcards.batch_size}_{wildcards.learning_rate}_{wildcards.dropout_rate}"
        " with seed {wildcards.seed} for {params.epochs} epochs"
    shell:
        "python {params.script:q} --model {wildcards.model} --batch-size {wildcards.batch_size}"
        " --learning-rate {wildcards.learning_rate} --dropout-rate {wildcards.dropout_rate} --seed {wildcards.seed}"
        " --epochs {params.epochs} --data {params.data} --records {params.records} --device {resources.device}"
        " --precision {resources.precision} --gpus {resources.gpu} --jobs-per-gpu {resources.jobs_per_gpu}"
        " --threads {threads} --metrics {output.metrics} > {log} 2>&1"
        # Nothing but the shell is left to speak when the system takes the memory back.
        " || {{ code=$?; [ $code != 137 ] || echo 'Error: the job was killed (SIGKILL), as the system does where memory"
        " runs out: run fewer jobs at once (--resources mem_mb=…), or take smaller models.{wildcards.model}.batch_sizes"
        " than {wildcards.batch_size}' >> {log}; exit $code; }}"
