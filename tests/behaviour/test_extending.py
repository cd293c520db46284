"""One place for what a contributor adds: a row in a table, and everything else follows."""

import subprocess
import sys
import textwrap

import pytest
from makers import make_result

SMOOTHER = """
    from lrfind.analysis import smoothing
    from lrfind.analysis.smoothing import Smoother, after_climb, ema

    smoothing.SMOOTHERS["twice"] = Smoother(
        "EMA twice", lambda loss, beta: ema(ema(loss, beta), beta), after_climb,
        {"color": "purple", "marker": "x", "linestyle": "-"}, climbs=True,
    )

    import csv
    import json
    from click.testing import CliRunner
    from matplotlib import use
    from matplotlib.colors import same_color
    import lrfind
    from lrfind.cli import main

    use("agg")
    result = lrfind.load("result.json")
    row = result.compare((0.9,)).row("twice", 0.9)
    assert row.minimum.usable and row.smoothing > result.compare((0.9,)).row("ema", 0.9).smoothing
    assert "EMA twice 0.9" in str(result.compare((0.9,)))
    answer = result.suggest(curve="twice", beta=0.9)
    assert answer.lr == row.minimum.lr / 10
    assert any("EMA twice" in each.label for each in result.sensitivity().rows)
    for ax in (result.plot(beta=0.9), result.plot_betas()):
        assert any(same_color(line.get_color(), "purple") for line in ax.get_lines())
    result.to_csv("result.csv", beta=0.9)
    assert "twice" in next(csv.reader(open("result.csv")))
    shown = CliRunner().invoke(
        main, ["show", "result.json", "--curve", "twice", "--beta", "0.9", "--json"]
    )
    assert json.loads(shown.stdout)["suggestion"]["lr"] == answer.lr
    assert "twice" in CliRunner().invoke(main, ["show", "--help"]).stdout
"""

RULE = """
    from lrfind.analysis import rules
    from lrfind.analysis.rules import Rule

    rules.RULES["first"] = Rule(lambda seen: float(seen.lr[0]))

    import json
    from click.testing import CliRunner
    import lrfind
    from lrfind.cli import main

    result = lrfind.load("result.json")
    answer = result.suggest("first", curve="debiased")
    assert answer.lr == result.lr[0]
    assert "by the rule 'first' on the debiased EMA 0.98 curve" in str(answer)
    assert any(row.rule == "first" for row in result.sensitivity().rows)
    shown = CliRunner().invoke(main, ["show", "result.json", "--rule", "first", "--json"])
    assert json.loads(shown.stdout)["suggestion"]["rule"] == "first"
"""


@pytest.mark.parametrize("code", [SMOOTHER, RULE], ids=["smoother", "rule"])
def test_a_row_in_the_table_is_all_it_takes(tmp_path, code):
    make_result().save(tmp_path / "result.json")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
