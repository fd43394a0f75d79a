"""Review a change of the model: is it really better, and may it be merged?

    python -m review                      the workspace against where its branch left main
    python -m review --head REV           a commit, branch, tag or experiment, in place of the workspace
    python -m review EXP1 EXP2            experiments, ranked against the commit they started from
    python -m review --queue --seeds      all experiments of this commit, those that differ in the seed together
    python -m review --committed          only: are the committed results those of the commit?

It writes review.md, review.html and review.png to reports/ and prints the verdict. Exit status: 0, 1 where the gate in
review/gate.yaml fails, 2 where the review can't be made or a rule can't be judged.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from review.blocks import Report
from review.committed import check_committed
from review.errors import CannotJudge
from review.gate import load_gate
from review.report_html import as_html
from review.report_markdown import as_markdown
from review.revisions import WORKSPACE, Revision, check_place, experiments, find_base, find_revision

REPORT_FOLDER = Path("reports")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    chosen = parse_arguments(arguments)
    try:
        check_place()
        head = find_revision(chosen.head) if chosen.head else Revision(WORKSPACE, None)
        if chosen.committed:
            return committed(head)
        check_folder(chosen.output)
        with tempfile.TemporaryDirectory() as folder:
            if chosen.experiments or chosen.queue or chosen.seeds:
                return review_experiments(chosen, Path(folder))
            return review_one(chosen, head, Path(folder))
    except CannotJudge as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m review", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "experiments", nargs="*", metavar="EXP", help="experiments to rank, as `dvc exp show` names them"
    )
    parser.add_argument("--base", metavar="REV", help="compare with this; for a branch, with where the head left it")
    parser.add_argument("--head", metavar="REV", help="what to review (default: the workspace)")
    parser.add_argument("--queue", action="store_true", help="rank all experiments of this commit")
    parser.add_argument("--seeds", action="store_true", help="take experiments together that differ in the seed alone")
    parser.add_argument("--committed", action="store_true", help="only check that the results are those of the commit")
    parser.add_argument(
        "--resamples", type=int, default=10_000, metavar="N", help="bootstrap resamples (default: 10000)"
    )
    parser.add_argument(
        "--speed", action="store_true", help="measure texts per second of both exported models, in turns"
    )
    parser.add_argument("--base-logs", type=Path, metavar="FOLDER", help="where the base's training left its log")
    parser.add_argument("--head-logs", type=Path, metavar="FOLDER", help="the same of the head, such as logs/")
    parser.add_argument("--output", type=Path, default=REPORT_FOLDER, metavar="FOLDER", help="default: reports")
    chosen = parser.parse_args(arguments)
    if chosen.head and (chosen.experiments or chosen.queue or chosen.seeds):
        parser.error("--head goes without experiments")
    if chosen.resamples < 100:
        parser.error("--resamples takes a number from 100 on")
    return chosen


def committed(head: Revision) -> int:
    """Print whether the results of a revision are its own."""
    found = check_committed(head)
    for problem in found.problems:
        print(problem)
    for path in found.unknown:
        print(f"not known without the data: {path}")
    if not found.problems:
        print(f"dvc.lock, the metrics and the README are those of {head}")
    return 1 if found.problems else 0


def review_one(chosen: argparse.Namespace, head: Revision, folder: Path) -> int:
    """Review one revision; return 0, 1 where the gate fails, 2 where it can't be judged."""
    from review.one import review_revision

    base = find_base(chosen.base, head)
    review, report = review_revision(base, head, load_gate(), chosen, folder)
    write_report(chosen.output, report)
    return {True: 0, False: 1, None: 2}[review.passed]


def review_experiments(chosen: argparse.Namespace, folder: Path) -> int:
    """Rank experiments."""
    from review.experiments import compare_experiments
    from review.report_experiments import make_report

    base = find_revision(chosen.base or "HEAD")
    assert base.commit
    named = [find_revision(name) for name in chosen.experiments]
    if not named:
        named = [Revision(name.rpartition("/")[2], commit) for name, commit in sorted(experiments(base.commit).items())]
    if not named:
        raise CannotJudge(f"{base} has no finished experiments: `dvc exp run --queue` and `dvc queue start` make some")
    gate = load_gate()
    metric = next(iter(gate.largest_drop), "accuracy")
    comparison = compare_experiments(base, named, metric, chosen.resamples, folder)
    write_report(chosen.output, make_report(comparison, chosen.seeds))
    return 0


def check_folder(output: Path) -> None:
    """Raise CannotJudge unless reports can be written."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise CannotJudge(f"{output} can't be written: {error.strerror}: name another folder with --output") from error


def write_report(output: Path, report: Report) -> None:
    """Print the verdict, and write the report: all of its files or none.

    Raises:
        CannotJudge: when there is no room.
    """
    contents = {"review.md": as_markdown(report).encode(), "review.html": as_html(report).encode()}
    charts = [chart for section in report.sections for chart in section.charts]
    if charts:
        from review.report_html import picture

        contents["review.png"] = picture(charts)
    partial = {output / name: output / f".{name}.partial" for name in (*contents, "review.png")}
    try:
        for name, content in contents.items():
            partial[output / name].write_bytes(content)
        for path, written in partial.items():
            written.replace(path) if written.exists() else path.unlink(missing_ok=True)  # an older picture goes
    except OSError as error:
        raise CannotJudge(f"{output} can't be written: {error.strerror}") from error
    finally:
        for written in partial.values():
            written.unlink(missing_ok=True)
    print(report.title)
    for line in report.lines:
        print("".join(part if isinstance(part, str) else part.short(200) for part in line))
    print(f"The report is in {output / 'review.md'} and {output / 'review.html'}")


if __name__ == "__main__":
    sys.exit(main())
