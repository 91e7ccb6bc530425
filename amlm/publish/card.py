"""The model card (``README.md``) of an exported model: its training, configuration and scores."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from amlm.evaluation.results import CORRELATIONS, SCORES_FILE
from amlm.evaluation.rules import DEFAULT
from amlm.publish.run_models import FINAL, RunModel, RunRecord
from amlm.util.errors import InputError
from amlm.util.text_table import markdown

CARD_FILE = "README.md"
PAPER = "https://arxiv.org/abs/2510.20475"
CITATION = """\
```bibtex
@article{edman2025mask,
  title   = {Mask and You Shall Receive: Optimizing Masked Language Modeling For Pretraining {BabyLM}s},
  author  = {Edman, Lukas and Fraser, Alexander},
  journal = {arXiv preprint arXiv:2510.20475},
  year    = {2025}
}
```"""  # noqa: E501
LICENSE_ADVICE = (
    "add a line `license: <identifier>`, e.g. mit or cc-by-4.0 (export with license=...): the "
    "BabyLM leaderboard refuses a model whose card states none"
)
HUB = "hub:"  # a source or model on the Hub, as options name it
# Sections that describe the model, not the machine it was trained on.
SECTIONS = ("data", "tokenizer", "model", "masking", "optimizer", "trainer", "validation")


def front_matter(license: str | None, language: str | None) -> str:
    """The YAML that the Hub reads; what the author did not say is left out, and a comment says how
    to state a licence.
    """
    fields = {
        **({"license": license} if license else {}),
        **({"language": language} if language else {}),
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["babylm", "masked-language-modeling", "adaptive-masking", "deberta-v2", "amlm"],
    }
    advice = "" if license else f"# {LICENSE_ADVICE}\n"
    return f"---\n{advice}{OmegaConf.to_yaml(OmegaConf.create(fields))}---"


def find_scores(folder: Path, fingerprints: Collection[str]) -> list[list[str]]:
    """Rows of a text table, from every ``scores.json`` of a model in a folder and its subfolders.

    Args:
        folder: can also contain scores of other models.
        fingerprints: fingerprints of the model, see `amlm.publish.run_models.check_model`.

    Returns: rows of task and metric, score, and 95 % interval, formatted.

    Raises:
        InputError: a ``scores.json`` was not written by `amlm.evaluate`.
    """
    rows: dict[str, list[str]] = {}  # by task: a run and its export can both have been evaluated
    for path in sorted(folder.rglob(SCORES_FILE)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["fingerprint"] not in fingerprints:
                continue
            # Fine-tuning has no rules of its own. One year's task is not another's.
            year = content.get("rules", DEFAULT)
            suffix = "" if year == DEFAULT else f" (rules of {year})"
            for task, report in content["tasks"].items():
                for metric, figure in report["totals"].items():
                    rows[f"{task}, {metric}{suffix}"] = _format_figure(figure, metric)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} was not written by amlm.evaluate: {error!r}") from error
    return [[name, *figure] for name, figure in rows.items()]


def _format_figure(figure: dict[str, float | None], metric: str) -> list[str]:
    score, low, high = figure["score"], figure["low"], figure["high"]
    digits = 3 if metric in CORRELATIONS else 1
    interval = "" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"
    return ["-" if score is None else f"{score:.{digits}f}", interval]


def component_text(component: Any) -> str:
    # E.g. "linear (start 0.4, end 0.15)" for the component and its options.
    target = str(component["_target_"]).rsplit(".", 1)[-1].lower()
    shown = _without_paths({k: v for k, v in component.items() if k != "_target_"})
    values = ", ".join(f"{k} {v}" for k, v in shown.items())
    return f"{target} ({values})" if values else target


def _without_paths(section: Any) -> Any:
    # Paths of the training machine must not be published; names on the Hub are to be found again.
    if isinstance(section, dict):
        return {key: _without_paths(value) for key, value in section.items()}
    if isinstance(section, list):
        return [_without_paths(value) for value in section]
    if not isinstance(section, str) or section.startswith(HUB):
        return section
    return None if {"/", "\\"} & set(section) or section.startswith("~") else section


def _facts(model: RunModel, run: RunRecord) -> list[list[str]]:
    config = run.config
    data, sizes, masking = config["data"], config["model"], config["masking"]
    sources = ", ".join(f"`{name}`" for name in data["sources"])
    summary = run.of_kind("summary")
    lengths = ", ".join(
        f"{length} from epoch {epoch}" if int(epoch) else f"{length} tokens"
        for epoch, length in data["sequence_length"].items()
    )
    rows = [
        ["", ""],
        ["experiment", f"`{config['choices'] or config['name']}`, seed {config['seed']}"],
        ["trained for", f"{model.step:,} steps of {data['tokens_per_step']:,} tokens"],
        ["words seen", f"{model.words_seen:,} (with repetitions)"],
        ["data", f"{sources}, blocks of {lengths}"],
        [
            "size",
            f"{sizes['layers']} layers, hidden size {sizes['hidden_size']}, {sizes['heads']} "
            f"heads, n-hot embeddings: {sizes['nhot']['fusion']}",
        ],
        *[
            [f"masking {component}", component_text(masking[component])]
            for component in ("signal", "schedule", "sampler", "replacement")
        ],
        ["optimizer", f"{config['optimizer']['name']}, learning rate {config['optimizer']['lr']}"],
    ]
    if model.name == FINAL and summary and not run.run.get("resumed"):
        rows.append(["training time", f"{summary[-1]['seconds'] / 60:.1f} minutes"])
    return rows


def _validation(model: RunModel, run: RunRecord) -> list[str]:
    found = run.latest("validation", model.step)
    if found is None:
        return ["", "", ""]
    return [f"{found['step']:,}", f"{found['loss']:.3f}", f"{found['accuracy']:.1%}"]


def model_card(
    model: RunModel,
    models: Sequence[RunModel],
    run: RunRecord,
    scores: Sequence[Sequence[str]],
    *,
    address: str,
    license: str | None = None,
    language: str | None = None,
) -> str:
    """The card of one model of a run: all `models` are revisions, `scores` are from `find_scores`,
    and `address` is the repository or folder of the example. `license` and `language` are stated
    only if given.
    """
    revision = "" if model.name == FINAL else f', revision="{model.name}"'
    revisions = [
        ["revision", "steps", "words seen", "validated at step", "loss", "masked accuracy"],
        *[
            [f"`{m.name}`", f"{m.step:,}", f"{m.words_seen:,}", *_validation(m, run)]
            for m in models
        ],
    ]
    config = {name: _without_paths(run.config[name]) for name in SECTIONS}
    adaptive = component_text(run.config["masking"]["signal"]) != "uniform"
    sections = [
        front_matter(license, language),
        f"# {run.config['name']}, {model.name}",
        "A DeBERTa-V2 model pretrained with "
        f"{'adaptive ' if adaptive else ''}masked language modeling as in "
        f"[Edman & Fraser 2025]({PAPER}). It loads in plain `transformers`, without remote code.",
        "```python\nfrom transformers import pipeline\n\n"
        f'fill = pipeline("fill-mask", "{address}"{revision})\n'
        f'fill("The cat [MASK] on the mat.")\n```',
        markdown(_facts(model, run)),
        "## Results",
        "Plain masked language modeling on held-out text at a mask ratio of "
        f"{run.config['validation']['ratio']:.0%}, with the same masks at every validation:",
        markdown(revisions),
    ]
    if scores:
        rows = [["task", "score", "95 % interval"], *scores]
        sections += ["Evaluation:", markdown(rows)]
    sections += [
        "## Configuration",
        "Trained with `amlm` "
        f"{run.run['versions']['amlm']}, torch {run.run['versions']['torch']}, "
        f"transformers {run.run['versions']['transformers']}.",
        f"```yaml\n{OmegaConf.to_yaml(OmegaConf.create(config))}```",
        "## Citation",
        CITATION,
    ]
    return "\n\n".join(sections) + "\n"
