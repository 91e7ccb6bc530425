"""Model cards say what the author gave, names on the Hub, and no path of the training machine."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from amlm.config.composition import parse
from amlm.config.schema import Config, as_dict
from amlm.evaluation.submission.validity import card_problems
from amlm.publish.card import model_card
from amlm.publish.run_models import RunModel, RunRecord

SOURCES = {
    "public": {"path": "hub:owner/name/config@main#train"},
    "private": {"path": "/home/me/secret/text", "dev": "~dev", "exclude": ["/home/me/a"]},
}


def card(**given: str) -> str:
    config = as_dict(parse(Config, ["experiment=hard"]))
    config["data"]["sources"] = SOURCES
    config["masking"]["signal"]["words"] = "/home/me/words.txt"
    versions = dict.fromkeys(("amlm", "torch", "transformers"), "1")
    run = RunRecord(Path("/home/me/run"), config, {"versions": versions}, [], "0")
    model = RunModel("main", Path("/home/me/run/hf"), 1, 2)
    return model_card(model, [model], run, [], address="run/hf", **given)


def test_names_on_the_hub_are_kept_and_paths_are_not() -> None:
    text = card()
    assert "hub:owner/name/config@main#train" in text
    assert "/home/me" not in text and "~dev" not in text


def test_licence_and_language_are_stated_only_if_given() -> None:
    fields = OmegaConf.create(card().split("---\n")[1])
    assert "license" not in fields and "language" not in fields
    assert "\n# add a line `license: <identifier>`, e.g. mit" in card()
    assert card_problems(card()) == ["the model card states no license"]
    assert card_problems(card(license="mit")) == [] and "# add a line" not in card(license="mit")
    fields = OmegaConf.create(card(license="mit", language="de").split("---\n")[1])
    assert (fields.license, fields.language) == ("mit", "de")
