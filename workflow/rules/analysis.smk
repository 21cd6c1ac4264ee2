# From records to tables, and from tables to figures.


rule aggregate:
    input:
        grid=GRID,
        manifest=DATA / "manifest.json",
        metrics=METRICS,
        script=SCRIPTS / "aggregate.py",
        library=[
            LIBRARY / f"{name}.py"
            for name in ("tables", "ranking", "partial", "records", "grid", "metrics", "prepared")
        ],
    output:
        runs=report(
            TABLES / "runs.csv", caption="../report/captions/runs.rst", category="Tables", labels={"table": "runs"}
        ),
        epochs=TABLES / "epochs.csv",
        configurations=report(
            TABLES / "configurations.csv",
            caption="../report/captions/configurations.rst",
            category="Tables",
            labels={"table": "configurations"},
        ),
        grid=TABLES_GRID,
        sums=TABLES_SUMS,
    log:
        RESULTS / "logs/aggregate.log",
    benchmark:
        RESULTS / "benchmarks/aggregate.jsonl"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        runs=RESULTS / "runs",
        records=RECORDS,
        data=DATA,
        tables=TABLES,
        rank_by=settings["report"]["rank_by"],
    message:
        "Gather the records of {RESULTS} in tables"
    shell:
        "python {input.script:q} --grid {input.grid} --runs {params.runs} --records {params.records} --data {params.data}"
        " --rank-by {params.rank_by} --tables {params.tables} > {log} 2>&1"


rule plot:
    input:
        epochs=TABLES / "epochs.csv",
        configurations=TABLES / "configurations.csv",
        sums=TABLES_SUMS,
        script=SCRIPTS / "plot.py",
        library=[LIBRARY / f"{name}.py" for name in ("figures", "metrics", "tables")],
    output:
        png=report(
            REPORT / "pics/{label}_{metric}.png",
            caption="../report/captions/curves.rst",
            category="Learning curves",
            labels={"model": "{label}", "metric": "{metric}"},
        ),
        svg=REPORT / "pics/{label}_{metric}.svg",
    log:
        RESULTS / "logs/plot/{label}_{metric}.log",
    benchmark:
        RESULTS / "benchmarks/plot/{label}_{metric}.jsonl"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        tables=TABLES,
        model=lambda wildcards: LABELS[wildcards.label],
        top=settings["report"]["top"],
    message:
        "Draw {output.png}"
    shell:
        "python {input.script:q} --tables {params.tables} --model {params.model} --metric {wildcards.metric}"
        " --top {params.top} --output {output} > {log} 2>&1"
