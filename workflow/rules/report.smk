# tables, figures → the report that people read, and the pages for a browser


rule render_report:
    input:
        asked=lambda wildcards: asked_report("language", "author", "top"),
        grid=rules.aggregate.input.grid,
        manifest=DATA / "manifest.json",
        tables=[TABLES / name for name in ("grid.json", "runs.csv", "configurations.csv", "SHA256SUMS")],
        figures=FIGURES,
        study_grids=[layout.study_tables(study) / "grid.json" for study in STUDIES],
        study_figures=STUDY_FIGURES,
        code=code_of("render_report", "data", "analysis", "report"),
        templates=report_templates(settings["report"]["language"]),
    output:
        report=REPORT / "report.md",
        # Where each of its numbers comes from.
        origins=REPORT / "report.json",
    log:
        RESULTS / "logs/render_report.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        **{key: settings["report"][key] for key in ("language", "rank_by", "top")},
        data=DATA,
        tables=TABLES,
        templates=TEMPLATES,
        # A function, or Snakemake would take braces in the author's name for wildcards.
        author=lambda _: settings["report"]["author"],
    message:
        "Render {output.report}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --settings {input.asked} --data {params.data}"
        " --tables {params.tables} --templates {params.templates:q} --study-grids {input.study_grids}"
        " --output {output.report} > {log} 2>&1"


rule render_explorer:
    input:
        asked=lambda wildcards: asked_report("language", "author", "top"),
        grid=rules.aggregate.input.grid,
        manifest=DATA / "manifest.json",
        tables=[TABLES / name for name in ("grid.json", "runs.csv", "epochs.csv", "SHA256SUMS")],
        report=REPORT / "report.md",
        code=code_of("render_explorer", "data", "analysis", "report"),
        templates=sorted((TEMPLATES / "explorer").iterdir()),
    output:
        explorer=REPORT / "index.html",
        report=REPORT / "report.html",
    log:
        RESULTS / "logs/render_explorer.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        **{key: settings["report"][key] for key in ("language", "rank_by")},
        data=DATA,
        tables=TABLES,
        templates=TEMPLATES / "explorer",
        author=lambda _: settings["report"]["author"],
    message:
        "Render {output}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --settings {input.asked} --data {params.data}"
        " --tables {params.tables} --templates {params.templates:q} --report {input.report} > {log} 2>&1"
