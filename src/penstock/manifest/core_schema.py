"""YAML 1.2's core schema for one scalar: null, true and false, numbers; all else is text."""

from __future__ import annotations

import math
import re

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")
_WORDS = {"null": None, "Null": None, "NULL": None, "~": None, "": None}
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DIGITS_MAX = 300


class NotJsonError(ValueError):
    """A number that JSON cannot carry."""


def yaml_value(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar; raises NotJsonError for infinity, NaN, and numbers beyond all use."""
    if text in _WORDS:
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if _NO_NUMBER.fullmatch(text):
        raise NotJsonError(text)
    return _number(text)


def _number(text: str) -> str | int | float:
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            if len(text) > _DIGITS_MAX:
                raise NotJsonError(text)
            return int(text, base)
    if _FLOAT.fullmatch(text):
        if math.isinf(value := float(text)):
            raise NotJsonError(text)
        return value
    return text
