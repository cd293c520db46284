"""How good are the rates of other finders on the tasks of the oracle?

Usage: python scripts/benchmark_peers.py [--jobs 2] [--only "lightning;fastai valley"]
       python scripts/benchmark_peers.py --report [--also FILE]   judge what was answered before
Needs the extra `bench` and scripts/oracle.npz. Writes scripts/oracle_answers.json, in ten minutes
of one core, and .github/benchmark/peers.md and .png. With `--locked` it asks and judges on the
locked families alone, and every file has `_locked` in its name.

A row "factor fitted" divides all answers of a finder by one number for each schedule and horizon,
chosen on the families that are not judged, which is what a user could do at best who knows how far
off a finder is. On the locked families the number comes from all others.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import oracle_automatic
from oracle_families import FAMILIES, FAMILY_OF, LOCKED
from oracle_finders import SEEDS, Answers, ask_all, load, save
from oracle_picture import picture
from oracle_scores import Choose, Score, best_factors, chosen_before, left_out, score, table_of
from oracle_table import Table
from oracle_table import load as load_table
from peer_finders import FINDERS

FOLDER = Path(__file__).parent
OUT = FOLDER.parent / ".github" / "benchmark"
UNFITTED = ("documented default",)
"""Finders that a factor is not fitted for: these answer no question about the task."""


def judged(
    answers: Answers, table: Table, choices: Mapping[str, Choose] | None = None
) -> list[Score]:
    """Scores of finders as they are, the best first, and then with a factor.

    Args:
        answers: Of every finder, on every task of the table.
        table: The full trainings.
        choices: How the factor of each finder is chosen; on the other families without it.
    """
    plain = [score(finder, found, table) for finder, found in answers.items()]
    fitted = [
        score(finder, found, table, choose=choices[finder] if choices else left_out)
        for finder, found in answers.items()
        if finder not in UNFITTED
    ]
    return ranked(plain) + ranked(fitted)


def ranked(scores: Sequence[Score]) -> list[Score]:
    """The lowest mean regret at a constant rate first."""
    return sorted(scores, key=lambda each: each.mean("constant"))


def report(scores: Sequence[Score], table: Table) -> str:
    """The page: the table, and what it was made from."""
    families = len({FAMILY_OF[name] for name in table})
    return (
        f"# Learning-rate finders on the tasks of the oracle\n\n"
        f"Written by `python scripts/benchmark_peers.py`. Mean regret over {len(table)} tasks in "
        f"{families} of {len(FAMILIES)} families, by schedule and training steps, with "
        f"{len(SEEDS)} seeds each; then the share of trainings without a rate, which are judged "
        f"at the optimizer's documented default, and of those whose regret is above a half; and "
        f"the optimizer steps a finder takes. Optimizers that need no rate are trained at their "
        f"documented defaults, and judged against the best constant rate of the task's own.\n\n"
        f"{table_of(scores)}\n"
    )


def ask_and_save(path: Path, finders: Sequence[str], tasks: Sequence[str], jobs: int) -> None:
    """Ask finders, and put their answers beside those of others in a file."""
    known = load(path) if path.exists() else {}
    known |= ask_all(finders, tasks, jobs)
    save({name: known[name] for name in FINDERS if name in known}, path)


def loaded(also: Sequence[Path], suffix: str) -> Answers:
    """The answers of the peers, and of other files of the same kind before them."""
    answers: Answers = {}
    for path in [*also, FOLDER / "oracle_answers.json"]:
        answers |= load(path.with_name(path.stem + suffix + path.suffix))
    return answers


def evaluate(*, locked: bool, also: Sequence[Path]) -> tuple[list[Score], Table]:
    """The scores of all finders and automatic optimizers, on the open or the locked families."""
    table, choices = load_table(), None
    answers = loaded(also, "_locked" if locked else "")
    if locked:
        before = loaded(also, "")
        choices = {name: chosen_before(best_factors(before[name], table)) for name in before}
        whole = load_table(locked=True)
        table = Table({name: whole[name] for name in whole if name not in table})
    scores = judged(answers, table, choices)
    automatic = oracle_automatic.LOCKED_FILE if locked else oracle_automatic.FILE
    if automatic.exists():
        scores += ranked(oracle_automatic.scores(oracle_automatic.load(automatic), table))
    return scores, table


def main(argv: Sequence[str] | None = None) -> None:
    """Ask, and write what the answers cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="names of finders, separated by ';'")
    parser.add_argument("--report", action="store_true", help="ask nobody")
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="FILE",
                        help="more answers, named without `_locked`")  # fmt: skip
    parser.add_argument("--locked", action="store_true")
    arguments = parser.parse_args(argv)
    suffix = "_locked" if arguments.locked else ""
    if not arguments.report:
        tasks = [name for name in FAMILY_OF if (FAMILY_OF[name] in LOCKED) is arguments.locked]
        finders = arguments.only.split(";") if arguments.only else list(FINDERS)
        ask_and_save(FOLDER / f"oracle_answers{suffix}.json", finders, tasks, arguments.jobs)
    scores, table = evaluate(locked=arguments.locked, also=arguments.also)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"peers{suffix}.md").write_text(report(scores, table))
    picture(scores, OUT / f"peers{suffix}.png")


if __name__ == "__main__":
    main()
