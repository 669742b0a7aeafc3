"""Which keys are allowed where: the schema walked along a path, for errors that name the nearest valid key."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from scenarios.schema import Scenario


def keys_at(path: Sequence[str | int], root: type[BaseModel] = Scenario) -> tuple[str, ...]:
    """Return the keys a mapping at ``path`` of a file may have; a step may be the tag of a union's member."""
    models: list[type[BaseModel]] = [root]
    found: list[Any] = [root]
    for step in path:
        found = [inner for annotation in found for inner in _step(annotation, step)]
        models = [annotation for annotation in found if _is_model(annotation)]
    return tuple(dict.fromkeys(key for model in models for key in _keys(model)))


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a hint that names the word most like ``word``; empty when none is near.

    >>> nearest("per_dya", ["per_day", "mix"])
    "did you mean 'per_day'?"
    """
    near = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def _step(annotation: Any, step: str | int) -> list[Any]:
    if _is_model(annotation):
        if step in _keys(annotation):
            return _unwrapped(_keys(annotation)[str(step)])
        kind = annotation.model_fields.get("kind")
        return [annotation] if kind is not None and step in get_args(kind.annotation) else []
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return _unwrapped(arguments[1])
    if get_origin(annotation) is tuple and isinstance(step, int):
        return _unwrapped(arguments[0])
    return []


def _unwrapped(annotation: Any) -> list[Any]:
    """Return the alternatives of an annotation, without ``Annotated`` and ``None``."""
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for part in get_args(annotation) for inner in _unwrapped(part)]
    return [] if annotation is type(None) or get_origin(annotation) is Literal else [annotation]


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
