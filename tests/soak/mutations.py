"""Requests made wrong in every way that we could think of: trees of JSON and plain bytes, under a seed."""

from __future__ import annotations

import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 2**70, -(2**63), 0.1, "", " ", "a", "\ud800", "\x00", "\ufeff", "é" * 50, "data:;base64,", "data:image/png;base64,iVBO",
    [], {}, [[]], [None], [{}], {"": None}, {"type": "text"}, {"type": "text", "text": 1}, {"type": None}, "text", "auto", "user",
    "assistant", "tool", "system", "tool_result", "image", {"type": "image", "source": {"type": "base64"}}, "9" * 400,
)  # fmt: skip
DEEP = "@deep@"
"""Stands where lists in lists will stand."""
JUNK = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\ud800",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b",",
    b":",
    b"null",
)


def mutants(seeds: list[bytes], random_: random.Random) -> Any:
    """Endlessly many bodies near the seeds."""
    trees = [json.loads(seed) for seed in seeds]
    words = sorted({word for tree in trees for word in _words(tree)})
    while True:
        if random_.random() < 0.25:
            yield _bytes(random_.choice(seeds), random_)
            continue
        body = json.dumps(_tree(random_.choice(trees), trees, words, random_), ensure_ascii=random_.random() < 0.5)
        depth = random_.choice((1, 5, 300, 900, 20_000))
        data = body.replace(json.dumps(DEEP), "[" * depth + "]" * depth).encode("utf-8", "surrogatepass")
        yield _bytes(data, random_) if random_.random() < 0.1 else data


def _words(value: Any) -> Any:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str) and len(value) < 30:
        yield value


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _tree(tree: Any, trees: list[Any], words: list[str], random_: random.Random) -> Any:
    tree = json.loads(json.dumps(tree))
    for _ in range(random_.choice((1, 1, 1, 2, 3, 8))):
        path = random_.choice(list(_paths(tree)))
        if not path:
            continue
        holder, key = _at(tree, path[:-1]), path[-1]
        act = random_.randrange(7)
        if act == 0:
            del holder[key]
        elif act == 1:
            holder[key] = json.loads(json.dumps(random_.choice(ODD)))
        elif act == 2:
            holder[key] = random_.choice(words)
        elif act == 3:
            other = random_.choice(trees)
            holder[key] = json.loads(json.dumps(_at(other, random_.choice(list(_paths(other))))))
        elif act == 4:
            holder[key] = [json.loads(json.dumps(holder[key])) for _ in range(random_.randrange(1, 4))]
        elif act == 5 and isinstance(holder, dict):
            holder[random_.choice(words)] = holder.pop(key)
        else:
            holder[key] = DEEP
    return tree


def _bytes(data: bytes, random_: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 5))):
        at = random_.randrange(len(out) + 1)
        act = random_.randrange(5)
        if act == 0:
            out[at:at] = random_.choice(JUNK)
        elif act == 1:
            del out[at : at + random_.randrange(1, 20)]
        elif act == 2:
            del out[at:]
        elif act == 3 and at < len(out):
            out[at] ^= 1 << random_.randrange(8)
        else:
            out[at:at] = out[max(0, at - 30) : at]
    return bytes(out)
