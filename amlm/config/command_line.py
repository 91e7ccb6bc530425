"""The command line: composes a configuration, checks all of it, then starts.

Everything that can be wrong with the options of a run, or of any run of a sweep, is found before
the first one starts, and an unknown key is answered with the nearest valid one. Nothing heavy is
imported until then: ``--help`` must be quick.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from amlm.config.checks import check
from amlm.config.options import option_lines, options
from amlm.config.place import place
from amlm.config.schema import Config
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError, RunFinished
from amlm.util.nearest import nearest
from amlm.util.terminal import fail

# Sections whose keys a user names; what is given for them is added, without a `+` to remember.
FREE_SECTIONS = re.compile(r"(data\.(sources|shares|cleaning)|callbacks)[.=]")
CHECKED_RUNS = 256  # of a sweep, beforehand; a check takes a tenth of a second


def conf_dir() -> Path:
    """The folder of YAML files: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
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
        *option_lines(Config()),
    ]
    return "\n".join(lines)


def typed(cfg: DictConfig) -> Config:
    """A checked `Config` from a composed one; raises InputError."""
    from amlm.config.components import build_callbacks, build_masking

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
    build_masking(config.masking)
    build_callbacks(config.callbacks)
    return config


def _parsed(overrides: list[str]) -> list[Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return list(OverridesParser.create().parse_overrides(overrides))


def _commands(overrides: list[str]) -> Iterator[list[str]]:
    """The overrides of every run of a sweep, or of the one run; of huge sweeps the first ones."""
    values: list[list[str]] = []
    for text, override in zip(overrides, _parsed(overrides), strict=True):
        if override.is_sweep_override() and override.is_discrete_sweep():
            key = override.get_key_element()
            values.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            values.append([text])
    for command in islice(product(*values), CHECKED_RUNS):
        yield list(command)


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
    known = _known_keys()
    missing = getattr(error, "missing_cfg_file", None)
    for override in _parsed(overrides):
        key, value = override.key_or_group, override.value()
        if key.startswith("hydra"):
            continue
        choices = groups().get(key)
        if choices is not None and missing == f"{key}/{value}":
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


def _check_lengths(config: Config, overrides: list[str]) -> None:
    # Hydra merges dictionaries, so {0: 128} over {0: 64, 5: 256} is not what it looks like.
    for override in _parsed(overrides):
        value = override.value()
        if override.key_or_group == "data.sequence_length" and isinstance(value, dict):
            said, meant = {int(key) for key in value}, set(config.data.sequence_length)
            if said != meant:
                raise InputError(
                    f"data.sequence_length={value} would leave the length from epoch "
                    f"{min(meant - said)} on as it is ({dict(config.data.sequence_length)}): "
                    "say the length for each of these epochs"
                )


def free_to_add(arguments: list[str]) -> list[str]:
    """The arguments with the `++` before those that may add a key of the user's."""
    return [f"++{each}" if FREE_SECTIONS.match(each) else each for each in arguments]


def check_command(
    overrides: list[str],
    config_dir: str | None = None,
    multirun: bool = False,
    check_run: Callable[[Config], None] = lambda _: None,
) -> None:
    """Composes and checks every run that a command would start.

    Args:
        overrides: of the command line.
        config_dir: the user's folder of YAML files.
        multirun: whether it is a sweep.
        check_run: checks of the command's own, e.g. that a run's data is there.

    Raises:
        InputError: an unknown key or choice, a wrong type, a value out of range, missing data.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    extra = [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"] if config_dir else []
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            commands = list(_commands(overrides))
        except HydraException as error:
            raise InputError(str(error).splitlines()[0]) from error
        for command in commands:
            try:
                cfg = compose("config", [*command, *extra])
            except (HydraException, OmegaConfBaseException) as error:
                raise InputError(_explain(error, command)) from error
            config = typed(cfg)
            _check_lengths(config, command)
            check_run(config)
            if multirun and config.trainer.devices != 1:
                raise InputError(
                    f"trainer.devices={config.trainer.devices} in a sweep: the runs of a sweep "
                    "have one device each; start runs on several devices one by one"
                )


def run(
    program: str, task: Callable[[Config], object], check_run: Callable[[Config], None]
) -> None:
    """Runs ``task`` on the configuration that the command line describes.

    Args:
        program: module name, for the help text.
        task: gets a checked configuration; once per run of a sweep.
        check_run: see `check_command`.
    """
    import hydra
    from hydra._internal.utils import get_args_parser
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    sys.argv[1:] = free_to_add(sys.argv[1:])
    arguments = get_args_parser().parse_args()
    if arguments.help:
        print(help_text(program))  # noqa: T201
        return
    register_schema()
    asks_only = (
        arguments.cfg or arguments.info or arguments.hydra_help or arguments.shell_completion
    )
    multirun = bool(arguments.multirun)
    if not asks_only:
        try:
            check_command(arguments.overrides, arguments.config_dir, multirun, check_run)
        except (InputError, PermissionError) as error:
            fail(error)

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=str(conf_dir()), config_name="config"
    )
    def start(cfg: DictConfig) -> None:
        job = HydraConfig.get()
        config = typed(cfg)
        place(config, job, job.mode == RunMode.MULTIRUN)
        try:
            task(config)
        except RunFinished as error:
            if job.mode != RunMode.MULTIRUN:
                fail(error)
            print(f"skipped: {error}")  # noqa: T201
        except InputError as error:
            if job.mode != RunMode.MULTIRUN:
                fail(error)
            print(f"error: {error}", file=sys.stderr)  # noqa: T201
            raise  # Hydra goes on with the other runs and fails at the end
        except OSError as error:
            if error.errno not in ENVIRONMENT_ERRNOS:
                raise
            fail(error)

    try:
        start()
    except KeyboardInterrupt:
        sys.exit(130)
