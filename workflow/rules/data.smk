# source → prepared data: one file that all trainings map into memory, and a small manifest with its content hash


rule prepare_data:
    input:
        code=code_of("prepare_data", "data"),
    output:
        images=DATA / "images.safetensors",
        manifest=DATA / "manifest.json",
    log:
        RESULTS / "logs" / "prepare_data.log",
    conda:
        "../../envs/training.yaml"
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
        "Prepare the images of {params.source}"
    shell:
        "python {input.code[0]:q} --source {params.source} --path={params.path:q}"
        " --validation-size {params.validation_size} --output {params.folder} > {log} 2>&1"
