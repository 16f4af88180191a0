"""Words before the music that say what it is to be: composer, form and genre, where the vocabulary has them."""

from __future__ import annotations

import unicodedata

from partimento.tokens.vocabulary import COMPOSERS, FORMS, FULL, GENRES, Vocabulary

KINDS = {"composer": COMPOSERS, "form": FORMS, "genre": GENRES}


def prefix_ids(vocabulary: Vocabulary, **wanted: str | None) -> list[int]:
    """Sorted ids of the words that stand before <S>, after the instrument.

    Args:
        wanted: word by kind: composer, form, genre; None says nothing. Case and accents do not matter.

    Raises:
        ValueError: if the vocabulary does not have the word; it names those that it has.

    >>> prefix_ids(FULL, composer="Chopin", form="etude", genre=None)
    [20, 32]
    """
    ids = []
    for kind, word in wanted.items():
        if word is None:
            continue
        known = {_plain(name): name for name in KINDS[kind] if name in vocabulary.prefix}
        if not known:
            raise ValueError(
                f"{kind} {word!r}: the model's {vocabulary.size:,} tokens have no word for a {kind}; those of official "
                f"Aria checkpoints with {FULL.size:,} tokens have: {', '.join(KINDS[kind])}"
            )
        if _plain(word) not in known:
            raise ValueError(f"{kind} {word!r} is not one the model has a word for: {', '.join(known.values())}")
        ids.append(vocabulary.prefix[known[_plain(word)]])
    return sorted(ids)


def _plain(word: str) -> str:
    """Lower case, without accents."""
    letters = unicodedata.normalize("NFKD", word.strip().lower())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
