"""The command line: composes a configuration, checks all of it, then starts.

Everything that can be wrong with the options of a run, or of any run of a sweep, is found before
the first one starts, and an unknown key is answered with the nearest valid one. Nothing heavy is
imported until then: ``--help`` must be quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from amlm.components import nearest
from amlm.config import Config, check, options, range_text
from amlm.errors import InputError


def conf_dir() -> Path:
    """The folder of YAML files: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    inside = here / "conf"
    return inside if inside.is_dir() else here.parent / "conf"


def register_schema() -> None:
    """Makes the dataclasses of `amlm.config` the schema that ``conf/config.yaml`` starts from."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name="schema", node=Config)


def groups() -> dict[str, list[str]]:
    """The config groups and their choices."""
    found: dict[str, list[str]] = {}
    for path in sorted(conf_dir().rglob("*.yaml")):
        group = path.parent.relative_to(conf_dir()).as_posix()
        if group != ".":
            found.setdefault(group, []).append(path.stem)
    return found


def help_text(program: str) -> str:
    """Usage, config groups, and every option with type, default, range and meaning."""
    lines = [
        f"python -m {program} [group=choice ...] [option=value ...]",
        "python -m " + program + " --multirun experiment=mlm,hard seed=0,1     (a sweep)",
        "python -m " + program + " experiment=soft --cfg job                   (show, do not run)",
        "",
        "Groups (choices):",
        *(f"  {group} = {' | '.join(choices)}" for group, choices in groups().items()),
        "",
        "Options (defaults before any group has its say):",
    ]
    for name, each, value in options(Config()):
        if each.metadata.get("choices") or isinstance(value, str) or value is None:
            shown = "null" if value is None else str(value)
        else:
            shown = str(value).lower() if isinstance(value, bool) else f"{value}"
        limits = range_text(each)
        lines.append(f"  {name}={shown}")
        lines.append(f"      {each.metadata['help']}{f' [{limits}]' if limits else ''}")
    return "\n".join(lines)


def typed(cfg: DictConfig) -> Config:
    """A checked `Config` from a composed one; raises InputError."""
    from amlm.components import build

    try:
        # `+key=value` adds keys to a composed configuration; the schema alone does not take them.
        plain = OmegaConf.to_container(cfg, resolve=True)
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), plain))
    except ConfigKeyError as error:
        key = str(error.full_key)
        known = [name for name, _, _ in options(Config())]
        raise InputError(f"unknown option {key}{nearest(key, known)}") from error
    except OmegaConfBaseException as error:
        raise InputError(str(error).splitlines()[0]) from error
    assert isinstance(config, Config)
    check(config)
    for part in ("signal", "schedule", "sampler", "replacement"):
        build(getattr(config.masking, part), f"masking.{part}")
    for name, node in config.callbacks.items():
        build(node, f"callbacks.{name}")
    return config


def _sweep_choices(overrides: list[str]) -> Iterator[list[str]]:
    """Every value of every swept override, one at a time, with the others at their first."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(overrides)
    values: list[list[str]] = []
    for text, override in zip(overrides, parsed, strict=True):
        if override.is_sweep_override() and override.is_discrete_sweep():
            key = override.get_key_element()
            values.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            values.append([text])
    first = [each[0] for each in values]
    yield first
    for i, each in enumerate(values):
        for value in each[1:]:
            yield [*first[:i], value, *first[i + 1 :]]


def _known_keys() -> list[str]:
    from hydra import compose

    plain = OmegaConf.to_container(compose("config"))

    def walk(prefix: str, node: Any) -> Iterator[str]:
        if prefix:
            yield prefix
        if isinstance(node, dict):
            for key, value in node.items():
                yield from walk(f"{prefix}.{key}".lstrip("."), value)

    return [*walk("", plain), *groups()]


def _explain(error: Exception, overrides: list[str]) -> str:
    """Hydra's message in our words: what is wrong and the nearest valid name."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import MissingConfigException

    known = _known_keys()
    for override in OverridesParser.create().parse_overrides(overrides):
        key, value = override.key_or_group, override.value()
        if key.startswith("hydra"):
            continue
        choices = groups().get(key)
        missing = isinstance(error, MissingConfigException)
        if choices is not None and missing and str(value) not in choices:
            hint = nearest(str(value), choices)
            return f"{key}={value} is not a choice{hint}: one of {', '.join(choices)}"
        if choices is None and key not in known:
            return f"unknown option {key}{nearest(key, known)}"
    lines = [line.strip() for line in str(error).splitlines()]
    for line in lines:
        full_key = line.removeprefix("full_key: ")
        if full_key != line and full_key not in known:
            return f"unknown option {full_key}{nearest(full_key, known)} ({lines[0].rstrip(':')})"
    cause = str(error.__cause__ or "").splitlines()[:1]
    return ": ".join([lines[0].rstrip(":"), *(cause or lines[1:2])])


def check_command(overrides: list[str], config_dir: str | None = None) -> None:
    """Composes and checks every run that a command would start.

    Raises:
        InputError: an unknown key or choice, a wrong type, a value out of range.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    extra = [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"] if config_dir else []
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            commands = list(_sweep_choices(overrides))
        except HydraException as error:
            raise InputError(str(error).splitlines()[0]) from error
        for command in commands:
            try:
                cfg = compose("config", [*command, *extra])
            except (HydraException, OmegaConfBaseException) as error:
                raise InputError(_explain(error, command)) from error
            typed(cfg)


def fail(error: Exception) -> NoReturn:
    """Says what is wrong on standard error and ends with exit status 2."""
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


def run(program: str, task: Callable[[Config], object]) -> None:
    """Runs ``task`` on the configuration that the command line describes.

    Args:
        program: module name, for the help text.
        task: gets a checked configuration; once per run of a sweep.
    """
    import hydra
    from hydra._internal.utils import get_args_parser
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    arguments = get_args_parser().parse_args()
    if arguments.help:
        print(help_text(program))  # noqa: T201
        return
    register_schema()
    asks_only = (
        arguments.cfg or arguments.info or arguments.hydra_help or arguments.shell_completion
    )
    if not asks_only:
        try:
            check_command(arguments.overrides, arguments.config_dir)
        except InputError as error:
            fail(error)

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=str(conf_dir()), config_name="config"
    )
    def start(cfg: DictConfig) -> None:
        job = HydraConfig.get()
        try:
            config = typed(cfg)
            if job.mode == RunMode.MULTIRUN:
                config.sweep = config.sweep or Path(job.sweep.dir).name
                if config.run_dir is not None:
                    name = f"{job.job.num}-{config.name}-seed{config.seed}"
                    config.run_dir = str(Path(config.run_dir) / name)
            task(config)
        except InputError as error:
            fail(error)

    start()
