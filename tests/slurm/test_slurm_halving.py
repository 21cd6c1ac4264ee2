"""A halved sweep on a cluster, its trainings packed."""

from pathlib import Path

from cluster import CPU, PROFILE, SlurmSweep
from project import Sweep, copy_code, numbers, write_images

HALVED = {**CPU, "models__mlp__epochs": 3, "models__mlp__halving": {"epochs": [1], "keep": 0.5}, "models__cnn": None}
PROMOTION = Path("promotions", "mlp", "rung1.json")


def test_a_halved_sweep_promotes_on_a_cluster_what_it_promotes_here(sweep: SlurmSweep, tmp_path: Path) -> None:
    copy_code(tmp_path / "here")
    write_images(tmp_path / "here" / "images")
    here = Sweep(tmp_path / "here")
    here.configure(**HALVED)
    here.snakemake("--until", "aggregate")

    sweep.edit(PROFILE, "# groups:", "groups:")
    sweep.edit(PROFILE, '# group-components: ["{model}=15"]', 'group-components: ["{model}=2"]')
    sweep.configure(**HALVED)
    sweep.prepare()
    sweep.snakemake("--until", "aggregate")
    # Four runs of one epoch in two submissions, then the two best in one; choosing and gathering are jobs of their own.
    assert [job.trains for job in sweep.submitted()] == [True, True, False, True, False]
    assert (sweep.results / PROMOTION).read_bytes() == (here.results / PROMOTION).read_bytes()
    files = [file.relative_to(here.results) for file in here.results.glob("runs/**/metrics.json")]
    assert len(files) == 6
    for file in files:
        assert numbers(sweep.results / file) == numbers(here.results / file)
    assert sweep.snakemake("--dry-run", "--until", "aggregate").jobs == {}
