"""``surgeon report`` on saved results, and ``-o`` and ``--format`` of the commands that measure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import surgeon
from surgeon.errors import InputError
from surgeon.report.formats.registry import FORMATS, named, of_file

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "profiles/yolov8n/epyc-1-thread.json"
EDIT = ROOT / "profiles/yolov8n-gam/epyc-1-thread.json"
FAMILY = ROOT / "tests/report/golden/family.json"


@pytest.fixture
def two(folder: Path) -> tuple[Path, Path]:
    """Profiles of yolov8n and of yolov8n-gam, as two runs would have saved them."""
    edit = json.loads(EDIT.read_text("utf-8"))["comparison"]["results"][1]
    (folder / "gam.json").write_text(json.dumps({"kind": "profile", **edit}))
    shutil.copy(PROFILE, folder / "plain.json")
    return folder / "plain.json", folder / "gam.json"


@pytest.mark.parametrize("path", [PROFILE, EDIT, FAMILY])
def test_a_saved_result_is_shown_again(run, path) -> None:
    done = run("report", str(path))
    assert (done.code, done.err) == (0, "")
    assert "3.157 M" in done.out or "3,157,200" in done.out
    assert max(len(line) for line in done.out.splitlines() if not line.startswith("yolo train")) <= 80


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("x.md", "### yolov8n.yaml"),
        ("x.TEX", "% Made by surgeon"),
        ("x.csv", "model,role,source"),
        ("x.rows.csv", "model,change,image_height_px"),
        ("x.mmd", "flowchart TD"),
        ("x.txt", "yolov8n.yaml -> "),
        ("x.json", '{\n  "schema_version": 1'),
        ("x.model-explorer.json", '{\n "label"'),
    ],
)
def test_the_suffix_names_the_format(run, folder, name, begins) -> None:
    done = run("report", str(EDIT), "-o", name)
    assert done.code == 0 and "3.157 M" in done.out
    assert (folder / name).read_text("utf-8").startswith(begins)
    assert [path.name for path in folder.iterdir()] == [name]


def test_data_alone_on_standard_output(run, folder) -> None:
    assert run("report", str(EDIT), "--format", "csv").out.startswith("model,role")
    assert run("report", str(EDIT), "-o", "-", "--format", "mermaid").out.startswith("flowchart")
    for words in (("--json", "-"), ("-o", "-", "--format", "json"), ("--format", "json")):
        assert json.loads(run("report", str(EDIT), *words).out)["kind"] == "edit"
    done = run("report", str(EDIT), "--json", "both.json", "--format", "markdown")
    assert done.out.startswith("### ") and (folder / "both.json").exists()


def test_files_in_the_way_and_wrong_wishes_are_refused_in_one_line(run, folder) -> None:
    (folder / "old.md").write_text("mine")
    shutil.copy(EDIT, folder / "r.json")
    cases = [
        (("-o", "old.md"), "old.md exists; choose another -o FILE, or replace it with --force"),
        (("-o", "x.xlsx"), "its ending names no format; known are .txt, .md"),
        (("-o", "x.pt", "--format", "csv"), "that is the name of a model"),
        (("-o", "no/x.md"), "there is no folder no"),
        (("-o", "-"), "-o - needs --format NAME"),
        (("--format", "latx"), "there is no format 'latx', but there are text, markdown"),
        (("--format", "csv", "--json", "-"), "both take standard output"),
        (("-o", "a.json", "--json", "a.json"), "name the same file, a.json"),
        (("-o", "r.json", "--force"), "-o r.json is a folder or the model itself"),
        (("--map", "yolov5=3"), "no network is called yolov5; there are yolov8n, yolov8n-gam"),
        (("--map", "yolov8n=much"), "give a network and its mAP in per cent"),
        (("--sort", "price"), "sort by one of name, params"),
    ]
    before = {path.name for path in folder.iterdir()}
    for words, said in cases:
        done = run("report", "r.json", *words)
        assert (done.code, done.out) == (2, ""), words
        assert said in done.one_line.replace("\n", " "), words
    assert {path.name for path in folder.iterdir()} == before and (folder / "old.md").read_text() == "mine"
    assert run("report", "r.json", "-o", "old.md", "--force").code == 0
    assert (folder / "old.md").read_text("utf-8").startswith("### ")


def test_separate_runs_have_no_verdict_and_the_paired_command_is_offered(run, two) -> None:
    done = run("report", *map(str, two))
    assert done.code == 0
    flat = " ".join(done.out.split())
    assert "not paired" in flat and "slower" not in flat.split()
    assert "surgeon compare yolov8n.yaml yolov8n-gam.pt --imgsz 320" in flat
    assert "params 3.157 M 4.797 M +1.640 M 1.519x more" in flat
    swapped = run("report", *map(str, two), "--baseline", "yolov8n-gam")
    assert swapped.out.startswith("yolov8n-gam -> yolov8n\n")


def test_unequal_settings_are_refused_by_name(run, two) -> None:
    other = json.loads(two[1].read_text())
    other["settings"]["imgsz"], other["settings"]["batch"] = [640, 640], 2
    two[1].write_text(json.dumps(other))
    line = run("report", *map(str, two)).one_line
    assert "different settings: imgsz (320x320 and 640x640), batch (1 and 2)" in line


def test_one_network_at_several_settings_is_one_table(run, two) -> None:
    other = json.loads(two[0].read_text())
    other["settings"]["batch"] = 2
    two[1].write_text(json.dumps(other))
    assert "yolov8n (yolov8n.yaml) at 2 settings" in run("report", *map(str, two)).out
    assert "and these files hold none" in run("report", *map(str, two), "--sort", "params").one_line


def test_what_cannot_be_written_is_shown_all_the_same(run, folder, monkeypatch) -> None:
    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", broken)
    done = run("report", str(FAMILY), "-o", "x.md")
    assert done.code == 2 and "cannot write x.md: No space left on device" in done.one_line
    assert "% against yolov8n" in done.out and not list(folder.iterdir())


def test_families_are_sorted_filtered_and_scored(run) -> None:
    done = run(
        "report", str(FAMILY), "--sort", "-params", "--filter", "yolo11*", "--map", "yolov8n=37.3", "--format", "latex"
    )
    rows = [line.split(" & ")[0].strip() for line in done.out.splitlines() if " & " in line]
    assert rows == ["Method", "yolov8n", "yolo11s", "yolo11n"]
    assert "37.3" in done.out


def test_a_list_that_was_not_saved_is_refused(run) -> None:
    line = run("report", str(PROFILE), "--by", "modules").one_line
    assert "yolov8n was saved without its modules; surgeon profile yolov8n.yaml --by modules measures them" in line
    assert run("report", str(PROFILE), "--by", "none").code == 0


def test_the_shell_completes_formats() -> None:
    from surgeon.cli.reporting import complete_formats

    found = complete_formats(click.Context(click.Command("c")), click.Option(["--format"]), "csv")
    assert [(one.value, one.help) for one in found][1] == ("csv-rows", "one record a row of each network")


def test_the_schema_is_printed(run) -> None:
    assert json.loads(run("report", "--schema").out)["$schema"].startswith("https://json-schema.org")


def test_reports_of_saved_results_load_no_torch(folder) -> None:
    """In one process, on an ASCII output, which gets what it can show."""
    code = (
        "import sys; from surgeon.cli.main import main; "
        "codes = [main(['report', sys.argv[1], '--format', name]) for name in sys.argv[2:]]; "
        "assert not any(codes) and not {'torch', 'ultralytics', 'pandas'} & sys.modules.keys()"
    )
    names = [one.name for one in FORMATS]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-c", code, str(EDIT), *names]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0 and done.stdout.isascii(), done.stderr
    for begin in (b"yolov8n.yaml ->", b"### yolov8n", b"<!", b"% Made by", b"model,role", b"flowchart TD"):
        assert begin in done.stdout, begin


def test_a_comparison_is_written_in_the_format_of_its_file(run, loaded, folder) -> None:
    words = ("yolov8n.yaml", "yolov8s.yaml", "--baseline", "yolov8s.yaml", "imgsz=64", "--no-latency", "-q")
    done = run("compare", *words, "-o", "table.tex", "--json", "all.json", "--sort", "params")
    assert done.code == 0 and done.out.startswith("yolov8s -> yolov8n\n")
    assert "yolov8s & 11.167" in (folder / "table.tex").read_text("utf-8")
    again = run("report", "all.json")
    assert again.out == done.out
    assert "--sort" not in json.loads((folder / "all.json").read_text())["command"]


def test_a_format_that_cannot_show_the_result_is_refused_before_anything_is_opened(run) -> None:
    line = run("compare", "a.onnx", "b.onnx", "--format", "mermaid").one_line
    assert "mermaid cannot show a deployed; these can: text, markdown" in line
    assert "csv cannot show a diff; these can: text, markdown" in run("diff", "a.pt", "b.pt", "-o", "d.csv").one_line
    assert "which ONNX files do not tell" in run("compare", "a.onnx", "b.onnx", "--sort", "params").one_line


def test_an_edit_reports_into_a_file(run, loaded, folder) -> None:
    words = ("insert", "yolov8n.yaml", "--module", "eca", "--after", "9", "--imgsz", "64", "--no-latency", "-q")
    assert "--dry-run writes nothing" in run(*words, "--dry-run", "--report", "x.md").one_line
    done = run(*words, "--out", "x.pt", "--report", "x.mmd", "--peak-gflops", "50", "--peak-bandwidth", "10")
    assert done.code == 0, done.err
    assert "Roof: 50.0 GFLOP/s (given), 10.0 GB/s (given). At best under it: yolov8n" in " ".join(done.out.split())
    assert "+ 10 ECA" in (folder / "x.mmd").read_text("utf-8")
    assert "x.mmd exists; choose another --report FILE" in run(*words, "--out", "y.pt", "--report", "x.mmd").one_line


def test_python_takes_the_map_too(tmp_path) -> None:
    (family,) = surgeon.open_results(FAMILY)
    text = family.save(tmp_path / "t.tex", map={"yolov8n": 37.3}).read_text("utf-8")
    assert r"mAP (\%)" in text and " & 37.3 " in text
    with pytest.raises(InputError, match=r"map yolov5=3: no network is called yolov5; there are"):
        family.save(tmp_path / "u.tex", map={"yolov5": 3})
    with pytest.raises(InputError, match="in per cent"):
        family.save(tmp_path / "u.tex", map={"yolov8n": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["t.tex"]


def test_written_files_are_named_unless_quiet(run, folder) -> None:
    first = run("report", str(PROFILE), "-o", "a.md", "--json", "a.json")
    assert sorted(first.err.splitlines()) == ["wrote a.json", "wrote a.md"]
    assert run("report", str(PROFILE), "-o", "b.md", "--json", "b.json", "-q").err == ""
    assert run("report", "--schema", "-o", "s.json").out == "" and "$schema" in json.loads(
        (folder / "s.json").read_text()
    )
    assert "s.json exists" in run("report", "--schema", "-o", "s.json").one_line


@pytest.mark.parametrize("name", ["md", "tex", "html", "json", "csv", "mmd", "txt"])
def test_a_suffix_is_a_format_too(name) -> None:
    assert named(name) is of_file(f"result.{name}")
