# tables, figures → the report that people read, and the pages for a browser


rule render_report:
    input:
        asked=lambda wildcards: asked_report("language", "author", "top", "studies"),
        grid=rules.aggregate.input.grid,
        manifest=DATA / "manifest.json",
        tables=[TABLES_OF[study] / name for study in GRIDS for name in TABLE_FILES],
        study_grids=[asked_grid(study) for study in STUDIES],
        examinations=list(EXAMINATIONS.values()),
        figures=[*FIGURES.values(), rules.plot_examinations.output],
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
        study_tables=[TABLES_OF[study] for study in STUDIES],
        templates=TEMPLATES,
        # A function, or Snakemake would take braces in the author's name for wildcards.
        author=lambda _: settings["report"]["author"],
    message:
        "Render {output.report}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --settings {input.asked} --data {params.data}"
        " --tables {params.tables} --study-grids {input.study_grids} --study-tables {params.study_tables}"
        " --examinations {input.examinations} --templates {params.templates:q} --output {output.report} > {log} 2>&1"


rule render_explorer:
    input:
        asked=lambda wildcards: asked_report("language", "author", "top", "studies"),
        grid=rules.aggregate.input.grid,
        manifest=DATA / "manifest.json",
        tables=[TABLES / name for name in TABLE_FILES],
        examinations=list(EXAMINATIONS.values()),
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
