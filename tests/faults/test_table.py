"""docs/reliability.md names a test, or says that there is none, for each of sixty faults."""

from __future__ import annotations

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)


def test_sixty_faults_are_listed() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 61))


def test_every_test_that_is_named_exists() -> None:
    for number, held_by in ROWS:
        named = re.findall(r"`([\w/]+\.py)::([\w:]+)`", held_by)
        assert named or "no test" in held_by or "there are none" in held_by, number
        for file, test in named:
            source = (ROOT / "tests" / file).read_text()
            assert f"def {test.rpartition('::')[2]}(" in source, f"{number}: {file}::{test}"
