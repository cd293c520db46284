"""The table of faults counts what was tried."""

import fuzz
import pytest
from fuzz import CASES, FAULTS, Tried, areas, counted, main

REPORT = """<testsuites><testsuite>
<testcase><properties><property name="cases" value="500"/></properties></testcase>
<testcase><failure/><properties><property name="cases" value="500"/></properties></testcase>
<testcase name="c"/>
<testcase name="d"><error/></testcase>
<testcase name="e"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_test_counts_the_cases_it_names_and_else_one(tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    assert counted(tmp_path / "report.xml") == Tried(cases=1002, failures=2)


def test_every_file_of_faults_is_an_area():
    assert set(CASES) <= set(areas())
    assert len(areas()) == len([*FAULTS.glob("test_*.py")])


def test_an_unknown_area_is_an_error(capsys):
    with pytest.raises(SystemExit):
        main(["nowhere"])
    assert "no such area: nowhere; there are analysis" in capsys.readouterr().err


def test_the_table_and_the_exit_code_say_what_failed(monkeypatch, capsys):
    tried = {"names": Tried(1234, 0), "readers": Tried(5, 2)}
    monkeypatch.setattr(fuzz, "try_out", lambda area, share: tried[area])
    assert main(["names"]) == 0
    assert main(["names", "readers"]) == 1
    assert "readers 5 2" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_an_area_is_tried_with_a_share_of_its_cases():
    assert fuzz.try_out("checkpoints", 0.001).failures == 0
