"""The code blocks of README and docs run, and the API reference is complete.

Blocks of a page run in order and share their names, against an emulator in place of
CAMS. A block after `<!-- network -->` needs a network, a server or an account: it is
compiled or its commands are parsed, no more. A `text` block right after another one is
the expected output, where `...` stands for anything.
"""

import ast
import asyncio
import doctest
import importlib
import inspect
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import cams_async
from cams_async import endpoints, errors, operations
from cams_async.cli import main
from cams_async.cli.program import parser
from cams_async.credentials import KEY_ID, KEY_SECRET
from cams_async.emulator import Emulator
from cams_async.methods import method_name
from cams_async.operations import CATALOGUE
from cams_async.operations.journeys import JOURNEYS, load
from cams_async.throttle import LocalThrottle, local
from tests.cli_process import in_thread
from tests.fakes import FAST

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("docs/*.md"))]
REFERENCE = "".join(
    path.read_text("utf-8") for path in sorted(ROOT.glob("docs/api/*.md"))
)
PACKAGES = [
    cams_async,
    errors,
    operations,
    *(
        importlib.import_module(f"cams_async.{name}")
        for name in (
            "bulk",
            "callbacks",
            "content",
            "emulator",
            "media",
            "poller",
            "redis",
            "throttle",
        )
    ),
]
EXTRAS = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
BLOCK = re.compile(
    r"(?P<network><!-- network -->\n+)?```(?P<kind>python|sh)\n(?P<code>.*?)```"
    r"(?:\n\n```text\n(?P<output>.*?)```)?",
    re.DOTALL,
)


@frozen
class Block:
    """A code block of a page."""

    kind: str
    code: str
    output: str | None
    is_network: bool


def blocks(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page."""
    for found in BLOCK.finditer(page.read_text("utf-8")):
        yield Block(
            kind=found["kind"],
            code=found["code"],
            output=found["output"],
            is_network=found["network"] is not None,
        )


def commands(script: str) -> Iterator[list[str]]:
    """Yield the commands of a shell block, without the directory of the program."""
    for line in re.split(r"\n|&&|\|", script.replace("\\\n", " ")):
        if words := shlex.split(line, comments=True):
            yield [words[0].rpartition("/")[2], *words[1:]]


def run_python(code: str, names: dict[str, Any]) -> None:
    """Run a block, inside an event loop where it awaits at its top level."""
    compiled = compile(code, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    # A function of the compiled block, so that its code may also be a coroutine's.
    result = eval(compiled, names)  # noqa: S307 - our own pages
    if inspect.iscoroutine(result):
        asyncio.run(result)


def check_command(words: list[str]) -> None:
    """Parse a command that is not run."""
    match words:
        case ["cams-async", *arguments]:
            parser().parse_args([each for each in arguments if each != "&"])
        case ["pip" | "pip3", "install", *arguments]:
            for extra in re.findall(r"\[(.*?)\]", " ".join(arguments)):
                assert set(extra.split(",")) <= set(EXTRAS)
        case _:
            assert words


def run_command(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command of ours in this process."""
    match words:
        case ["cams-async", *arguments]:
            assert main(arguments) == 0
        case ["export", *assignments]:
            for name, _, value in (each.partition("=") for each in assignments):
                monkeypatch.setenv(name, value)
        case _:
            pytest.fail(f"{words[0]} needs the mark <!-- network -->")


@pytest.fixture(scope="module")
def page_emulator() -> Iterator[Emulator]:
    """Run the CAMS that all pages call."""
    with in_thread(Emulator(phone_numbers=5, settle=0.1, qps=FAST)) as emulator:
        yield emulator


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_code_blocks_of_a_page_run(
    page: Path,
    page_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Examples that fail are worse than none."""
    number = page_emulator.phone_numbers[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(endpoints.REGIONS, "ap-southeast-1", page_emulator.endpoint)
    monkeypatch.setenv(KEY_ID, page_emulator.credentials.access_key_id)
    secret = page_emulator.credentials.access_key_secret.reveal()
    monkeypatch.setenv(KEY_SECRET, secret)
    rows = [
        f"{each.phone_number},{each.cust_space_id}"
        for each in page_emulator.phone_numbers
    ]
    Path("numbers.csv").write_text("\n".join(["phone_number,cust_space_id", *rows]))
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        # Each block has a throttle of its own, which need not wait for other blocks.
        monkeypatch.setattr(local, "_default", LocalThrottle())
        code = block.code.replace("8613800000000", number.phone_number)
        code = code.replace("cams-xxxx", number.cust_space_id)
        capsys.readouterr()
        if block.kind == "python" and block.is_network:
            compile(code, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        elif block.kind == "python":
            run_python(code, names)
        elif block.is_network:
            for words in commands(code):
                check_command(words)
        else:
            for words in commands(code):
                run_command(words, monkeypatch)
        if block.output is not None and not block.is_network:
            printed = "".join(capsys.readouterr())
            compare = doctest.OutputChecker().check_output
            expected = block.output.replace("8613800000000", number.phone_number)
            assert compare(expected, printed, doctest.ELLIPSIS), printed


def test_every_public_name_is_in_the_reference_once() -> None:
    """A name that is missing cannot be found, and one that is there twice drifts."""
    listed = re.findall(r"^\.\. auto\w+:: (\S+)$", REFERENCE, re.MULTILINE)
    # The pages of journeys list all names of their modules.
    listed += [
        f"cams_async.operations.{name}"
        for module in ("common", *JOURNEYS)
        for name in load(module).__all__
    ]
    documented = [_resolve(path) for path in listed]
    public = {
        id(value): f"{package.__name__}.{name}"
        for package in PACKAGES
        for name in dir(package)
        for value in (getattr(package, name),)
        if name in getattr(package, "__all__", ()) or _belongs(value, package)
    }

    assert sorted(listed) == sorted(set(listed))
    missing = set(public) - {id(each) for each in documented}
    assert [] == sorted(public[each] for each in missing)


def _belongs(value: object, package: object) -> bool:
    """Return whether a package without `__all__` makes this class public."""
    return (
        not hasattr(package, "__all__")
        and inspect.isclass(value)
        and value.__module__.startswith("cams_async.")
    )


def _resolve(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_every_error_is_in_the_table() -> None:
    """A reader who searches for an error's name finds it."""
    page = ROOT.joinpath("docs/errors.md").read_text("utf-8")
    names = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CamsError)
    ]

    assert [] == [name for name in names if f"`{name}`" not in page]


def test_every_command_is_in_the_table() -> None:
    """Each has its row on the page of the command line."""
    page = ROOT.joinpath("docs/command-line.md").read_text("utf-8")
    (names,) = [action.choices for action in parser()._actions if action.choices]

    assert [] == [name for name in names if f"| `cams-async {name}" not in page]


def test_the_readme_lists_every_journey() -> None:
    """Each has its number of actions, and a method of one of them."""
    text = README.read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| `(\w+)` \|$", text, re.MULTILINE)
    methods = {
        method_name(action): facts.journey for action, facts in CATALOGUE.items()
    }
    actions = Counter(methods.values())

    assert f"All {len(CATALOGUE)} actions" in text
    assert [(name, str(number)) for name, number in actions.items()] == [
        (name, number) for name, number, _ in rows
    ]
    assert [name for name, _, _ in rows] == [methods[method] for _, _, method in rows]


def test_every_journey_has_a_page() -> None:
    """The classes on it are those of its module; see `docs/conf.py`."""
    folder = ROOT / "docs" / "operations"
    listed = folder.joinpath("index.md").read_text("utf-8").partition("{toctree}")[2]

    assert [*JOURNEYS, "common"] == re.findall(r"^\w+$", listed, re.MULTILINE)
    assert {"index", *JOURNEYS, "common"} == {page.stem for page in folder.iterdir()}


def test_the_page_of_errors_counts_the_actions_that_verify() -> None:
    """The numbers are those of the catalogue."""
    page = " ".join(ROOT.joinpath("docs/errors.md").read_text("utf-8").split())
    changing = [facts for facts in CATALOGUE.values() if not facts.retry_safe]
    some = sum(facts.verify_with is not None for facts in changing)

    assert f"For the other {len(changing)} actions" in page
    assert f"whether the call was executed: {some} have one." in page
    assert f"documentation of the other {len(changing) - some} states" in page


def test_pages_name_actions_that_exist() -> None:
    """A name in code that is written like a class is one, in the texts on actions."""
    classes = {name for module in JOURNEYS for name in load(module).__all__}
    for page in ROOT.glob("docs/operations/*.md"):
        names = re.findall(r"`([A-Z]\w*[a-z]\w*)`", page.read_text("utf-8"))
        assert set(names) <= classes, page.stem


def test_the_readme_has_no_relative_links_or_pictures() -> None:
    """It is also the page of a package index, where those lead nowhere."""
    text = README.read_text("utf-8")

    assert [] == re.findall(r"\]\((?!https://)[^)]*\)", text)
    assert "![" not in text


def test_each_promise_names_tests_that_exist() -> None:
    """A promise without its test is none."""
    page = ROOT.joinpath("docs/promises.md").read_text("utf-8")
    promises = re.findall(r"^\| (?!promise|---)(.*) \| (.*) \|$", page, re.MULTILINE)
    assert promises
    for promise, tests in promises:
        named = re.findall(r"`(\w+\.py)::(\w+)`", tests)
        assert named, promise
        for module, test in named:
            text = ROOT.joinpath("tests", module).read_text("utf-8")
            assert f"def {test}(" in text, test
