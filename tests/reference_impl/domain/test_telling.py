"""What is told of an exception: our own words and the operating system's, and of any other its kind and place alone."""

from __future__ import annotations

import errno
import re

from reference_impl.domain.failures import FailedRunError
from reference_impl.domain.telling import told

PERSON = "33010619820101123X"


def raised(error):
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - whatever it is
        return caught


def test_our_own_words_are_told_in_one_line():
    assert told(raised(FailedRunError("books 33\n cannot be written"))) == "books 33 cannot be written"


def test_of_the_operating_system_its_reason_is_told():
    assert told(raised(OSError(errno.ENOSPC, "No space left on device"))) == "OSError: No space left on device"


def test_of_any_other_exception_the_words_are_not_told():
    for error in (KeyError(PERSON), ValueError(f"no {PERSON}"), OSError(PERSON)):
        words = told(raised(error))
        assert re.fullmatch(rf"{type(error).__name__} at domain/test_telling\.py:\d+", words)


def test_an_exception_that_was_never_raised_has_its_kind_alone():
    assert told(KeyError(PERSON)) == "KeyError"
