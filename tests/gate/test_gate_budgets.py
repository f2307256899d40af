"""Budgets from files: what they hold, which models they are for, and a sentence for everything that is wrong."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.errors import BudgetError, InputError
from surgeon.gate.budget_file import find_budgets, load_budgets
from surgeon.gate.budget_of import KEYS, Given, budget_of
from surgeon.gate.matching import jobs_for

WHOLE = """
[[budget]]
name = "nano"
glob = ["yolov8n*.yaml", "runs/**/best.pt"]
imgsz = "480x640"
batch = 2
device = 0
half = true
threads = 4
convention = "ultralytics"
max-flops = "9.2G"
max_params = "3.5M"
max-memory = "40MiB"
max-latency-ratio = 1.05
baseline = "before.pt"
confidence = 0.99
on-inconclusive = "fail"
time-budget = "30s"

[[budget]]
max-macs = 5_000_000_000
"""


def test_every_key(tmp_path: Path) -> None:
    path = tmp_path / "surgeon.toml"
    path.write_text(WHOLE)
    first, second = (table.budget({}, {}) for table in load_budgets(path))
    assert (first.name, second.name) == ("nano", "budget 2")
    assert first.globs == ("yolov8n*.yaml", "runs/**/best.pt")
    assert [(limit.key, int(limit.value * 100)) for limit in first.limits] == [
        ("max-flops", 920_000_000_000),
        ("max-params", 350_000_000),
        ("max-memory", 40 * 2**20 * 100),
        ("max-latency-ratio", 105),
    ]
    assert (first.baseline, first.confidence, first.on_inconclusive) == ("before.pt", 0.99, "fail")
    settings = first.settings()
    assert (settings.imgsz, settings.batch, settings.device, settings.dtype) == ((480, 640), 2, "cuda:0", "float16")
    assert (settings.threads, settings.time_budget_s, settings.latency) == (4, 30.0, True)
    assert [(limit.key, limit.value) for limit in second.limits] == [("max-macs", 5 * 10**9)]
    assert not second.settings().latency  # latency is opt-in


def test_options_go_first_and_defaults_last(tmp_path: Path) -> None:
    path = tmp_path / "surgeon.toml"
    path.write_text('[[budget]]\nmax-flops = "9G"\nimgsz = 320\n')
    over = {"max-flops": Given("8G", "--max-flops")}
    under = {"imgsz": Given("1280", "SURGEON_IMGSZ"), "batch": Given("4", "SURGEON_BATCH")}
    budget = load_budgets(path)[0].budget(over, under)
    assert (budget.limits[0].value, budget.imgsz, budget.batch) == (8 * 10**9, (320, 320), 4)


@pytest.mark.parametrize(("text", "said"), [
    ("[[budget]]\nmax-flop = '9G'", "budget 1, max-flop: there is no such key in a budget; did you mean max-flops"),
    ("[[budget]]\nmax-latency = '9ms'", "max-latency: a latency has no limit in milliseconds"),
    ("[[budget]]\nmax-params = '1M'\nfoo = 1", "budget 1, foo: there is no such key in a budget; "),
    ("[[budget]]\nmax-flops = '9.2GiB'", "budget 1, max-flops: '9.2GiB' is no number of FLOPs: "),
    ("[[budget]]\nmax-memory = 40", "budget 1, max-memory: 40 is no size of memory"),
    ("[[budget]]\nmax-params = '1M'\n[[budget]]\nglob = 'x'", "budget 2 limits nothing: give one of max-flops, "),
    ("[[budget]]\nmax-flops-ratio = 1.05", "max-flops-ratio: a ratio needs a baseline"),
    ("[[budget]]\nmax-flops = '9G'\nbaseline = 'a.pt'", "baseline: no limit refers to the baseline"),
    ("[[budget]]\nmax-latency-ratio = 1.1\nbaseline = 'a.json'", "max-latency-ratio: latency is timed"),
    ("[[budget]]\nmax-flops = '9G'\nconvention = 'flop'", "convention: 'flop' is none of flops, .* did you mean flops"),
    ("[[budget]]\nmax-flops = '9G'\non-inconclusive = 'skip'", "'skip' is none of pass, warn, fail"),
    ("[[budget]]\nmax-flops = '9G'\nmax_flops = '8G'", "max_flops: this key is given twice"),
    ("[[budget]]\nmax-flops = '9G'\nglob = 3", "glob: 3 is no text"),
    ("budget = 3", "holds no budget: a budget is a table that begins with"),
    ("[profile]\nimgsz = 3", "holds no budget"),
    ("[[budget]\n", "is no TOML: "),
])  # fmt: skip
def test_refusals_name_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "surgeon.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        [table.budget({}, {}) for table in load_budgets(path)]
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 200_000])
def test_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "surgeon.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no TOML"):
        load_budgets(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text("abmx-_ .é"), anything, max_size=6))
def test_whatever_a_file_holds_is_a_budget_or_one_sentence(table: dict[str, object]) -> None:
    try:
        budget = budget_of(
            {key: Given(value, f"x.toml, {key}") for key, value in table.items()}, name="x", where="x.toml"
        )
    except BudgetError as error:
        assert str(error).startswith("x.toml")
        assert len(str(error).splitlines()) == 1
    else:
        assert budget.limits
        assert all(limit.value > 0 for limit in budget.limits)


@given(st.sampled_from(KEYS), anything)
def test_a_key_takes_what_it_means_and_nothing_else(key: str, value: object) -> None:
    good = {"max-params": Given("3M", "x.toml, max-params")}
    with contextlib.suppress(BudgetError):
        budget = budget_of({**good, key: Given(value, f"x.toml, {key}")}, name="x", where="x.toml")
        assert min(*budget.imgsz, budget.batch, budget.threads) >= 1
        assert 0.5 <= budget.confidence < 1
        assert budget.time_budget_s is None or 0 < budget.time_budget_s < math.inf
        assert isinstance(budget.half, bool)


def test_where_budgets_are_looked_for(tmp_path: Path) -> None:
    assert find_budgets(tmp_path) is None
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\n[[tool.surgeon.budget]]\nmax-params = "3M"\n')
    assert find_budgets(tmp_path) == project
    assert load_budgets(project)[0].where == f"{project}, tool.surgeon.budget 1"
    own = tmp_path / "surgeon.toml"
    own.write_text("[profile]\nimgsz = 320\n")
    assert find_budgets(tmp_path) == project  # it holds settings, no budget
    own.write_text('[[budget]]\nmax-params = "3M"\n')
    assert find_budgets(tmp_path) == own


def jobs(models: list[str], folder: Path, *globs: tuple[str, ...]) -> list[tuple[str, str]]:
    budgets = []
    for number, several in enumerate(globs, start=1):
        given = {"max-params": Given("3M", "x"), **({"glob": Given(list(several), "x")} if several else {})}
        budgets.append((budget_of(given, name=str(number), where=f"budget {number}"), folder))
    return [(job.model, job.budget.name) for job in jobs_for(models, budgets)[0]]


def test_models_meet_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("runs/a/best.pt", "runs/b/best.pt", "other/best.pt", "n.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    here = Path()
    assert jobs([], here, ("runs/**/best.pt",)) == [("runs/a/best.pt", "1"), ("runs/b/best.pt", "1")]
    assert jobs([], here, ("*.pt", "yolov8n.yaml")) == [("n.pt", "1"), ("yolov8n.yaml", "1")]
    assert jobs(["runs/a/best.pt"], here, ("runs/**/best.pt",), ("other/*.pt",)) == [("runs/a/best.pt", "1")]
    assert jobs(["./runs/../runs/a/best.pt"], here, ("runs/*/best.pt",)) == [("./runs/../runs/a/best.pt", "1")]
    assert jobs(["yolov8n.yaml", "n.pt"], here, ("yolov8*.yaml",), ()) == [
        ("yolov8n.yaml", "1"), ("yolov8n.yaml", "2"), ("n.pt", "2"),
    ]  # fmt: skip
    assert jobs(["other/best.pt"], here, ("best.pt",)) == [("other/best.pt", "1")]
    assert jobs([], tmp_path, (str(tmp_path / "runs/*/best.pt"),)) == [
        (str(tmp_path / "runs" / x / "best.pt"), "1") for x in "ab"
    ]


@pytest.mark.parametrize(("models", "glob", "said"), [
    ([], "nothing/*.pt", r"budget 1, glob: 'nothing/\*.pt' matches no file in "),
    ([], "gone.pt", "budget 1, glob: there is no file gone.pt"),
    ([], None, "budget 1 is for every model: name the models"),
    (["m.pt"], "yolo*", r"m.pt is under no budget \(globs: yolo\*\)"),
    ([], "a**/x.pt", "is no glob|matches no file"),
])  # fmt: skip
def test_nothing_is_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: list[str], glob: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BudgetError, match=said):
        jobs(models, Path(), (glob,) if glob else ())


def test_a_budget_for_none_of_the_models_is_said(tmp_path: Path) -> None:
    given = {"max-params": Given("3M", "x")}
    own = budget_of({**given, "glob": Given("a*.pt", "x")}, name="a", where="surgeon.toml, budget 1")
    other = budget_of({**given, "glob": Given("b*.pt", "x")}, name="b", where="surgeon.toml, budget 2")
    found, idle = jobs_for(["a1.pt"], [(own, tmp_path), (other, tmp_path)])
    assert [job.model for job in found] == ["a1.pt"]
    assert idle == ["surgeon.toml, budget 2 (b*.pt) is for none of the models given."]
