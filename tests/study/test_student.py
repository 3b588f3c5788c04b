"""Student's t, by the tables of others and by SciPy."""

from __future__ import annotations

import pytest

from tui_trainer.study.student import quantile, two_sided_p


@pytest.mark.parametrize("df", [1, 1.3, 2, 2.7, 4, 7.5, 30, 100.5, 1e5])
def test_it_is_as_scipy_has_it(df: float) -> None:
    stats = pytest.importorskip("scipy.stats", exc_type=ImportError)
    for t in (0.01, 0.3, 1, 2, 3, 5, 12, 60, 1000):
        assert two_sided_p(t, df) == pytest.approx(2 * stats.t.sf(t, df), rel=1e-9, abs=1e-200)
        assert two_sided_p(-t, df) == two_sided_p(t, df)
    for confidence in (0.5, 0.9, 0.95, 0.99, 0.9999):
        expected = stats.t.ppf((1 + confidence) / 2, df)
        assert quantile(confidence, df) == pytest.approx(expected, rel=1e-9)


def test_it_is_as_printed_tables_have_it() -> None:
    assert [round(quantile(0.95, df), 3) for df in (1, 2, 4, 10)] == [12.706, 4.303, 2.776, 2.228]
    assert two_sided_p(0.0, 3) == 1
