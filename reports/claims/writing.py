"""Judges the paper's sentences by a study and by the paper's own tables, and writes the verdicts down."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.claims.evidence import LEAST_GROUPS, Evidence, LackingError, at_size, measured, printed
from reports.claims.sentences import SENTENCES
from reports.claims.verdicts import LEVEL, Claim, Verdict, as_printed, judged
from reports.published import PublishedTable
from reports.resampled import LEAST_SEEDS, ResampledStudy
from reports.rows import BASELINE
from reports.table import NO_VALUE, aligned, escape
from reports.uncertainty import ENOUGH_GROUPS

CLAIMS_FILE = "claims.json"
HEADING = "## The paper's sentences, on these data"
HOW = {"printed": "as printed", "quoted": "as quoted, not confirmed"}


@dataclass(frozen=True, eq=False)
class Claims:
    """The verdicts on the paper's sentences: by a study, and by each published table."""

    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    published: Mapping[str, tuple[Verdict, ...]]  # by the name of the table


def judge_study(study: ResampledStudy, tables: Iterable[PublishedTable]) -> Claims:
    """Judge every sentence by a study's records, and by each of the paper's tables."""
    evidence = measured(study)
    published = {f"{table.version}, {HOW[table.status]}": tuple(judge_table(table)) for table in tables}
    return Claims(evidence, tuple(judge(evidence)), published)


def judge(evidence: Evidence) -> list[Verdict]:
    """Return the verdict on each sentence by values with resamples, at `LEVEL` over all sentences together.

    By test tracks of too few groups every sentence is undecided: one cannot be resampled, and resamples of fewer than
    `LEAST_GROUPS` have too small a standard error, whose own uncertainty the normal distribution leaves out.
    """
    texts = {sentence.number: sentence.text for sentence in SENTENCES}
    if evidence.too_few_groups:
        return judged(texts, {}, dict.fromkeys(texts, evidence.too_few_groups))
    return judged(texts, *_claims(evidence))


def judge_table(table: PublishedTable) -> list[Verdict]:
    """Return the verdict on each sentence by a published table alone, without any uncertainty."""
    claims, reasons = _claims(printed(table))
    return [
        as_printed(sentence.number, sentence.text, claims[sentence.number])
        if sentence.number in claims
        else Verdict(sentence.number, sentence.text, "undecided", reasons[sentence.number])
        for sentence in SENTENCES
    ]


def _claims(evidence: Evidence) -> tuple[dict[int, Claim], dict[int, str]]:
    """Return what each sentence says of the evidence, by number, or the reason why it says nothing."""
    claims, reasons = {}, {}
    for sentence in SENTENCES:
        try:
            claims[sentence.number] = sentence.claim(evidence)
        except LackingError as lacking:
            reasons[sentence.number] = str(lacking)
    return claims, reasons


def claims_sections(claims: Claims) -> Iterator[str]:
    """Yield the Markdown that stands under Table 1."""
    yield HEADING
    yield aligned(["#", "The paper's sentence", "Verdict", "Evidence", "p"], _body(claims.verdicts), text=(0, 1, 2, 3))
    yield "\n".join(f"- {line}" for line in claim_notes(claims.evidence))
    yield "The same sentences by the paper's own tables, which have no intervals: what the numbers say as they stand."
    yield _published_table(claims.published)


def _body(verdicts: Sequence[Verdict]) -> list[list[str]]:
    return [
        [
            str(verdict.number),
            escape(verdict.sentence),
            f"**{verdict.outcome}**",
            escape(verdict.reason),
            escape(verdict.printed_p or NO_VALUE),
        ]
        for verdict in verdicts
    ]


def claim_notes(evidence: Evidence) -> Iterator[str]:
    """Yield how to read the verdicts, in Markdown."""
    judged_by = [at_size(model.label, model.largest) for model in evidence.models.values()]
    if judged_by:
        labels = [
            escape(model.label if model.label == family else f"{model.label} ({family})")
            for family, model in evidence.models.items()
        ]
        yield f"**Judged by** {', '.join(labels)}; the baseline is the entry of the family {BASELINE}."
    yield (
        "**A sentence** that says several things holds only if every one of them does, and fails if one of them "
        f"demonstrably does not; whatever is not shown either way is undecided. {CLAIMS_FILE} has every part of every "
        "sentence with its interval."
    )
    yield (
        "**Evidence** is the part that decides: by how much it speaks for the sentence, with its 95 % interval over "
        "the test groups. p is two-sided and adjusted for all sentences (Holm) and for their parts, so that the chance "
        f"of any wrong verdict in this table is {100 * LEVEL:g} %."
    )
    groups = evidence.records.n_groups
    if LEAST_GROUPS <= groups < ENOUGH_GROUPS:
        yield (
            f"**Only {groups:,} groups:** expect the intervals to be too narrow and p too small, and more than "
            f"{100 * LEVEL:g} % of such tables to have a wrong verdict."
        )
    judged_labels = {model.label for model in evidence.models.values()}
    seeds = [len(row.row.seeds) for row in evidence.records.rows.values() if row.row.label in judged_labels]
    if seeds and min(seeds) < LEAST_SEEDS:
        yield (
            f"**With fewer than {LEAST_SEEDS} seeds** a verdict is one on these very trainings: how much others of the "
            "same models would differ is not in the intervals."
        )


def _published_table(published: Mapping[str, Sequence[Verdict]]) -> str:
    body = [
        [str(sentence.number), *(_as_it_stands(verdicts[number]) for verdicts in published.values())]
        for number, sentence in enumerate(SENTENCES)
    ]
    return aligned(["#", *map(escape, published)], body, text=range(1 + len(published)))


def _as_it_stands(verdict: Verdict) -> str:
    if verdict.outcome == "undecided":
        return escape(verdict.reason)
    return f"**{verdict.outcome}** ({escape(verdict.reason)})"


def claims_json(claims: Claims) -> str:
    """Return `claims.json`: every verdict with its parts, by the study and by each published table."""
    content = {"these data": claims.verdicts, **claims.published}
    listed = {name: [_plain(verdict) for verdict in verdicts] for name, verdicts in content.items()}
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def _plain(verdict: Verdict) -> dict[str, object]:
    return {
        "number": verdict.number,
        "sentence": verdict.sentence,
        "verdict": verdict.outcome,
        "p": verdict.p,
        "evidence": verdict.reason,
        "parts": [
            {
                "text": part.text,
                "value": part.value,
                "low": None if part.interval is None else part.interval.low,
                "high": None if part.interval is None else part.interval.high,
                "unit": part.unit,
            }
            for part in verdict.parts
        ],
    }
