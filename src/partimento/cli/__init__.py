"""The command `partimento`: one function a verb, grouped by what they work on. Heavy imports are inside the verbs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

DESCRIPTION = """From a folder of MIDI to a learned representation, and from that to continuations, search and a page to
listen to. `partimento VERB --help` tells more; `partimento demo` shows all of it on ten short pieces."""


def verbs() -> dict[str, Callable[..., int | None]]:
    """Every verb by its name, in the order of the help."""
    from partimento.cli import data, demo, find, learn, models, music

    return {
        "demo": demo.demo,
        "ingest": data.ingest,
        "tokens": data.tokens,
        "pretrain": learn.pretrain,
        "evaluate": learn.evaluate,
        "embed": find.embed,
        "search": find.search,
        "continue": music.continue_,
        "listen": music.listen,
        "models": models.models,
        "import": models.import_,
        "doctor": models.doctor,
    }


def main(args: Sequence[str] | None = None) -> None:
    """Run one verb and exit: 0 all done or skipped, 1 something failed, 2 wrong usage, 130 interrupted."""
    import tyro

    try:
        status = tyro.extras.subcommand_cli_from_dict(
            verbs(), prog="partimento", description=DESCRIPTION, args=args, config=(tyro.conf.FlagCreatePairsOff,)
        )
    except KeyboardInterrupt:
        print("\npartimento: interrupted; what was finished is kept", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
        sys.stderr.close()
        sys.exit(0)
    except (ValueError, OSError, LookupError) as error:
        print(f"partimento: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(status or 0)
