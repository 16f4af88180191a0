"""The command `partimento`: one function a verb, grouped by what they work on. Heavy imports are inside the verbs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union

from partimento.cli.messages import UsageError, os_error

DESCRIPTION = """From a folder of MIDI or sound to a learned representation, and from that to continuations, drum
parts, search, pictures and a page to listen to. `partimento VERB --help` tells more; `partimento demo` shows all of it
on ten short pieces."""


def verbs() -> dict[str, Callable[..., int | None]]:
    """Every verb by its name, in the order of the help."""
    from partimento.cli import analyse, data, demo, drum, find, label, learn, measure, models, music, parts

    return {
        "demo": demo.demo,
        "ingest": data.ingest,
        "tokens": data.tokens,
        "pretrain": learn.pretrain,
        "finetune": learn.finetune,
        "evaluate": measure.evaluate,
        "embed": find.embed,
        "search": find.search,
        "label": label.label,
        "continue": music.continue_,
        "drum": drum.drum,
        "melody": parts.melody,
        "accompany-search": parts.accompany_search,
        "analyse": analyse.analyse,
        "listen": music.listen,
        "models": models.models,
        "import": models.import_,
        "export": models.export,
        "doctor": models.doctor,
    }


def main(args: Sequence[str] | None = None) -> None:
    """Run one verb and exit: 0 all done or skipped, 1 something failed, 2 wrong usage, 130 interrupted."""
    try:
        status = _run(list(sys.argv[1:] if args is None else args))
    except KeyboardInterrupt:
        print("\npartimento: interrupted; what was finished is kept", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
        sys.stderr.close()
        sys.exit(0)
    except UsageError as error:
        print(f"partimento: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"partimento: {os_error(error)}", file=sys.stderr)
        sys.exit(1)
    except (ValueError, LookupError) as error:
        print(f"partimento: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(status or 0)


def _run(args: list[str]) -> int | None:
    """Call the verb that the arguments name; its own help is whole, the list of verbs has a line for each."""
    import tyro

    known = verbs()
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
    if args == ["--version"]:
        from partimento import __version__

        print(f"partimento {__version__}")
        return 0
    if args and args[0] in known:
        verb: Callable[..., int | None] = known[args[0]]
        return tyro.cli(verb, prog=f"partimento {args[0]}", args=args[1:], config=config)
    entries = [
        Annotated[
            Any,
            tyro.conf.subcommand(name, constructor=verb, description=(inspect.getdoc(verb) or "").partition("\n")[0]),
        ]
        for name, verb in known.items()
    ]
    either: Any = Union[tuple(entries)]  # noqa: UP007 (a union of a computed list)
    tyro.cli(either, prog="partimento", description=DESCRIPTION, args=args, config=config)  # help, or a wrong usage
    return 2
