# records → tables: the sweep's, and those of each study


rule aggregate:
    input:
        *METRICS,
        grid=lambda wildcards: unless_touched(asked_grid()),
        manifest=DATA / "manifest.json",
        code=code_of("aggregate", "data", "runs", "analysis"),
    output:
        runs=report(TABLES / "runs.csv", caption="../templates/captions/runs.rst", category="Tables"),
        epochs=TABLES / "epochs.csv",
        configurations=report(
            TABLES / "configurations.csv", caption="../templates/captions/configurations.rst", category="Tables"
        ),
        importance=TABLES / "importance.csv",
        grid=TABLES / "grid.json",
        sums=TABLES / "SHA256SUMS",
    log:
        RESULTS / "logs/aggregate.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
    params:
        runs=RESULTS / "runs",
        records=RECORDS,
        data=DATA,
        promotions=PROMOTIONS,
        tables=lambda wildcards, output: Path(output.grid).parent,
        # For the caption of Snakemake's own report; the grid says it to the program.
        rank_by=settings["report"]["rank_by"],
    message:
        "Gather the records in {params.tables}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --runs {params.runs} --records {params.records}"
        " --data {params.data} --promotions {params.promotions} --tables {params.tables} > {log} 2>&1"


TABLE_FILES = [Path(file).name for file in rules.aggregate.output]
# Studies have tables of their own, from runs that the sweep may have too.
STUDY_TABLES = layout.study_tables("{study}")


use rule aggregate as aggregate_study with:
    input:
        grid=lambda wildcards: unless_touched(asked_grid(wildcards.study)),
        manifest=DATA / "manifest.json",
        metrics=lambda wildcards: STUDY_METRICS[wildcards.study],
        code=rules.aggregate.input.code,
    output:
        runs=STUDY_TABLES / "runs.csv",
        epochs=STUDY_TABLES / "epochs.csv",
        configurations=STUDY_TABLES / "configurations.csv",
        importance=STUDY_TABLES / "importance.csv",
        grid=STUDY_TABLES / "grid.json",
        sums=STUDY_TABLES / "SHA256SUMS",
    log:
        RESULTS / "logs/aggregate_study/{study}.log",
