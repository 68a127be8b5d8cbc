"""The mutants still mean something: each names a piece that stands once in the code, and a test that exists."""

from __future__ import annotations

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.protections import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.takes_away)
def test_a_mutant_fits_the_code(mutant: Mutant) -> None:
    assert mutant.problem() == ""


def test_there_are_enough_and_no_two_alike() -> None:
    assert len({(mutant.file, mutant.old) for mutant in MUTANTS}) == len(MUTANTS) >= 10
