"""Files that must agree with each other."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.+]+)", text, re.MULTILINE))


def test_conda_environments_have_the_versions_of_the_requirements() -> None:
    requirements = pins((REPOSITORY / "envs" / "requirements.txt").read_text())
    environments = sorted((REPOSITORY / "envs").glob("*.yaml"))
    assert len(environments) == 2
    for file in environments:
        *_, last = yaml.safe_load(file.read_text())["dependencies"]
        packages = pins("\n".join(last["pip"]))
        assert len(packages) == len(last["pip"])
        assert packages.items() <= requirements.items(), file.name


def test_constraints_have_the_versions_of_the_requirements() -> None:
    constraints = {name.lower() for name in (REPOSITORY / "envs" / "constraints.txt").read_text().splitlines()}
    for name in ("requirements.txt", "requirements-dev.txt"):
        for package, version in pins((REPOSITORY / "envs" / name).read_text()).items():
            assert f"{package}=={version}".lower() in constraints


def test_every_rule_names_an_environment_that_exists() -> None:
    rules = "\n".join(file.read_text() for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"))
    named = re.findall(r'conda:\s+"(.+)"', rules)
    assert len(named) == len(re.findall(r"^ *(?:rule|checkpoint)\b.*:$", rules, re.MULTILINE)) >= 6
    assert all((REPOSITORY / "workflow" / "rules" / name).is_file() for name in named)


@pytest.mark.parametrize("page", ["README.md", "results/README.md", "report/README.md", "report/example/report.md"])
def test_links_of_the_pages_lead_somewhere(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert links
    for link in links:
        assert (REPOSITORY / page).parent.joinpath(link).exists(), link


def test_commands_of_the_readme_exist() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    targets = {a or b for a, b in re.findall(r"^make (\w+)|`make (\w+)`", readme, re.MULTILINE)}
    assert {"demo", "test"} <= targets
    for target in targets:
        dry = subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True)
        assert dry.returncode == 0, dry.stderr
    dry = subprocess.run(["make", "--dry-run", "run"], cwd=REPOSITORY, capture_output=True, text=True)
    assert "snakemake --cores all --resources gpu=1" in dry.stdout
