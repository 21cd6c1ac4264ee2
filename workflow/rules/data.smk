# One prepared file for all trainings, and a small manifest that holds its content hash.


rule prepare_data:
    input:
        script=SCRIPTS / "prepare_data.py",
        library=[LIBRARY / "prepared.py", *sorted((LIBRARY / "sources").glob("*.py"))],
    output:
        images=DATA / "images.safetensors",
        manifest=DATA / "manifest.json",
    log:
        RESULTS / "logs" / "prepare_data.log",
    benchmark:
        RESULTS / "benchmarks" / "prepare_data.jsonl"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 3000,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        # A function, or Snakemake would take braces in the path for wildcards.
        path=lambda _: settings["data"]["path"],
        folder=DATA,
        source=settings["data"]["source"],
        validation_size=settings["data"]["validation_size"],
        fingerprint=data_fingerprint,
    message:
        "Prepare the pictures of {params.source}"
    shell:
        "python {input.script:q} --source {params.source} --path={params.path:q}"
        " --validation-size {params.validation_size} --output {params.folder} > {log} 2>&1"
