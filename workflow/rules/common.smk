# The checked config, and the paths and names that the rules share; no rules.
import math
import os
import re
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
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
# The programs find the library even where Python does not look beside them (PYTHONSAFEPATH).
os.environ.update(PYTHONPATH=os.pathsep.join([str(SCRIPTS.resolve()), *filter(None, [os.environ.get("PYTHONPATH")])]))
if workflow.modifier.modify_path("results") != "results":
    raise WorkflowError("this workflow cannot be a module with a prefix: choose its folders by the experiment's name")

# None of these imports torch: it would cost seconds at every dry run.
from sweep.analysis.examined import Examination
from sweep.config import list_files, read_file, validated
from sweep.errors import SweepError
from sweep.files import read_json, write_json
from sweep.runs.gpus import has_gpu
from sweep.runs.promotions import find_damaged, going_on, promotion_file, promotion_grid, read_promotion
from sweep.grid import MAIN, axis_words, value_name
from sweep.layout import RECORDS, Layout
from sweep.metrics import examination_figures, figure_names, label
from sweep.models import training_mb_per_picture
from sweep.runs.records import code_hash, weights_file
from sweep.runs.tensors import read_facts
from sweep.data.sources.listing import folder_fingerprint


def refuse(error):
    """End with the sentence alone; names that are not UTF-8 cannot be printed as they are."""
    raise WorkflowError(str(error).encode(errors="backslashreplace").decode()) from None


# A job that an executor starts in a Snakemake of its own is given the config of the sweep's start, as a file, so that an
# edit made while it waited does not reach it.
STARTED_WITH = None if workflow.is_main_process else workflow.config_settings.overwrite_config.get("started_with")
# A module has the config of the workflow around it.
IS_MODULE = workflow.modifier.skip_configfile
if not STARTED_WITH:
    try:
        for file in [] if IS_MODULE else list_files(workflow.overwrite_configfiles):
            read_file(file)
    except SweepError as error:
        refuse(error)

    configfile: "config.yaml"


def made_with(file, *keys):
    """What an output says that it was made with: the content of the JSON file, or these entries of it; None if it is
    missing or damaged, or older than the entries."""
    try:
        content = read_json(file)
        return {key: content[key] for key in keys} if keys else content
    except (SweepError, LookupError, TypeError):
        return None


def read_settings():
    """The checked config, which jobs that are started anew are told the file of."""
    if STARTED_WITH:
        return read_json(Path(STARTED_WITH))
    command_line = workflow.config_settings
    checked = validated(config, command_line.config)
    if workflow.is_main_process and not IS_MODULE:
        file = Layout(checked).asked("config", checked)
        if made_with(file) != checked:
            write_json(file, checked)
        command_line.config_args = [*command_line.config_args, f"started_with={file}"]
    return checked


try:
    settings = read_settings()
except SweepError as error:
    refuse(error)

layout = Layout(settings)
RESULTS, REPORT, DATA, TABLES = layout.results, layout.report, layout.data, layout.tables
RUNS = layout.runs
EPOCHS = {run.model: run.epochs for run in RUNS}
try:
    # What a model's file says is asked here, since an error inside a rule has a traceback.
    for model in EPOCHS:
        code_hash(model), training_mb_per_picture(model)
except SweepError as error:
    refuse(error)
STUDIES = layout.studies
STUDY_METRICS = {study: [layout.metrics(run) for run in grid.runs()] for study, grid in STUDIES.items()}
# The grid and the tables' folder of each study, and those of the sweep under the name "".
GRIDS = {"": layout.grid, **STUDIES}
TABLES_OF = {"": TABLES, **{study: layout.study_tables(study) for study in STUDIES}}
# A run's path below its folder, with its wildcards: `axes` are the further hyper-parameters that are not at their default,
# and `rung` is empty but for the shorter runs of a model that is halved.
RUN = "{model}/{batch_size}_{learning_rate}_{dropout_rate}{axes}/seed{seed}{rung}"
HALVED = {model: space.rungs for model, space in layout.grid.models.items() if space.halving}
RUNG_EPOCHS = {f"{os.sep}rung{epochs}": epochs for rungs in HALVED.values() for epochs in rungs[:-1]}
PROMOTIONS = layout.promotions
AXES = {"".join(f"_{word}" for word in axis_words(run.axes)): run.axes for run in RUNS}
FIGURES = {
    (study, model): expand(
        REPORT / "pics" / study / f"{label(model)}_{{name}}.{{suffix}}", name=figure_names(space), suffix=["png", "svg"]
    )
    for study, grid in GRIDS.items()
    for model, space in grid.models.items()
}


def code_of(program, *rooms):
    """The code that makes a rule's output: its program, which comes first, the rooms of the library that it uses, and
    the words that all rooms share. They are inputs of the rule, so that an edit makes its outputs again."""
    folders = [LIBRARY.glob("*.py"), *((LIBRARY / room).rglob("*.py") for room in rooms)]
    return [SCRIPTS / f"{program}.py", *(file for folder in folders for file in sorted(folder))]


def report_templates(language):
    """What the report in this language is rendered from."""
    parts = TEMPLATES.glob(f"*.{language}.md.j2")
    return [TEMPLATES / "macros.md.j2", *sorted(parts), TEMPLATES / "writeup.yaml"]


def one_of(values, form):
    """A wildcard's pattern that matches exactly these values, so that no other path looks like a job's. Of very many,
    as a sampled space has, it is the pattern `form`, since Snakemake goes through it several times for each job."""
    names = sorted({str(value) for value in values})
    return f"(?:{'|'.join(map(re.escape, names))})" if len(names) <= 200 else form


wildcard_constraints:
    **{name: one_of((value_name(getattr(run, name)) for run in RUNS), r"[\d.e+-]+") for name in MAIN},
    model=one_of((run.model for run in RUNS), r"\w+"),
    axes=one_of(AXES, "(?:_[^/]+)?"),
    seed=one_of(settings["seeds"], r"\d+"),
    rung=one_of(["", *RUNG_EPOCHS], ""),
    epochs=r"\d+",
    study=one_of(STUDIES, r"\w+"),


def promotions_before(model, epochs):
    """The promotions of the rungs of a model before this one, by their epochs; the last decides which configurations
    this one has. The first rung has all."""
    return {rung: promotion_file(PROMOTIONS, model, rung) for rung in HALVED[model] if rung < epochs}


def rung_metrics(model, epochs):
    """The records of a rung of a model that is halved."""
    names = None
    if before := promotions_before(model, epochs):
        checkpoints.promote.get(model=model, epochs=max(before))
        names = set(going_on(read_promotion(before[max(before)])))
    return [layout.metrics(run) for run in layout.grid.runs_of(model, epochs, names)]


def metrics_of(model):
    """The records of a model, and of one that is halved its promotions; if it is, as a function of its own, since
    Snakemake waits for a promotion of one model before it looks at what else the same function names."""
    if model not in HALVED:
        return [layout.metrics(run) for run in layout.grid.runs_of(model, EPOCHS[model])]

    def of_all_rungs(wildcards):
        files = []
        for epochs in HALVED[model]:
            metrics = rung_metrics(model, epochs)
            files += metrics
            if not metrics or epochs == HALVED[model][-1]:
                break  # every configuration of the rung before diverged, or this is the last rung
            files.append(promotion_file(PROMOTIONS, model, epochs))
            if not all(map(os.path.exists, metrics)):
                break  # the promotion, though it may be there, is made anew first, and then Snakemake asks again
        return files

    return of_all_rungs


METRICS = [metrics_of(model) for model in layout.grid.models]


# GPUs that a training asks for by the config, and whether it has one by the config or by a profile.
GPUS = {"auto": int(has_gpu()), "cpu": 0, "cuda": 1}[settings["training"]["device"]]
PROFILE_TRAIN = workflow.resource_settings.overwrite_resources.get("train", {})
HAS_GPU = bool(GPUS or getattr(PROFILE_TRAIN.get("gpu"), "value", 0) or PROFILE_TRAIN.get("gres"))


def examine_mem_mb(wildcards, attempt):
    """2 GB for torch, the data and their copies that are moved, and what a step of the model's largest batch needs."""
    needs = [
        training_mb_per_picture(run.model, dict(run.axes)) * run.batch_size
        for run in layout.grid.runs()
        if run.model == wildcards.model
    ]
    return attempt * round(2000 + max(needs))


def train_mem_mb(wildcards, attempt):
    """1 GB for torch and the data, and what the model needs for each image of a batch, both measured; 3 GB more that a
    CUDA process may keep. More at each retry, since the job before it may have run out of memory."""
    image_mb = training_mb_per_picture(wildcards.model, dict(AXES[wildcards.axes]))
    return attempt * round(1000 + 3000 * HAS_GPU + image_mb * int(wildcards.batch_size))


def train_epochs(wildcards):
    return RUNG_EPOCHS.get(wildcards.rung, EPOCHS[wildcards.model])


def train_runtime_min(wildcards, input, attempt):
    """An upper bound in minutes on one core: at most 0.9 ms were measured for an image, an epoch and a megabyte of
    `training_mb_per_picture` (of the CNN; of the MLP 0.3). A GPU needs less. More at each retry."""
    images = os.path.getsize(input.images) / (32 * 32 * 3)
    image_mb = training_mb_per_picture(wildcards.model, dict(AXES[wildcards.axes]))
    milliseconds = train_epochs(wildcards) * images * image_mb
    return attempt * (5 + math.ceil(milliseconds / 60_000))


# When a training is killed by SIGKILL, as the system does where memory runs out, it cannot say so itself.
NAME_KILL = (
    "{{ code=$?; [ $code != 137 ] || echo 'Error: the job was killed (SIGKILL), as the system does where memory runs out:"
    " run fewer jobs at once (--resources mem_mb=...), or take smaller models.{wildcards.model}.batch_sizes than"
    " {wildcards.batch_size}' >> {log}; exit $code; }}"
)


# The steps whose output is of other settings or code than the config asks for.
STALE = []


def asked(kind, content, made, outputs):
    """Write what the config asks of a step to a file, which is an input of its rule, and return the path.

    What decides an output must be the content of an input file, because Snakemake forgets params with its metadata (in
    a fresh clone beside old results, after --cleanup-metadata). The file is named by its content, so that a dry run
    with another config cannot change what a running sweep reads. `made` is what the step's output says it was made with.
    If the two differ, the file is written again: it is then newer than all in the folder `outputs`, which is made again.
    """
    if made not in (None, content):
        STALE.append(kind)
    file = layout.asked(kind, content)
    if workflow.is_main_process and not (made == content == made_with(file)):
        write_newer(file, content, outputs)
    return file


def write_newer(file, content, outputs):
    """Write a JSON file, which is then newer than all in the folder `outputs`."""
    try:
        write_json(file, content)
    except SweepError as error:
        refuse(error)
    # The outputs may be of a machine whose clock is ahead. Then Snakemake says so, instead of doing nothing.
    newest = max((output.stat().st_mtime for output in outputs.rglob("*.*")), default=0)
    if newest >= file.stat().st_mtime:
        os.utime(file, (newest + 1, newest + 1))


@cache
def asked_data():
    """What the data are made from. The fingerprint is a hash of the image folder; None for the other sources, which
    cannot change."""
    data = settings["data"]
    fingerprint = None
    if data["source"] == "folder":
        fingerprint = folder_fingerprint(Path(data["path"]), RESULTS / "folder_index.json")
    content = {"source": data["source"], "validation_size": data["validation_size"], "fingerprint": fingerprint}
    # A path decides nothing: the same images may lie elsewhere.
    content["path"] = data["path"]
    made = made_with(DATA / "manifest.json", "source", "sizes", "fingerprint")
    if made:
        made = {**content, **made, "validation_size": made["sizes"]["validation"]}
        del made["sizes"]
    return asked("data", content, made, DATA)


@cache
def asked_grid(study=None):
    """What the tables of the sweep or of a study are made from. A command line could not hold 10,000 runs."""
    grid = STUDIES[study] if study else layout.grid
    tables = layout.study_tables(study) if study else TABLES
    code_hashes = {model: code_hash(model) for model in grid.models}
    grid = replace(grid, code_hashes=code_hashes, rank_by=layout.grid.rank_by)
    return asked("grid", grid.content(), made_with(tables / "grid.json"), tables)


@cache
def asked_promotion(model, epochs):
    """What a promotion of a model that is halved is decided by, beside the records."""
    made = made_with(promotion_file(PROMOTIONS, model, epochs), "grid")
    content = promotion_grid(layout.grid, model, epochs)
    return asked(f"promotion-{model}-{epochs}", content, made and made["grid"], PROMOTIONS / model)


@cache
def asked_report(*keys):
    """What figures or report show, by these keys of the config's section or by their studies, beside what the tables
    say."""
    shown = {**settings["report"], "studies": list(STUDIES)}
    content = {key: shown[key] for key in keys}
    made = (made_with(REPORT / "report.json", "settings") or {}).get("settings")
    return asked("report", content, made and {key: made.get(key) for key in keys}, REPORT)


EXAMINATIONS = {model: RESULTS / f"examinations/{model}.json" for model in layout.grid.models}


def asked_examination(model):
    """A file that is written anew where the weights that were examined are others than the examination says.

    If weights are made again together with their record, the tables say it. Weights that are no longer there, and those
    of another record, as another experiment may have had made, leave the examination as it is.
    """
    file = RESULTS / "asked" / f"examination-{model}.json"
    made = found = None
    with suppress(SweepError, FileNotFoundError):
        made = Examination.read(EXAMINATIONS[model])
        if made.series:
            found, digest = read_facts(weights_file(RECORDS / made.series / f"{made.epochs}.json"))
    stale = bool(found) and found.get("content_hash") == made.content_hash and digest != made.digest
    if workflow.is_main_process and (stale or not file.exists()):
        write_newer(file, {"model": model, "instead_of": made.digest if stale else None}, EXAMINATIONS[model].parent)
    return file


# Written before Snakemake looks at the folder, since it remembers what is there. A job that is started anew finds them.
if workflow.is_main_process:
    try:
        asked_data(), asked_report("top"), asked_report("language", "author", "top", "studies")
        for study in (None, *STUDIES):
            asked_grid(study)
        if damaged := find_damaged(layout.grid, PROMOTIONS):
            raise SweepError(damaged[0])
        for model, rungs in HALVED.items():
            for epochs in rungs[:-1]:
                asked_promotion(model, epochs)
    except SweepError as error:
        refuse(error)
ASKED_EXAMINATIONS = {model: asked_examination(model) for model in EXAMINATIONS}


def unless_touched(file):
    """The file, unless Snakemake is asked to call outputs up to date that are not."""
    if workflow.touch and STALE:
        refuse(f"--touch would hide that {STALE[0]} is of other settings or code: run the same command without it")
    return file
