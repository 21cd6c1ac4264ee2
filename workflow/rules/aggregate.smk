# records → tables


rule aggregate:
    input:
        grid=lambda wildcards: unless_touched(asked_grid()),
        manifest=DATA / "manifest.json",
        metrics=METRICS,
        code=code_of("aggregate", "data", "runs", "analysis"),
    output:
        runs=report(TABLES / "runs.csv", caption="../templates/captions/runs.rst", category="Tables"),
        epochs=TABLES / "epochs.csv",
        configurations=report(
            TABLES / "configurations.csv", caption="../templates/captions/configurations.rst", category="Tables"
        ),
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
        tables=lambda wildcards, output: Path(output.grid).parent,
        # For the caption of Snakemake's own report; the grid says it to the program.
        rank_by=settings["report"]["rank_by"],
    message:
        "Gather the records in {params.tables}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --runs {params.runs} --records {params.records}"
        " --data {params.data} --tables {params.tables} > {log} 2>&1"
