# tables → figures


rule plot:
    input:
        asked=lambda wildcards: asked_report("top"),
        grid=rules.aggregate.input.grid,
        tables=[TABLES / name for name in ("epochs.csv", "configurations.csv", "grid.json", "SHA256SUMS")],
        code=code_of("plot", "analysis", "figures"),
    output:
        curves=[figure(name, "curves", "Learning curves") for name in METRIC_LABELS],
        effects=[figure(name, "effects", "Effects of the hyper-parameters") for name in EFFECT_NAMES],
        svg=[REPORT / f"pics/{{label}}_{name}.svg" for name in (*METRIC_LABELS, *EFFECT_NAMES)],
    log:
        RESULTS / "logs/plot/{label}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        tables=lambda wildcards, input: Path(input.tables[0]).parent,
        model=lambda wildcards: LABELS[wildcards.label],
        top=settings["report"]["top"],
        figures=REPORT / "pics",
    message:
        "Draw the figures of {wildcards.label} from {params.tables}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --tables {params.tables} --model {params.model}"
        " --top {params.top} --figures {params.figures} > {log} 2>&1"
