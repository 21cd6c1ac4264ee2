# From tables and figures to the report that people read.


rule render_report:
    input:
        grid=TABLES_GRID,
        manifest=DATA / "manifest.json",
        runs=TABLES / "runs.csv",
        configurations=TABLES / "configurations.csv",
        sums=TABLES_SUMS,
        figures=FIGURES,
        effect_figures=EFFECT_FIGURES,
        study_grids=[layout.study_tables(study) / "grid.json" for study in STUDIES],
        study_figures=STUDY_FIGURES,
        script=SCRIPTS / "render_report.py",
        library=[
            LIBRARY / f"{name}.py"
            for name in "appendix claim_table claims grid metrics prepared provenance ranking report sheet tables".split()
        ],
        templates=[
            TEMPLATES / "macros.md.j2",
            *sorted(TEMPLATES.glob(f"*.{settings['report']['language']}.md.j2")),
            TEMPLATES / "writeup.yaml",
        ],
    output:
        report=REPORT / "report.md",
        # Where each of its numbers comes from.
        origins=REPORT / "report.json",
    log:
        RESULTS / "logs/render_report.log",
    benchmark:
        RESULTS / "benchmarks/render_report.jsonl"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        data=DATA,
        tables=TABLES,
        template_folder=TEMPLATES,
        language=settings["report"]["language"],
        # A function, or Snakemake would take braces in the name for wildcards.
        author=lambda _: settings["report"]["author"],
        rank_by=settings["report"]["rank_by"],
        top=settings["report"]["top"],
    message:
        "Render {output.report}"
    shell:
        "python {input.script:q} --grid {input.grid} --data {params.data} --tables {params.tables} --templates {params.template_folder:q}"
        " --language {params.language} --author={params.author:q} --rank-by {params.rank_by} --top {params.top}"
        " --study-grids {input.study_grids} --output {output.report} > {log} 2>&1"


rule render_explorer:
    input:
        grid=TABLES_GRID,
        manifest=DATA / "manifest.json",
        runs=TABLES / "runs.csv",
        epochs=TABLES / "epochs.csv",
        sums=TABLES_SUMS,
        report=REPORT / "report.md",
        script=SCRIPTS / "render_explorer.py",
        library=[LIBRARY / f"{name}.py" for name in ("explorer", "metrics", "prepared", "tables")],
        templates=sorted((TEMPLATES / "explorer").iterdir()),
    output:
        explorer=REPORT / "index.html",
        report=REPORT / "report.html",
    log:
        RESULTS / "logs/render_explorer.log",
    benchmark:
        RESULTS / "benchmarks/render_explorer.jsonl"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 1000,
        runtime=lambda wildcards, attempt: attempt * 10,
    params:
        data=DATA,
        tables=TABLES,
        template_folder=TEMPLATES / "explorer",
        language=settings["report"]["language"],
        author=lambda _: settings["report"]["author"],
        rank_by=settings["report"]["rank_by"],
    message:
        "Render {output}"
    shell:
        "python {input.script:q} --grid {input.grid} --data {params.data} --tables {params.tables} --templates {params.template_folder:q}"
        " --language {params.language} --author={params.author:q} --rank-by {params.rank_by} --report {input.report}"
        " > {log} 2>&1"
