# tables → figures: a rule for each model of the sweep and of each study, since what it draws depends on the axes


def in_report(file, study):
    """A figure's file, with what Snakemake's own report says of it if it is a PNG."""
    if file.endswith(".svg"):
        return file
    # A model's name in a figure's is in capitals.
    caption, category = "curves", "Learning curves"
    if re.search("effect|heatmap|importance", Path(file).name):
        caption, category = "effects", "Effects"
    elif re.search("halving", Path(file).name):
        caption = "halving"
    elif re.search("confusion|mistakes|shift", Path(file).name):
        caption, category = "examinations", "Examinations"
    return report(file, caption=f"../templates/captions/{caption}.rst", category=f"{study} {category}".strip())


for (study, model), figures in FIGURES.items():

    rule:
        name:
            f"plot_{study}__{model}" if study else f"plot_{model}"
        input:
            asked=asked_report("top"),
            grid=asked_grid(study),
            tables=[TABLES_OF[study] / name for name in TABLE_FILES],
            code=code_of("plot", "analysis", "figures"),
        output:
            [in_report(figure, study) for figure in figures],
        log:
            RESULTS / "logs/plot" / study / f"{model}.log",
        conda:
            "../../envs/analysis.yaml"
        params:
            tables=TABLES_OF[study],
            model=model,
            top=settings["report"]["top"],
            figures=REPORT / "pics" / study,
        message:
            "Draw the figures of {params.model} from {params.tables}"
        shell:
            "python {input.code[0]:q} --grid {input.grid} --tables {params.tables} --model {params.model}"
            " --top {params.top} --figures {params.figures} > {log} 2>&1"
