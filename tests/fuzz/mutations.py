"""Damage that files come to, and damage that somebody made: seeded changes of bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

NUMBERS = (b"0", b"-1", b"1", b"1e999", b"nan", b"-inf", b"99999999999999999999", b"2147483648", b"0.0", b"", b"1;2")
EXTREMES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0x7FFFFFFFFFFFFFFF,
    2**64 - 1,
)
HEAD = 4096  # most of what steers a reader stands here


def _place(rng: random.Random, data: bytearray) -> int:
    """Half of the places are in the head of the file."""
    return rng.randrange(min(len(data), HEAD) if rng.random() < 0.5 else len(data))


def flip_bits(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[_place(rng, data)] ^= 1 << rng.randrange(8)


def write_an_extreme(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    width = rng.choice((1, 2, 4, 8))
    number = rng.choice(EXTREMES) % (1 << 8 * width)
    place = _place(rng, data)
    data[place : place + width] = number.to_bytes(width, rng.choice(("little", "big")))


def change_a_number_in_words(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    found = list(re.finditer(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", bytes(data[: 4 * HEAD])))
    if found:
        chosen = rng.choice(found)
        data[chosen.start() : chosen.end()] = rng.choice(NUMBERS)


def cut_short(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[_place(rng, data) :]


def leave_out(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    place = _place(rng, data)
    del data[place : place + rng.choice((1, 2, 4, 16, 256))]


def repeat(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    place = _place(rng, data)
    data[place:place] = data[place : place + rng.choice((1, 4, 16, 256))]


def take_over(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """A piece of another file."""
    other = rng.choice(others)
    start = rng.randrange(max(1, len(other)))
    place = _place(rng, data)
    data[place : place + 64] = other[start : start + 64]


def set_to_zero(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    place = _place(rng, data)
    end = min(len(data), place + rng.choice((4, 64, 1024)))
    data[place:end] = bytes(end - place)


MUTATIONS: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    flip_bits,
    write_an_extreme,
    change_a_number_in_words,
    change_a_number_in_words,
    cut_short,
    leave_out,
    repeat,
    take_over,
    set_to_zero,
)


def mutated(seed: int, data: bytes, others: Sequence[bytes]) -> bytes:
    """The same seed gives the same damage."""
    rng = random.Random(seed)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not changed:
            break
        rng.choice(MUTATIONS)(rng, changed, others)
    return bytes(changed)
