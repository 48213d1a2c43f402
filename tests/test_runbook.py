"""The runbook has a section for each alarm, in both languages, and its commands exist."""

import re
import shlex

import pytest

from alarms import ALARMS, RUNBOOKS, alarms, code, metrics, sections
from orak.entrypoints.cli import main

LANGUAGES = pytest.mark.parametrize("runbook", RUNBOOKS, ids=["en", "ko"])
PARTS = {"runbook.md": ["Meaning", "See", "Why", "Do"], "runbook.ko.md": ["의미", "확인", "원인", "조치"]}


@LANGUAGES
def test_a_runbook_has_a_section_for_each_alarm_and_no_other(runbook):
    assert set(sections(runbook)) == ALARMS


@LANGUAGES
@pytest.mark.parametrize("name", sorted(ALARMS))
def test_a_section_says_what_it_means_how_to_see_why_and_what_to_do(runbook, name):
    section = sections(runbook)[name]
    assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == PARTS[runbook.name]
    shown = {metric for query in code(section, "promql") for metric in metrics(query)}
    assert metrics(alarms()[name]["expr"]) & shown, "the section does not show what fires the alarm"
    assert any(line.startswith("orak ") for line in code(section, "sh"))


@pytest.mark.parametrize("name", sorted(ALARMS))
@pytest.mark.parametrize("language", ["promql", "sh"])
def test_both_languages_show_the_same_queries_and_commands(name, language):
    english, korean = (code(sections(runbook)[name], language) for runbook in RUNBOOKS)
    assert english == korean


@LANGUAGES
def test_every_command_is_one_of_orak(runbook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "take.webm").touch()
    lines = [line for line in code(runbook.read_text(), "sh") if "orak " in line]
    assert lines
    for line in lines:
        program, *arguments = shlex.split(re.sub(r".*\$\((.*)\)", r"\1", line))
        assert program == "orak"
        parse(arguments)


@pytest.mark.parametrize("wrong", ["batch sizes", "batch size many", "batch retry", "doctor --quick"])
def test_a_command_that_does_not_exist_is_found(wrong):
    with pytest.raises(Exception, match=r"No such|Missing|not a valid"):
        parse(wrong.split())


def parse(arguments):
    """Parse *arguments* as the command line does, and run nothing; raise a usage error."""
    command, context = main, None
    while True:
        context = command.make_context(command.name, list(arguments), parent=context)
        if not hasattr(command, "commands"):
            return
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
