# The same for studies beside the grid: tables and figures of their own, from runs that the grid may have too.

STUDY_TABLES = layout.study_tables("{study}")


use rule aggregate as aggregate_study with:
    input:
        grid=lambda wildcards: asked_grid(wildcards.study),
        manifest=DATA / "manifest.json",
        metrics=lambda wildcards: STUDY_METRICS[wildcards.study],
        code=rules.aggregate.input.code,
    output:
        runs=STUDY_TABLES / "runs.csv",
        epochs=STUDY_TABLES / "epochs.csv",
        configurations=STUDY_TABLES / "configurations.csv",
        grid=STUDY_TABLES / "grid.json",
        sums=STUDY_TABLES / "SHA256SUMS",
    log:
        RESULTS / "logs/aggregate_study/{study}.log",


use rule plot as plot_study with:
    input:
        asked=rules.plot.input.asked,
        grid=rules.aggregate_study.input.grid,
        tables=[STUDY_TABLES / Path(file).name for file in rules.plot.input.tables],
        code=rules.plot.input.code,
    output:
        curves=[figure(f"{{study}}_{metric}", "studies", "Studies") for metric in METRIC_LABELS],
        svg=[REPORT / f"pics/{{label}}_{{study}}_{metric}.svg" for metric in METRIC_LABELS],
    log:
        RESULTS / "logs/plot_study/{label}_{study}.log",
