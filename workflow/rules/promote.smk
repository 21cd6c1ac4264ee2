# records of a rung → which configurations of a model that is halved go on


# After a rung, Snakemake asks again which records are needed: the next rung's jobs depend on what this one says.
checkpoint promote:
    input:
        asked=lambda wildcards: unless_touched(asked_promotion(wildcards.model, int(wildcards.epochs))),
        before=lambda wildcards: list(promotions_before(wildcards.model, int(wildcards.epochs)).values()),
        manifest=DATA / "manifest.json",
        metrics=lambda wildcards: rung_metrics(wildcards.model, int(wildcards.epochs)),
        code=code_of("promote", "data", "runs", "analysis"),
    output:
        promotion=promotion_file(PROMOTIONS, "{model}", "{epochs}"),
    log:
        RESULTS / "logs/promote/{model}/rung{epochs}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
    params:
        runs=RESULTS / "runs",
        records=RECORDS,
        data=DATA,
        promotions=PROMOTIONS,
    message:
        "Choose the configurations of {wildcards.model} that go on after {wildcards.epochs} epochs"
    shell:
        "python {input.code[0]:q} --grid {input.asked} --model {wildcards.model} --epochs {wildcards.epochs}"
        " --runs {params.runs} --records {params.records} --data {params.data} --promotions {params.promotions}"
        " > {log} 2>&1"
