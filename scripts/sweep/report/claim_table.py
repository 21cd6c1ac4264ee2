"""The report's table of the write-up's claims."""

from typing import Any

from sweep.analysis.claims import SPACE, Finding, Measure, Obstacle
from sweep.report.citations import Source, file_source, record_source, rows_of, some_runs
from sweep.report.sheet import Sheet

# What a verdict's cell names kinds of obstacles by, where it is not by themselves.
REASONS = {"source": "data", "sizes": "data", **dict.fromkeys(SPACE, "grid")}


def claims_context(sheet: Sheet, findings: list[Finding], obstacles: list[Obstacle]) -> dict[str, Any]:
    """The table of claims, and what stands in the way of judging some: see `sweep.analysis.claims`."""

    def reason(obstacle: Obstacle) -> dict[str, Any]:
        ours, theirs = (
            ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for value in (obstacle.ours, obstacle.theirs)
        )
        entry = f"models.{obstacle.model}.{obstacle.kind}" if obstacle.model else f"data.{obstacle.kind}"
        file = "grid.json" if obstacle.model else "manifest.json"
        return {
            "kind": obstacle.kind,
            "label": (obstacle.model or "").upper(),
            "ours": sheet.setting(ours, entry.removeprefix("data."), file),
            "theirs": sheet.setting(theirs, f"sweep.{entry}", "writeup.yaml"),
        }

    return {
        "rows": [claim_row(sheet, position, finding) for position, finding in enumerate(findings)],
        "obstacles": [reason(obstacle) for obstacle in obstacles],
        "several_seeds": sheet.seeds > 1,
    }


def claim_row(sheet: Sheet, position: int, finding: Finding) -> dict[str, Any]:
    """A claim's row: its cells are marked texts; lists of them where a claim is on two metrics."""
    claim, cite = finding.claim, sheet.ledger.cite
    written = file_source("writeup.yaml", f"claims.{position}.value")
    row = {
        "kind": claim["kind"],
        "label": claim["model"].upper(),
        "other": claim.get("other", "").upper(),
        "source": claim["source"],
        "verdict": finding.verdict,
        "reasons": list(dict.fromkeys(REASONS.get(obstacle.kind, obstacle.kind) for obstacle in finding.obstacles)),
        "writeup": cite(claim["value"], "setting", [written]) if claim["kind"].startswith("val_") else None,
        "theirs": claim.get("value"),
        "ours": [],
        "names": [],
        "differences": [],
        "noises": [],
        "rank": None,
    }
    if finding.ours:
        compared = [some_runs(f"{claim['model']}/{runs}", "last.val_loss") for runs in (f"{claim['value']}/*", "*")]
        row["names"] = [sheet.name(claim["model"], finding.ours)]
        row["rank"] = cite(str(finding.rank), "rank", compared) if finding.rank else None
    for (metric, model), measure in finding.measures.items():
        if claim["kind"] != "ahead":
            row["ours"].append(
                cite(f"{measure.value:.4f}", "mean" if len(measure.runs) > 1 else "value", sources_of(measure, metric))
            )
        for name in measure.runs["name"].unique():
            if (named := sheet.name(model, name)) not in row["names"]:
                row["names"].append(named)
    for metric, difference in finding.differences.items():
        sources = [
            s for (key, _), measure in finding.measures.items() if key == metric for s in sources_of(measure, key)
        ]
        row["differences"].append(
            cite(f"{difference:+.4f}", "difference", [*sources, *([written] if claim["kind"] != "ahead" else [])])
        )
        noise = finding.noises[metric]
        if noise is not None:
            row["noises"].append(cite_noise(sheet, noise, sources))
    return row


def sources_of(measure: Measure, metric: str) -> list[Source]:
    return [record_source(run, f"last_{metric}") for run in rows_of(measure.runs)]


def cite_noise(sheet: Sheet, noise: float, sources: list[Source]) -> str:
    """The noise of a figure, or of the difference of two models' figures, from these runs."""
    how = "standard deviation" if sheet.seeds > 1 else "binomial error"
    return sheet.ledger.cite(f"{noise:.4f}", how, sources)
