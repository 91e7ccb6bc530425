"""Secrets are found by the name of their option or by their form; ordinary options are not."""

from __future__ import annotations

import pytest

from amlm.config.composition import parse
from amlm.config.schema import Config, as_dict
from amlm.util.errors import InputError
from amlm.util.secrets import check_no_secrets, masked


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("url", "https://me:pass@host/v1", "https://***@host/v1"),
        ("url", "https://pass@host/v1", "https://***@host/v1"),
        ("url", "https://host/v1?a=1&api_key=xyz#top", "https://host/v1?a=1&***#top"),
        ("note", "use hf_abcdefghijklmnopqrst please", "use *** please"),
        ("api_key", "x", "***"),
        ("wandb_api_key", "x", "***"),
        ("auth_token", "x", "***"),
        ("webhook_url", "https://example.org/x", "***"),
        ("where", "https://hooks.slack.com/services/T0/B0/x", "***"),
        ("keys", ["ghp_0123456789abcdefghij", "b"], ["***", "b"]),
    ],
)
def test_a_secret_is_masked_and_refused(name: str, value: object, expected: object) -> None:
    assert masked({"a": {name: value}}) == {"a": {name: expected}}
    with pytest.raises(InputError) as error:
        check_no_secrets({"b": 1, "a": {name: value}})
    for part in (f"a.{name} holds a secret", "environment variable", f"a.{name}=${{oc.env:"):
        assert part in str(error.value)
    assert "pass@" not in str(error.value) and "abcdefgh" not in str(error.value)


def test_ordinary_options_are_no_secrets() -> None:
    ordinary = as_dict(parse(Config, ["experiment=hard_decay"])) | {
        "key_variable": "OPENAI_API_KEY",
        "api_key": "${oc.env:SLACK_KEY}",
        "token": "[MASK]",
        "mask_token": "[MASK]",
        "path": "hub:owner/name@0123456789abcdef0123456789abcdef01234567#train",
        "email": "me@example.org",
        "prompts": ["a@b", "?", "sk-ip"],
    }
    assert masked(ordinary) == ordinary
    check_no_secrets(ordinary)
