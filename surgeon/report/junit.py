"""A check as a JUnit report, which continuous integration services list test by test.

A model under a budget is a suite, a limit is a case. What failed is a failure; what is inconclusive, or was not judged
because of an interrupt, is skipped, unless the budget says that inconclusive is a failure. A figure that there is not
is an error.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from surgeon.gate.budget import Budget
from surgeon.gate.judge import CheckResult, Judged, Outcome, Verdict
from surgeon.report.check import limit_name, sentence
from surgeon.report.units import image_size

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold; a file name may."""


def to_junit(result: CheckResult) -> str:
    """The report as XML text."""
    suites = Xml.Element("testsuites", name="surgeon check")
    for one in result.judged:
        cases = [_case(one, verdict) for verdict in one.verdicts]
        _suite(suites, one.model, one.budget, cases, one.elapsed_s)
    for model, budget in result.unjudged:
        cases = [_unjudged(model, budget, limit_name(limit, budget)) for limit in budget.limits]
        _suite(suites, model, budget, cases, 0.0)
    for name in ("tests", "failures", "errors"):
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    Xml.indent(suites, space=" ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(suites, encoding="unicode")}\n'


def _suite(suites: Xml.Element, model: str, budget: Budget, cases: list[Xml.Element], elapsed_s: float) -> None:
    suite = Xml.SubElement(
        suites,
        "testsuite",
        name=_safe(f"{model} ({budget.name}, {image_size(budget.imgsz)}, batch {budget.batch}, {budget.device})"),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{elapsed_s:.3f}",
    )
    suite.extend(cases)


def _case(one: Judged, verdict: Verdict) -> Xml.Element:
    case = _named(one.model, one.budget, limit_name(verdict.limit, one.budget))
    said = _safe(sentence(verdict, one))
    if verdict.outcome is Outcome.FAILED:
        Xml.SubElement(case, "failure", type="over budget", message=said).text = said
    elif verdict.unanswered:
        Xml.SubElement(case, "error", type="no figure", message=said).text = said
    elif verdict.outcome is Outcome.INCONCLUSIVE and one.budget.on_inconclusive == "fail":
        said = f"{said} (the budget says on-inconclusive = fail)"
        Xml.SubElement(case, "failure", type="inconclusive", message=said).text = said
    elif verdict.outcome is Outcome.INCONCLUSIVE:
        Xml.SubElement(case, "skipped", message=said)
    else:
        Xml.SubElement(case, "system-out").text = said
    return case


def _unjudged(model: str, budget: Budget, name: str) -> Xml.Element:
    case = _named(model, budget, name)
    Xml.SubElement(case, "skipped", message="not judged: interrupted")
    return case


def _named(model: str, budget: Budget, name: str) -> Xml.Element:
    return Xml.Element("testcase", classname=_safe(f"{budget.name}.{model}"), name=_safe(name))


def _safe(text: str) -> str:
    return _NOT_XML.sub("?", text)
