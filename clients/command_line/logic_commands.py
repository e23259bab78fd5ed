"""`verifier logic`: what loops ask of formulas. All of it runs in this process."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

import typer

from clients.command_line import options
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.printing import print_json
from clients.command_line.reading import SYNTAXES, read_text, refuse_two_standard_inputs

if TYPE_CHECKING:  # loaded by the command that needs it
    from clients.command_line.vote_lines import Ballot
    from sandboxes.logic.answers import Answer
    from sandboxes.logic.equivalence import Aligned, Comparison
    from sandboxes.logic.finite_models import ModelReport
    from sandboxes.logic.problems import Asked
    from sandboxes.logic.reader import Dialect, Finding, Fix, Reading
    from sandboxes.logic.syntax import Problem, Statement
    from sandboxes.logic.tools import Solvers
    from sandboxes.logic.truth_tables import TableReport
    from verifier_service.model import LogicProblem
    from verifier_service.voting import Calibration

__all__ = ["app"]

app = typer.Typer(
    help="Asks about formulas: reads, compares, groups, and counts votes. No server is needed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")

_SHOWN: Final = 200
"""Characters of a formula that are shown."""

_UNCHECKED: Final = "Solvers say so, and gave no evidence that could be checked."

SyntaxOption = Annotated[
    str,
    typer.Option("--syntax", help="Language of the texts. Told from names and texts if left out."),
]


class _Case(NamedTuple):
    """A candidate with its problem, and what to call it."""

    name: str
    logic: LogicProblem
    source: str
    is_spec: bool


# diagnose ---------------------------------------------------------------------------------------


@app.command("diagnose")
def diagnose(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Texts, or .jsonl with a VerificationSpec a line; - is standard input.",
        ),
    ],
    syntax: SyntaxOption = "",
    as_json: options.JsonOption = False,
) -> int:
    """Says what can't be read and what is odd, with repairs. Proves nothing. 1: can't be read.

    verifier logic diagnose formalisation.fol
    """
    from sandboxes.logic.problems import Asked, is_query, read_query

    problems = []
    lines = []
    for case in _cases(files, syntax):
        asked = _asked(case)
        findings: Sequence[Finding] = asked.findings
        about = "It can't be read."
        if isinstance(asked, Asked):
            goal = "a conclusion" if asked.problem.goal else "no conclusion"
            about = f"It has {_count(len(asked.problem.premises), 'premise')} and {goal}."
        elif is_query(case.logic, asked):
            found = read_query(case.logic, case.source)
            findings = found if isinstance(found, tuple) else ()
            about = "It can't be read." if findings else "It is a query with theories."
        readable = not any(finding.is_error for finding in findings)
        lines.append(f"{case.name}: {about}")
        for finding in findings:
            lines.append(f"  {_placed(finding, case.name)}")
            lines += [f"    Repair: {fix.message}" for fix in finding.fixes]
        problems.append(
            {"name": case.name, "readable": readable, "findings": list(map(_finding, findings))}
        )
    _show({"problems": problems}, lines, as_json=as_json)
    is_readable = all(problem["readable"] for problem in problems)
    return ExitCode.ACCEPTED if is_readable else ExitCode.REJECTED


# compare ----------------------------------------------------------------------------------------


@app.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A text of formulas that all hold.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    under: Annotated[
        Path | None, typer.Option("--under", help="Premises that hold in any case.")
    ] = None,
    syntax: SyntaxOption = "",
    as_json: options.JsonOption = False,
) -> int:
    """Says whether two formalisations are equivalent. 1: they are not, 3: open.

    verifier logic compare mine.fol theirs.fol --under background.fol
    """
    from sandboxes.logic.answers import Status
    from sandboxes.logic.equivalence import Relation
    from sandboxes.logic.syntax import closure
    from sandboxes.logic.tools import compare_problems

    refuse_two_standard_inputs(first, second, under)
    one, other = _formalisation(first, syntax), _formalisation(second, syntax)
    if (one.goal is None) != (other.goal is None):
        raise InvalidInput(
            f"Of {first} and {second}, one has a conclusion and the other has none. Give both one, "
            "or none."
        )
    given = [closure(premise.formula) for premise in _premises(under, syntax)] if under else []
    with _solvers() as solvers:
        if given and solvers.engine(given).ask(frozenset(range(len(given)))).status is (
            Status.UNSATISFIABLE
        ):
            raise InvalidInput(
                f"The premises in {under} contradict each other, and under them all formulas are "
                "equivalent. Correct them: `verifier logic consistent` says which."
            )
        found = compare_problems(one, other, given, solvers.engine)
    comparison = found.comparison
    is_vacuous = found.possible is Status.UNSATISFIABLE
    lines = [_RELATIONS[comparison.relation].format(first=first, second=second)]
    if comparison.relation is Relation.UNDECIDED:
        reasons = {comparison.first_only.reason, comparison.second_only.reason} - {""}
        lines = [f"open: {', '.join(sorted(reasons))}"]
    elif not _is_checked(comparison.first_only, comparison.second_only):
        lines.append(_UNCHECKED)
    if is_vacuous:
        lines.append(f"{first} can't hold, so that this says nothing about its meaning.")
    shown = comparison
    if found.aligned is not None:
        lines += _alignment(found.aligned)
        if found.aligned.comparison.relation is not Relation.EQUIVALENT:
            shown = found.aligned.comparison
    lines += _difference(shown, str(first), str(second))
    document = {
        "relation": str(comparison.relation),
        "checked": _is_checked(comparison.first_only, comparison.second_only),
        "vacuous": is_vacuous,
        **_distinguishing(comparison),
        **({"alignment": _alignment_json(found.aligned)} if found.aligned else {}),
    }
    _show(document, lines, as_json=as_json)
    match comparison.relation:
        case Relation.EQUIVALENT if found.possible is Status.SATISFIABLE:
            return ExitCode.ACCEPTED
        case Relation.EQUIVALENT | Relation.UNDECIDED:
            return ExitCode.INCONCLUSIVE
    return ExitCode.REJECTED


_RELATIONS: Final = {
    "equivalent": "{first} and {second} are equivalent.",
    "stronger": "Not equivalent: {first} implies {second}, and not the other way round.",
    "weaker": "Not equivalent: {second} implies {first}, and not the other way round.",
    "incomparable": "Not equivalent: neither of {first} and {second} implies the other.",
    "undecided": "open",
}


def _alignment(aligned: Aligned) -> Iterator[str]:
    pairs = aligned.alignment.symbols.items()
    told = ", ".join(f"{_cut(source.name)} for {_cut(target.name)}" for source, target in pairs)
    yield f"With other names: if these stand for each other ({told}), the two are:"
    yield f"  {aligned.comparison.relation}"
    yield "Whether the names mean the same is for you to say."


def _alignment_json(aligned: Aligned) -> dict[str, Any]:
    return {
        "relation": str(aligned.comparison.relation),
        "symbols": [
            {"kind": str(source.kind), "second": source.name, "first": target.name}
            for source, target in aligned.alignment.symbols.items()
        ],
        "likeness": round(aligned.alignment.likeness, 3),
        **_distinguishing(aligned.comparison),
    }


def _difference(comparison: Comparison, first: str, second: str) -> Iterator[str]:
    from sandboxes.logic.english import described

    if comparison.distinguishing is not None:
        allows, not_allows = first, second
        if comparison.first_only.model is None:
            allows, not_allows = second, first
        yield f"A case that {allows} allows and {not_allows} does not:"
        yield from _indented(described(comparison.distinguishing))


def _distinguishing(comparison: Comparison) -> dict[str, Any]:
    from sandboxes.logic.english import described

    models = {"firstOnly": comparison.first_only.model, "secondOnly": comparison.second_only.model}
    return {name: described(model) for name, model in models.items() if model is not None}


# cluster ----------------------------------------------------------------------------------------


@app.command("cluster")
def cluster(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Formalisations, or .jsonl with a VerificationSpec a line; - is standard input.",
        ),
    ],
    syntax: SyntaxOption = "",
    as_json: options.JsonOption = False,
) -> int:
    """Puts equivalent formalisations together, the largest class first. 3: something is open.

    verifier logic cluster sample*.fol
    """
    from sandboxes.logic.answers import Status
    from sandboxes.logic.reader import Source
    from sandboxes.logic.tools import MOST_FORMALISATIONS, group_problems, read_formalisation

    names: list[str] = []
    problems: list[Problem] = []
    unreadable: list[tuple[str, Sequence[Finding]]] = []
    for case in _cases(files, syntax):
        asked: Asked | Reading = (
            _asked(case)
            if case.is_spec
            else read_formalisation(Source(case.name, case.source), _named(case.logic.syntax))
        )
        if asked.problem is None:
            unreadable.append((case.name, asked.errors))
            continue
        names.append(case.name)
        problems.append(asked.problem)
        if len(problems) > MOST_FORMALISATIONS:
            raise InvalidInput(f"Give at most {MOST_FORMALISATIONS} formalisations at a time.")
    with _solvers() as solvers:
        groups = group_problems(problems, solvers.engine)
    lines = []
    classes: list[dict[str, Any]] = []
    for number, group in enumerate(groups, start=1):
        members = [names[index] for index in group.cluster.members]
        undecided = [names[index] for index in group.cluster.undecided]
        remark = {
            Status.SATISFIABLE: "",
            Status.UNSATISFIABLE: ", which can't hold",
            Status.UNDECIDED: "; open whether it can hold",
        }[group.possible]
        lines.append(f"Class {number}: {_count(len(members), 'formalisation')}{remark}")
        lines += [f"  {member}" for member in members]
        lines += [f"  open: whether it is the class of {other}" for other in undecided]
        classes.append(
            {"members": members, "possible": str(group.possible), "undecided": undecided}
        )
    for name, errors in unreadable:
        lines.append(f"{name} can't be read:")
        lines += [f"  {_placed(error, name)}" for error in errors]
    document = {
        "classes": classes,
        "unreadable": [
            {"name": name, "findings": list(map(_finding, errors))} for name, errors in unreadable
        ],
    }
    _show(document, lines, as_json=as_json)
    is_open = any(group.cluster.undecided or group.possible is Status.UNDECIDED for group in groups)
    return ExitCode.INCONCLUSIVE if is_open else ExitCode.ACCEPTED


def _asked(case: _Case) -> Asked | Reading:
    from sandboxes.logic.problems import CANDIDATE, ask
    from sandboxes.logic.reader import Source, read
    from verifier_service.model import InvalidSpec

    try:
        return ask(case.logic, case.source)
    except InvalidSpec:  # it is empty, which the reader says with its place
        return read([Source(CANDIDATE, case.source)])


# consistent -------------------------------------------------------------------------------------


@app.command("consistent")
def consistent(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Premises; - is standard input.")],
    syntax: SyntaxOption = "",
    as_json: options.JsonOption = False,
) -> int:
    """Says whether premises can hold together: a model, or what conflicts. 1: they can't, 3: open.

    verifier logic consistent premises.fol
    """
    from sandboxes.logic.answers import Status
    from sandboxes.logic.english import described
    from sandboxes.logic.tools import conflicts_of

    premises = _formalisation(file, syntax).premises
    with _solvers() as solvers:
        found = conflicts_of(premises, solvers.engine)
    answer = found.answer
    document: dict[str, Any] = {"status": str(answer.status), "checked": _is_checked(answer)}
    match answer.status:
        case Status.UNDECIDED:
            document["reason"] = answer.reason
            lines = [f"open: {answer.reason}"]
        case Status.SATISFIABLE:
            lines = ["The premises can hold together."]
            if answer.model is not None:
                document["model"] = described(answer.model)
                lines += ["For example:", *_indented(document["model"])]
        case Status.UNSATISFIABLE:
            lines = ["The premises contradict each other."]
            conflicts = [(sorted(core.members), core.is_minimal) for core in found.conflicts]
            for number, (members, is_minimal) in enumerate(conflicts, start=1):
                lines.append(
                    f"Conflict {number}{'' if is_minimal else ', perhaps with more than it needs'}:"
                )
                lines += [f"  {_stated(premises[index])}" for index in members]
            for number, correction in enumerate(found.corrections, start=1):
                lines.append(f"Correction {number}, take back:")
                lines += [f"  {_stated(premises[index])}" for index in sorted(correction)]
            if not found.is_complete:
                lines.append("There may be more conflicts and corrections.")
            document["conflicts"] = [
                {"premises": [_statement(premises[index]) for index in members], "minimal": minimal}
                for members, minimal in conflicts
            ]
            document["corrections"] = [
                [_statement(premises[index]) for index in sorted(correction)]
                for correction in found.corrections
            ]
            document["complete"] = found.is_complete
    if answer.status is not Status.UNDECIDED and not _is_checked(answer):
        lines.append(_UNCHECKED)
    _show(document, lines, as_json=as_json)
    return {
        Status.SATISFIABLE: ExitCode.ACCEPTED,
        Status.UNSATISFIABLE: ExitCode.REJECTED,
        Status.UNDECIDED: ExitCode.INCONCLUSIVE,
    }[answer.status]


# ask --------------------------------------------------------------------------------------------


@app.command("ask")
def ask_goals(
    premises: Annotated[Path, typer.Argument(metavar="PREMISES", help="What is given.")],
    goals: Annotated[Path, typer.Argument(metavar="GOALS", help="Conclusions, one a line.")],
    syntax: SyntaxOption = "",
    as_json: options.JsonOption = False,
) -> int:
    """Asks of each of many conclusions whether it follows from the same premises. 3: one is open.

    verifier logic ask premises.fol goals.fol
    """
    from sandboxes.logic.reader import Source, read
    from sandboxes.logic.syntax import Problem
    from sandboxes.logic.tools import MOST_GOALS, ask_each
    from verifier_service.model import Entailment

    refuse_two_standard_inputs(premises, goals)
    if premises == goals:
        raise InvalidInput("PREMISES and GOALS are one file. Give two.")
    given, asked = Source(str(premises), read_text(premises)), Source(str(goals), read_text(goals))
    whole = _problem(read([given, asked], _dialect(premises, syntax)))
    shared = tuple(one for one in whole.premises if one.source == given.name)
    wanted = [one for one in whole.premises if one.source == asked.name]
    if len(wanted) > MOST_GOALS:
        raise InvalidInput(f"{goals} has {len(wanted)} goals. Give at most {MOST_GOALS} at a time.")
    with _solvers() as solvers:
        answers = ask_each(Problem(shared, closed_negation=whole.closed_negation), wanted, solvers)
    lines = []
    results = []
    for goal, answer in zip(wanted, answers, strict=True):
        said, still = answer.entailment.value.replace("_", " "), list(map(str, answer.open))
        is_checked = _is_checked(answer.premises, answer.affirmed, answer.denied)
        if answer.entailment is Entailment.UNKNOWN:
            said = f"open: {', '.join(still)}"
        elif not is_checked:
            said += " (unchecked)"
        lines.append(f"{said:<25}  {_text_of(goal)}")
        results.append(
            {
                "goal": goal.text.strip(),
                "entailment": f"ENTAILMENT_{answer.entailment.name}",
                "checked": is_checked,
                "openQuestions": still,
            }
        )
    _show({"goals": results}, lines, as_json=as_json)
    is_open = any(answer.entailment is Entailment.UNKNOWN for answer in answers)
    return ExitCode.INCONCLUSIVE if is_open else ExitCode.ACCEPTED


# vote -------------------------------------------------------------------------------------------


@app.command("vote")
def vote(
    verdicts: Annotated[
        Path, typer.Argument(metavar="VERDICTS", help="What `verifier batch` wrote.")
    ],
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            help="Such lines about other problems, with the right `answer` of each problem.",
        ),
    ] = None,
    as_json: options.JsonOption = False,
) -> int:
    """Counts the votes of several candidates for each problem. 3: a vote is open.

    verifier logic vote verdicts.jsonl --calibration labelled.jsonl
    """
    from clients.command_line.vote_lines import read_ballots, read_calibration

    known = None if calibration is None else read_calibration(calibration)
    results = [_counted(ballot, known) for ballot in read_ballots(verdicts)]
    lines = [_told(result) for result in results]
    votes = sum(result["voteCount"] for result in results)
    saved = sum(result["voteCount"] - result["neededCount"] for result in results)
    lines.append(f"An early stop would have saved {saved} of {_count(votes, 'solve')}.")
    _show({"problems": results, "savedCount": saved}, lines, as_json=as_json)
    is_open = any("answer" not in result for result in results)
    return ExitCode.INCONCLUSIVE if is_open else ExitCode.ACCEPTED


def _counted(ballot: Ballot, calibration: Calibration | None) -> dict[str, Any]:
    from verifier_service.voting import is_majority_settled, majority, votes_needed

    is_settled = is_majority_settled if calibration is None else calibration.is_settled
    counts = Counter(ballot.votes)
    result: dict[str, Any] = {
        "problemId": ballot.problem_id,
        "votes": {f"ENTAILMENT_{said.name}": times for said, times in counts.most_common()},
        "voteCount": len(ballot.votes),
        "neededCount": votes_needed(ballot.votes, is_settled),
        "missingCount": ballot.missing,
    }
    answer = majority(ballot.votes)
    if calibration is not None and ballot.votes:
        answer = calibration.verdict(ballot.votes)
        result["probability"] = round(calibration.posterior(ballot.votes)[answer], 4)
    if answer is not None and (not ballot.missing or is_settled(ballot.votes, ballot.missing)):
        result["answer"] = f"ENTAILMENT_{answer.name}"
    return result


def _told(result: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{_words(said)} {times}" for said, times in result["votes"].items())
    if "answer" in result:
        said = _words(result["answer"])
    elif result["missingCount"]:
        said = f"open: {_count(result['missingCount'], 'candidate')} without a verdict"
    else:
        said = "open: no candidate has an answer"
    likely = f"; probability {result['probability']}" if "probability" in result else ""
    settled = f"settled after {result['neededCount']} of {_count(result['voteCount'], 'vote')}"
    name = result["problemId"] or "(no problem id)"
    return f"{name}: {said} ({counts or 'no votes'}{likely}; {settled})"


def _words(name: str) -> str:
    return name.removeprefix("ENTAILMENT_").lower().replace("_", " ")


# check-model ------------------------------------------------------------------------------------


@app.command("check-model")
def check_model(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Premises, and the conclusion last.")
    ],
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A finite model, or a truth table.")
    ],
    premises_only: Annotated[
        bool, typer.Option("--premises-only", help="FILE has no conclusion.")
    ] = False,
    syntax: SyntaxOption = "",
    as_json: options.JsonOption = False,
) -> int:
    """Says whether a model refutes a conclusion, or fits premises. 1: it does not, 3: open.

    verifier logic check-model syllogism.fol countermodel.txt
    """
    from sandboxes.logic.finite_models import judge_model, read_model
    from sandboxes.logic.reader import Role, Source, read
    from sandboxes.logic.truth_tables import judge_table, read_truth_table

    refuse_two_standard_inputs(file, model)
    role = Role.PREMISES if premises_only else Role.FORMALISATION
    source = Source(str(file), read_text(file), role)
    problem = _problem(read([source], _dialect(file, syntax)))
    text = Source(str(model), read_text(model))
    first = next((line for line in text.text.splitlines() if line.strip()), "")
    if "|" in first or "\t" in first:
        table, errors = read_truth_table(text)
        if table is None:
            raise InvalidInput(_all_placed(errors))
        return _show_table(_fitting(model, file, judge_table, problem, table), as_json=as_json)
    interpretation, errors = read_model(text)
    if interpretation is None:
        raise InvalidInput(_all_placed(errors))
    return _show_model(_fitting(model, file, judge_model, problem, interpretation), as_json=as_json)


def _fitting(
    model: Path,
    file: Path,
    judge: Callable[[Problem, _Given], _Found],
    problem: Problem,
    it: _Given,
) -> _Found:
    """What a judge says of a model.

    Raises:
        InvalidInput: It is a model of other formulas.
    """
    try:
        return judge(problem, it)
    except ValueError as error:
        raise InvalidInput(f"{model} does not fit {file}: {error}") from error


def _show_model(report: ModelReport, *, as_json: bool) -> int:
    lines = ["All premises hold in it."]
    if report.violated:
        lines = [f"These premises fail in it: {', '.join(map(_cut, report.violated))}."]
    if report.refutes:
        lines.append("The conclusion fails in it: the conclusion does not follow.")
    elif report.goal is not None:
        lines.append(
            f"The conclusion {'holds' if report.goal else 'fails'} in it. That does not show "
            "whether it follows."
        )
    document = {"violated": list(report.violated), "refutes": report.refutes}
    if report.goal is not None:
        document["conclusion"] = report.goal
    _show(document, lines, as_json=as_json)
    fits = report.refutes if report.goal is not None else not report.violated
    return ExitCode.ACCEPTED if fits else ExitCode.REJECTED


def _show_table(report: TableReport, *, as_json: bool) -> int:
    statuses = [str(row.status) for row in report.rows]
    refutes = "refutes" in statuses
    lines = [f"Row {number}: {status}" for number, status in enumerate(statuses, start=1)]
    if report.is_proof:
        lines.append("The table shows that the conclusion follows.")
    elif refutes:
        lines.append("The table shows that the conclusion does not follow.")
    else:
        lines.append("The table does not show whether the conclusion follows.")
    document = {
        "rows": [
            {"status": str(row.status), "violated": list(row.violated)} for row in report.rows
        ],
        "proves": report.is_proof,
        "refutes": refutes,
        "exhaustive": report.is_exhaustive,
    }
    _show(document, lines, as_json=as_json)
    if report.is_proof or refutes:
        return ExitCode.ACCEPTED
    return ExitCode.INCONCLUSIVE if "undecided" in statuses else ExitCode.REJECTED


# What all of them share -------------------------------------------------------------------------


@contextlib.contextmanager
def _solvers() -> Iterator[Solvers]:
    """Solvers for what is open; says on standard error where they could not be asked."""
    from sandboxes.logic.theory import Unsound
    from sandboxes.logic.tools import Solvers
    from verifier_service.model import ExecutorFault

    with Solvers() as solvers:
        try:
            yield solvers
        except Unsound as error:
            raise ExecutorFault(str(error)) from error
    if solvers.obstacle:
        from clients.command_line.rendering import visible

        sys.stderr.write(visible(f"Not all was handed to solvers: {solvers.obstacle}") + "\n")


def _is_checked(*answers: Answer) -> bool:
    """Whether each answer comes with a model or a certificate that was checked."""
    return all(answer.model or answer.certificate for answer in answers)


def _cases(files: Sequence[Path], syntax: str) -> Iterator[_Case]:
    from verifier_service.model import LogicProblem

    refuse_two_standard_inputs(*files)
    _named(syntax)
    for file in files:
        if file.suffix.lower() == ".jsonl":
            yield from _spec_cases(file)
        else:
            logic = LogicProblem(syntax=syntax or SYNTAXES.get(file.suffix.lower(), ""))
            yield _Case(str(file), logic, read_text(file), is_spec=False)


def _spec_cases(file: Path) -> Iterator[_Case]:
    from clients.command_line import proto_json
    from sandboxes.logic.problems import violations
    from verifier_service.model import LogicProblem

    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            spec = proto_json.spec_from_json(line)
        except ValueError as error:
            raise InvalidInput(f"{where} is no VerificationSpec in JSON: {error}") from error
        logic = spec.problem.criterion
        if not isinstance(logic, LogicProblem):
            raise InvalidInput(f"{where} is no question of logic.")
        for violation in violations(logic):
            raise InvalidInput(f"{where}, {violation.field}: {violation.description}")
        name = spec.candidate.candidate_id or f"{file}:{number}"
        yield _Case(name, logic, spec.candidate.source, is_spec=True)


def _formalisation(file: Path, syntax: str) -> Problem:
    from sandboxes.logic.reader import Source
    from sandboxes.logic.tools import read_formalisation

    return _problem(read_formalisation(Source(str(file), read_text(file)), _dialect(file, syntax)))


def _premises(file: Path, syntax: str) -> Sequence[Statement]:
    from sandboxes.logic.reader import Source, read

    return _problem(read([Source(str(file), read_text(file))], _dialect(file, syntax))).premises


def _problem(reading: Reading) -> Problem:
    if reading.problem is None:
        raise InvalidInput(_all_placed(reading.errors))
    return reading.problem


def _dialect(file: Path, syntax: str) -> Dialect | None:
    return _named(syntax or SYNTAXES.get(file.suffix.lower(), ""))


def _named(syntax: str) -> Dialect | None:
    from sandboxes.logic.reader import Dialect

    if syntax and syntax not in list(Dialect):
        raise InvalidInput(f"--syntax: {_cut(syntax)!r} is none of {', '.join(Dialect)}.")
    return Dialect(syntax) if syntax else None


def _all_placed(findings: Iterable[Finding]) -> str:
    return "\n".join(_placed(finding, finding.source) for finding in findings)


def _placed(finding: Finding, name: str) -> str:
    """A finding with its place, as compilers write it; `name` is what the candidate is called."""
    from sandboxes.logic.problems import CANDIDATE

    source = name if finding.source == CANDIDATE else finding.source
    kind = "error" if finding.is_error else "warning"
    return f"{source}:{finding.line}:{finding.column}: {kind}[{finding.code}] {finding.message}"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": "SEVERITY_ERROR" if finding.is_error else "SEVERITY_WARNING",
        "code": str(finding.code),
        "source": finding.source,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "repairs": list(map(_repair, finding.fixes)),
    }


def _repair(fix: Fix) -> dict[str, Any]:
    return {
        "message": fix.message,
        "edits": [
            {
                "source": edit.source,
                "start": edit.span.start,
                "end": edit.span.end,
                "text": edit.text,
            }
            for edit in fix.edits
        ],
    }


def _statement(statement: Statement) -> dict[str, str]:
    return {"identifier": statement.identifier, "text": statement.text.strip()}


def _stated(statement: Statement) -> str:
    return f"{_cut(statement.identifier)}: {_text_of(statement)}"


def _text_of(statement: Statement) -> str:
    return _cut(" ".join(statement.text.split()))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _show(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Writes the document, or the lines with all control characters visible."""
    if as_json:
        print_json(document)
        return
    from clients.command_line.rendering import visible

    sys.stdout.writelines(f"{visible(line)}\n" for line in lines)
