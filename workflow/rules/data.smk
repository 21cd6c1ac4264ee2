# source → prepared data: one file that all trainings map into memory, and a small manifest with its content hash


rule prepare_data:
    input:
        asked=lambda wildcards: unless_touched(asked_data()),
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
        folder=DATA,
        source=settings["data"]["source"],
    message:
        "Prepare the images of {params.source}"
    shell:
        "python {input.code[0]:q} --asked {input.asked} --output {params.folder} > {log} 2>&1"
