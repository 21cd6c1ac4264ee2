from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/guard.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/promote.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/plot.smk"
include: "workflow/rules/examine.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # Every output by name, so that a deleted intermediate file is rebuilt even if its products exist.
        *METRICS,
        rules.prepare_data.output,
        rules.aggregate.output,
        list(FIGURES.values()),
        [STUDY_METRICS[study] for study in STUDIES],
        [expand(rules.aggregate_study.output, study=study) for study in STUDIES],
        list(EXAMINATIONS.values()),
        rules.plot_examinations.output,
        rules.render_report.output,
        rules.render_explorer.output,
    message:
        "Every record, figure and report is there"
