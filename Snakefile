from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # Every run by name: a record that is deleted comes back although the tables made from it are there.
        METRICS,
        FIGURES,
        REPORT / "report.md",
    message:
        "Every record, figure and report is there"
