# Studies beside the grid: tables and figures of their own, from runs that the grid may have or not.

STUDY_TABLES = layout.study_tables("{study}")


use rule aggregate as aggregate_study with:
    input:
        grid=lambda wildcards: STUDY_GRIDS[wildcards.study],
        manifest=DATA / "manifest.json",
        metrics=lambda wildcards: STUDY_METRICS[wildcards.study],
        script=rules.aggregate.input.script,
        library=rules.aggregate.input.library,
    output:
        runs=STUDY_TABLES / "runs.csv",
        epochs=STUDY_TABLES / "epochs.csv",
        configurations=STUDY_TABLES / "configurations.csv",
        grid=STUDY_TABLES / "grid.json",
        sums=STUDY_TABLES / "SHA256SUMS",
    log:
        RESULTS / "logs/aggregate_study/{study}.log",
    benchmark:
        RESULTS / "benchmarks/aggregate_study/{study}.jsonl"
    params:
        runs=RESULTS / "runs",
        records=RECORDS,
        data=DATA,
        tables=lambda wildcards: layout.study_tables(wildcards.study),
        rank_by=settings["report"]["rank_by"],
    message:
        "Gather the records of the study {wildcards.study} in tables"


rule plot_study:
    input:
        epochs=STUDY_TABLES / "epochs.csv",
        configurations=STUDY_TABLES / "configurations.csv",
        sums=STUDY_TABLES / "SHA256SUMS",
        script=SCRIPTS / "plot_study.py",
        library=[
            LIBRARY / f"{name}.py" for name in ("study_figures", "studies", "figures", "grid", "metrics", "tables")
        ],
    output:
        png=[
            report(
                REPORT / f"pics/{{label}}_{{study}}_{metric}.png",
                caption="../report/captions/studies.rst",
                category="Studies",
                labels={"study": "{study}", "model": "{label}", "metric": metric},
            )
            for metric in METRIC_LABELS
        ],
        svg=[REPORT / f"pics/{{label}}_{{study}}_{metric}.svg" for metric in METRIC_LABELS],
    log:
        RESULTS / "logs/plot_study/{label}_{study}.log",
    benchmark:
        RESULTS / "benchmarks/plot_study/{label}_{study}.jsonl"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        tables=lambda wildcards: layout.study_tables(wildcards.study),
        model=lambda wildcards: LABELS[wildcards.label],
        pictures=REPORT / "pics",
    message:
        "Draw the study {wildcards.study} of {wildcards.label}"
    shell:
        "python {input.script:q} --tables {params.tables} --study {wildcards.study} --model {params.model}"
        " --pictures {params.pictures} > {log} 2>&1"
