# The checked config, and the paths and names that the rules share; no rules.
import math
import os
import re
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from snakemake.exceptions import WorkflowError

# A relative path: with an absolute one, moving the clone would change every command and rerun its jobs.
ROOT = Path(os.path.relpath(Path(str(workflow.current_basedir)).parents[1]))
SCRIPTS = ROOT / "scripts"
LIBRARY = SCRIPTS / "sweep"
TEMPLATES = ROOT / "workflow" / "templates"

sys.path.insert(0, str(SCRIPTS))
# Put this interpreter first on PATH: the rules call plain `python`. A rule's conda environment still comes before it.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), *os.get_exec_path()]))

# None of these imports torch: it would cost seconds at every dry run.
from sweep.config import read_file, validated
from sweep.errors import SweepError
from sweep.files import json_text, write_text
from sweep.runs.gpus import has_gpu
from sweep.grid import rate_name
from sweep.layout import RECORDS, Layout
from sweep.metrics import EFFECT_NAMES, METRIC_LABELS, label
from sweep.models import training_mb_per_picture
from sweep.runs.records import code_hash
from sweep.data.sources.listing import folder_fingerprint
from sweep.studies import VARIANTS


def refuse(error):
    """End with the sentence alone; names that are not UTF-8 cannot be printed as they are."""
    raise WorkflowError(str(error).encode(errors="backslashreplace").decode()) from None


try:
    for file in map(Path, ["config.yaml", *workflow.overwrite_configfiles]):
        # Snakemake says of a file that is not there that it is not.
        if file.exists():
            read_file(file)
except SweepError as error:
    refuse(error)


configfile: "config.yaml"


try:
    settings = validated(config)
except SweepError as error:
    refuse(error)

layout = Layout(settings)
RESULTS, REPORT, DATA, TABLES = layout.results, layout.report, layout.data, layout.tables
# Each model by its name in figures and report.
LABELS = {label(model): model for model in layout.grid.models}
RUNS = layout.runs
METRICS = [layout.metrics(run) for run in layout.grid.runs()]
EPOCHS = {run.model: run.epochs for run in RUNS}
STUDIES = layout.studies
STUDY_METRICS = {study: [layout.metrics(run) for run in grid.runs()] for study, grid in STUDIES.items()}
# A run's path below its folder, with its wildcards.
RUN = "{model}/{batch_size}_{learning_rate}_{dropout_rate}/seed{seed}"
PICTURE = REPORT / "pics" / "{label}_{name}.{suffix}"
FIGURES = expand(PICTURE, label=LABELS, name=[*METRIC_LABELS, *EFFECT_NAMES], suffix=["png", "svg"])
# A study names its models without their variants.
STUDY_FIGURES = [
    file
    for study in STUDIES
    for file in expand(
        PICTURE,
        label=map(label, settings["studies"][study]),
        name=[f"{study}_{metric}" for metric in METRIC_LABELS],
        suffix=["png", "svg"],
    )
]


def code_of(program, *rooms):
    """The code that makes a rule's output: its program, which comes first, the rooms of the library that it uses, and
    the words that all rooms share. They are inputs of the rule, so that an edit makes its outputs again."""
    folders = [LIBRARY.glob("*.py"), *((LIBRARY / room).rglob("*.py") for room in rooms)]
    return [SCRIPTS / f"{program}.py", *(file for folder in folders for file in sorted(folder))]


def figure(name, caption, category):
    """A model's figure of this name as a PNG file, with what Snakemake's own report says of it."""
    file, labels = REPORT / f"pics/{{label}}_{name}.png", {"model": "{label}", "figure": name}
    return report(file, caption=f"../templates/captions/{caption}.rst", category=category, labels=labels)


def report_templates(language):
    """What the report in this language is rendered from."""
    parts = TEMPLATES.glob(f"*.{language}.md.j2")
    return [TEMPLATES / "macros.md.j2", *sorted(parts), TEMPLATES / "writeup.yaml"]


def one_of(values):
    """A wildcard's pattern that matches exactly these values, so that no other path looks like a job's."""
    return "|".join(re.escape(str(value)) for value in sorted(set(values)))


wildcard_constraints:
    model=one_of(run.model for run in RUNS),
    batch_size=one_of(run.batch_size for run in RUNS),
    learning_rate=one_of(rate_name(run.learning_rate) for run in RUNS),
    dropout_rate=one_of(rate_name(run.dropout_rate) for run in RUNS),
    seed=one_of(settings["seeds"]),
    label=one_of(LABELS),
    study=one_of(VARIANTS),


def data_fingerprint(_wildcards):
    """A hash of the image folder; None for the other sources, which cannot change."""
    if settings["data"]["source"] != "folder":
        return None
    return folder_fingerprint(Path(settings["data"]["path"]), RESULTS / "folder_index.json")


def train_mem_mb(wildcards, attempt):
    """1 GB for torch and the data, and what the model needs for each image of a batch, both measured; more at each
    retry, since the job before it may have run out of memory."""
    return attempt * round(1000 + training_mb_per_picture(wildcards.model) * int(wildcards.batch_size))


def train_runtime_min(wildcards, input, attempt):
    """An upper bound in minutes on one core: at most 0.9 ms were measured for an image, an epoch and a megabyte of
    `training_mb_per_picture` (of the CNN; of the MLP 0.3). A GPU needs less. More at each retry."""
    images = os.path.getsize(input.images) / (32 * 32 * 3)
    milliseconds = EPOCHS[wildcards.model] * images * training_mb_per_picture(wildcards.model)
    return attempt * (5 + math.ceil(milliseconds / 60_000))


# GPUs that a training asks for.
GPUS = {"auto": int(has_gpu()), "cpu": 0, "cuda": 1}[settings["training"]["device"]]
# When a training is killed by SIGKILL, as the system does where memory runs out, it cannot say so itself.
NAME_KILL = (
    "{{ code=$?; [ $code != 137 ] || echo 'Error: the job was killed (SIGKILL), as the system does where memory runs out:"
    " run fewer jobs at once (--resources mem_mb=…), or take smaller models.{wildcards.model}.batch_sizes than"
    " {wildcards.batch_size}' >> {log}; exit $code; }}"
)


def grid_file(grid, tables):
    """Write a grid to a file, and return its path.

    The programs read the grid from a file, because a command line cannot hold 10,000 paths. It is named by its content,
    so that a dry run with another config cannot change the grid of a sweep that is running. A new grid is newer than
    tables of another grid, so that they are made again even where Snakemake's metadata are missing (a fresh clone beside
    old results)."""
    grid = replace(grid, code_hashes={model: code_hash(model) for model in grid.models})
    text = json_text(grid.content())
    file = RESULTS / "grids" / f"{sha256(text.encode()).hexdigest()[:16]}.json"
    if not all(each.exists() and each.read_bytes() == text.encode() for each in (file, tables / "grid.json")):
        try:
            write_text(file, text)
        except SweepError as error:
            refuse(error)
    return file


GRID = grid_file(layout.grid, TABLES)
STUDY_GRIDS = {study: grid_file(grid, layout.study_tables(study)) for study, grid in STUDIES.items()}
