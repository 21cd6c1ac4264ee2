# What the hyper-parameters do, from the sweep's own tables: no training.


rule plot_effects:
    input:
        configurations=TABLES / "configurations.csv",
        sums=TABLES_SUMS,
        script=SCRIPTS / "plot_effects.py",
        library=[LIBRARY / f"{name}.py" for name in ("effect_figures", "figures", "grid", "metrics", "tables")],
    output:
        png=[
            report(
                REPORT / f"pics/{{label}}_{name}.png",
                caption="../report/captions/effects.rst",
                category="Effects of the hyper-parameters",
                labels={"model": "{label}", "figure": name},
            )
            for name in EFFECT_NAMES
        ],
        svg=[REPORT / f"pics/{{label}}_{name}.svg" for name in EFFECT_NAMES],
    log:
        RESULTS / "logs/plot_effects/{label}.log",
    benchmark:
        RESULTS / "benchmarks/plot_effects/{label}.jsonl"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        tables=TABLES,
        model=lambda wildcards: LABELS[wildcards.label],
        pictures=REPORT / "pics",
    message:
        "Draw the effects of the hyper-parameters of {wildcards.label}"
    shell:
        "python {input.script:q} --tables {params.tables} --model {params.model} --pictures {params.pictures}"
        " > {log} 2>&1"
