# tables, weights → what the best run of each model does: numbers, then figures


rule examine:
    input:
        asked=lambda wildcards: ASKED_EXAMINATIONS[wildcards.model],
        grid=rules.aggregate.input.grid,
        tables=[TABLES / name for name in TABLE_FILES],
        manifest=DATA / "manifest.json",
        images=ancient(DATA / "images.safetensors"),
        # An edit of a model or of the training changes the records, and with them the tables.
        code=[
            *code_of("examine", "data", "runs", "analysis", "results", "examination"),
            LIBRARY / "models" / "__init__.py",
        ],
    output:
        examination=RESULTS / "examinations/{model}.json",
    log:
        RESULTS / "logs/examine/{model}.log",
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=examine_mem_mb,
        runtime=lambda wildcards, attempt: attempt * 60,
    params:
        tables=TABLES,
        data=DATA,
        records=RECORDS,
    message:
        "Examine the best run of {wildcards.model}"
    shell:
        "python {input.code[0]:q} --grid {input.grid} --tables {params.tables}"
        " --model {wildcards.model} --data {params.data} --records {params.records} --output {output.examination}"
        " > {log} 2>&1"


rule plot_examinations:
    input:
        examinations=list(EXAMINATIONS.values()),
        code=code_of("plot_examinations", "analysis", "figures"),
    output:
        [
            in_report(figure, "")
            for figure in expand(
                REPORT / "pics/{name}.{suffix}",
                name=examination_figures(layout.grid.models),
                suffix=["png", "svg"],
            )
        ],
    log:
        RESULTS / "logs/plot_examinations.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        figures=REPORT / "pics",
    message:
        "Draw what the best runs do"
    shell:
        "python {input.code[0]:q} --examinations {input.examinations} --figures {params.figures} > {log} 2>&1"
