from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/guard.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/effects.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # Every file by name: one that is deleted comes back although what was made from it is there.
        METRICS,
        rules.prepare_data.output,
        rules.aggregate.output,
        FIGURES,
        EFFECT_FIGURES,
        [STUDY_METRICS[study] for study in STUDIES],
        [expand(rules.aggregate_study.output, study=study) for study in STUDIES],
        STUDY_FIGURES,
        rules.render_report.output,
        rules.render_explorer.output,
    message:
        "Every record, figure and report is there"
