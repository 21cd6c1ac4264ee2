# The checked config, and the paths and names that the rules share; no rules.
import math
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Relative to where Snakemake runs, so that a clone that moves stays up to date.
ROOT = Path(os.path.relpath(Path(str(workflow.current_basedir)).parents[1]))
SCRIPTS = ROOT / "scripts"
LIBRARY = SCRIPTS / "sweep"
TEMPLATES = ROOT / "workflow" / "report"

sys.path.insert(0, str(SCRIPTS))
# The rules call `python`: the one that runs this, unless a rule's conda environment comes before it.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), *os.get_exec_path()]))

# None of these imports torch: it would cost seconds at every dry run.
from sweep.config import check_file, validated
from sweep.errors import SweepError
from sweep.files import json_text, write_text
from sweep.gpus import has_gpu
from sweep.grid import rate_name
from sweep.layout import RECORDS, Layout
from sweep.metrics import EFFECT_NAMES, METRIC_LABELS
from sweep.models import training_mb_per_picture
from sweep.records import code_hash
from sweep.sources.listing import folder_fingerprint
from sweep.studies import VARIANTS


def refuse(error):
    """End with the sentence alone; names that are not UTF-8 cannot be printed as they are."""
    raise WorkflowError(str(error).encode(errors="backslashreplace").decode()) from None


try:
    for file in ["config.yaml", *workflow.overwrite_configfiles]:
        check_file(Path(file))
except SweepError as error:
    refuse(error)


configfile: "config.yaml"


try:
    settings = validated(config)
except SweepError as error:
    refuse(error)

layout = Layout(settings)
RESULTS, REPORT, DATA, TABLES = layout.results, layout.report, layout.data, layout.tables
MODELS = layout.models
# Each model's name in figures and report.
LABELS = {model.upper(): model for model in MODELS}
RUNS = layout.runs
METRICS = [layout.metrics(run) for run in layout.grid_runs]
STUDIES = layout.studies
STUDY_METRICS = {study: [layout.metrics(run) for run in layout.runs_of(STUDIES[study])] for study in STUDIES}
# The models of each study, without their variants.
STUDY_MODELS = {study: list(settings["studies"][study]) for study in STUDIES}
EPOCHS = {run.model: run.epochs for run in RUNS}
FIGURES = [
    REPORT / "pics" / f"{label}_{metric}.{suffix}"
    for label in LABELS
    for metric in METRIC_LABELS
    for suffix in ("png", "svg")
]
EFFECT_FIGURES = [
    REPORT / "pics" / f"{label}_{name}.{suffix}"
    for label in LABELS
    for name in EFFECT_NAMES
    for suffix in ("png", "svg")
]
STUDY_FIGURES = [
    REPORT / "pics" / f"{model.upper()}_{study}_{metric}.{suffix}"
    for study, models in STUDY_MODELS.items()
    for model in models
    for metric in METRIC_LABELS
    for suffix in ("png", "svg")
]


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
    metric=one_of(METRIC_LABELS),


def data_fingerprint(_wildcards):
    """What tells that the source changed: nothing but a folder's pictures can."""
    if settings["data"]["source"] != "folder":
        return None
    return folder_fingerprint(Path(settings["data"]["path"]), RESULTS / "folder_index.json")


def train_mem_mb(wildcards, attempt):
    """Measured: torch and the data, and what a step keeps of each of its pictures; more after a job that ran out."""
    return attempt * round(1000 + training_mb_per_picture(wildcards.model) * int(wildcards.batch_size))


def train_runtime_min(wildcards, input, attempt):
    """Minutes on one core, from above: at most 0.9 ms were measured for a picture, an epoch and a megabyte of
    `training_mb_per_picture` (of the CNN; of the MLP 0.3). A GPU needs less. More after a job that ran out of time."""
    pictures = os.path.getsize(input.images) / (32 * 32 * 3)
    milliseconds = EPOCHS[wildcards.model] * pictures * training_mb_per_picture(wildcards.model)
    return attempt * (5 + math.ceil(milliseconds / 60_000))


# GPUs a training asks for.
GPUS = {"auto": int(has_gpu()), "cpu": 0, "cuda": 1}[settings["training"]["device"]]


def grid_file(spaces, tables):
    """A grid as a file, since the programs cannot take 10,000 paths on their command line. Its name is its content, so
    that a look at another config (snakemake -n) does not change the grid of a sweep that is running. Tables of another
    grid are older than it: so they are made anew where Snakemake's own notes are missing, too (a fresh clone beside old
    results)."""
    grid = {"models": spaces, "seeds": settings["seeds"], "code_hashes": {model: code_hash(model) for model in spaces}}
    file = RESULTS / "grids" / f"{sha256(json_text(grid).encode()).hexdigest()[:16]}.json"
    if not all(
        each.exists() and each.read_bytes() == json_text(grid).encode() for each in (file, tables / "grid.json")
    ):
        try:
            write_text(file, json_text(grid))
        except SweepError as error:
            refuse(error)
    return file


GRID = grid_file(MODELS, TABLES)
TABLES_GRID = TABLES / "grid.json"
TABLES_SUMS = TABLES / "SHA256SUMS"
STUDY_GRIDS = {study: grid_file(spaces, layout.study_tables(study)) for study, spaces in STUDIES.items()}
