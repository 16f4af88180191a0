"""From what a user names (bundled model, folder, file, Hugging Face repository) to a weights file on this machine.

Nothing here imports torch; huggingface_hub is imported when a repository is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from partimento.checkpoint import CARD, CONFIG, WEIGHTS, CheckpointError, folder_bytes, read_config

BUNDLED = Path(str(files("partimento"))) / "models"
REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[\w.-]+\.safetensors))?(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class Source:
    """A weights file and the folder whose `config.json` describes it.

    Args:
        name: short name for messages and tables.
    """

    name: str
    weights: Path

    @property
    def folder(self) -> Path:
        return self.weights.parent


def resolve(name: str | Path) -> Source:
    """Where the weights of a name lie; a repository is fetched into Hugging Face's cache unless it is there.

    Args:
        name: a bundled name ("piano-small"), a checkpoint folder, one safetensors file in it, or a Hugging Face
            repository "org/name", "org/name@revision" or "org/name/file.safetensors@revision". A bundled name goes
            first (write ./piano-small for a folder of that name), then what exists on disk.

    Raises:
        CheckpointError: if it is none of these, or the repository cannot be had.
    """
    text = str(name)
    if text in bundled():
        return Source(text, BUNDLED / text / WEIGHTS)
    path = Path(name).expanduser()
    if path.is_dir():
        return Source(path.resolve().name, path / WEIGHTS)
    if path.is_file():
        if path.suffix != ".safetensors":
            raise CheckpointError(f"{path} is not a safetensors file; other formats can run code and are not opened")
        return Source(path.stem if path.name != WEIGHTS else path.resolve().parent.name, path)
    match = REPOSITORY.fullmatch(text) if isinstance(name, str) else None
    if not match:
        raise CheckpointError(
            f"no model {text!r}: it is neither a bundled name ({', '.join(bundled()) or 'none is bundled'}), "
            "nor a folder here, nor a Hugging Face repository (org/name)"
        )
    return Source(text, _fetch(match["repo"], match["revision"], match["file"] or WEIGHTS))


def _fetch(repo: str, revision: str | None, weights: str) -> Path:
    """A weights file of a repository in the local cache, with the configuration and the card beside it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    wanted = [CONFIG, CARD, weights]  # a repository may hold several files of gigabytes: only the one that was named
    try:
        path = Path(snapshot_download(repo, revision=revision, allow_patterns=wanted)) / weights
    except LocalEntryNotFoundError:
        asked = f"{repo}@{revision}" if revision else repo
        raise CheckpointError(
            f"{asked} is not in the local cache and the Hugging Face hub cannot be reached; "
            f"there is also no folder of that name here. Go online once, or give a folder with {CONFIG} and {weights}"
        ) from None
    except RepositoryNotFoundError:
        raise CheckpointError(f"the Hugging Face hub has no repository {repo}, or it needs a login") from None
    except (HfHubHTTPError, HFValidationError) as error:
        raise CheckpointError(f"{repo} cannot be fetched from the Hugging Face hub: {error}") from error
    if not path.exists():
        raise CheckpointError(
            f"{repo} has no {weights}; if it has another weights file, name it: {repo}/FILE.safetensors"
        )
    return path


def bundled() -> list[str]:
    """Names of the models that came with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob(f"*/{WEIGHTS}"))


@dataclass(frozen=True)
class Listed:
    """One model at hand: how to name it, what made it, its size in bytes, its licence, where it lies."""

    name: str
    origin: str
    system: str
    licence: str
    bytes: int
    folder: Path


def list_models() -> list[Listed]:
    """The bundled models, then the repositories in Hugging Face's cache that this software can open."""
    return [*_listed_bundled(), *_listed_cached()]


def _listed_bundled() -> Iterator[Listed]:
    for name in bundled():
        folder = BUNDLED / name
        config = read_config(folder)
        yield Listed(name, "bundled", _system(config), licence_of(folder, config), folder_bytes(folder), folder)


def _listed_cached() -> Iterator[Listed]:
    from huggingface_hub import CacheNotFound, constants, scan_cache_dir

    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return
    for repo in sorted(cache.repos, key=lambda r: r.repo_id):
        for revision in repo.revisions:
            folder = revision.snapshot_path
            if repo.repo_type != "model" or not (folder / CONFIG).exists() or not list(folder.glob("*.safetensors")):
                continue
            try:
                config = read_config(folder)
            except CheckpointError:
                continue  # another software's repository: nothing to report to the user
            system = _system(config)
            if system:
                name = repo.repo_id if "main" in revision.refs else f"{repo.repo_id}@{revision.commit_hash[:12]}"
                size = folder_bytes(folder)
                yield Listed(name, "cached", system, licence_of(folder, config), size, folder)


def _system(config: dict[str, Any]) -> str:
    """The system that made a checkpoint; "" where the configuration is another software's."""
    if "network" in config:
        return str(config.get("system", ""))
    native = {"d_model", "n_heads", "n_layers"} <= config.keys()
    return "aria" if native or "AriaForCausalLM" in str(config.get("architectures")) else ""


def licence_of(folder: Path, config: dict[str, Any]) -> str:
    """Licence as the configuration or the head of the card states it, "not stated" where neither does."""
    if config.get("licence"):
        return str(config["licence"])
    card = folder / CARD
    head = card.read_text(encoding="utf-8", errors="replace")[:4000] if card.exists() else ""
    stated = re.search(r"^license:\s*(\S.*?)\s*$", head, re.MULTILINE) if head.startswith("---") else None
    return stated[1] if stated else "not stated"
