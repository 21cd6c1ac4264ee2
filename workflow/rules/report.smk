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
        library=[LIBRARY / f"{name}.py" for name in ("report", "metrics", "prepared", "studies", "tables")],
        templates=[
            TEMPLATES / "macros.md.j2",
            *(
                TEMPLATES / f"{name}.{settings['report']['language']}.md.j2"
                for name in ("report", "effects", "studies")
            ),
        ],
    output:
        REPORT / "report.md",
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
        "Render {output}"
    shell:
        "python {input.script:q} --grid {input.grid} --data {params.data} --tables {params.tables} --templates {params.template_folder:q}"
        " --language {params.language} --author={params.author:q} --rank-by {params.rank_by} --top {params.top}"
        " --study-grids {input.study_grids} --output {output} > {log} 2>&1"
