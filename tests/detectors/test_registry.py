"""The registry reads package metadata: packages are made on disk here, as pip would."""

import importlib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from detectors import registry
from detectors.registry import DuplicateDetector, NoDetectors, NotADetector, RegistryError, loaded, registered

GOOD = '''"""One test. Source: none, made up."""

from detectors.scoring.gates import gate
from detectors.scoring.named import NamedTests


class Toy(NamedTests):
    """Speaks when fed."""

    name, family, kinds = "toy", "cost", frozenset({0})
    expressions = {"fed": gate("rate", honest=0, attack=1)}


class Unfinished(NamedTests):
    """Has no name."""


INSTANCE = Toy()
'''


class Packages:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, points: str, code: str = GOOD) -> None:
        (self.folder / f"{package}.py").write_text(code)
        info = self.folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{points}\n")
        importlib.invalidate_caches()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    monkeypatch.syspath_prepend(tmp_path)
    return Packages(tmp_path)


def test_a_foreign_package_s_detector_is_found(packages: Packages) -> None:
    packages.install("toybox_one", "toy = toybox_one:Toy")
    found = registered()
    assert found["toy"].name == "toy"
    assert list(found) == sorted(found)


def test_a_name_taken_twice_names_both_origins(packages: Packages) -> None:
    packages.install("toybox_two", "toy = toybox_two:Toy")
    packages.install("toybox_three", "toy = toybox_three:Toy")
    with pytest.raises(
        DuplicateDetector, match=r"toybox_\w+:Toy of toybox_\w+ and toybox_\w+:Toy of toybox_\w+"
    ) as error:
        registered()
    assert "toybox_two:Toy of toybox_two" in error.value.where
    assert "toybox_three:Toy of toybox_three" in error.value.where


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ("toy = {}:Missing", "can not be loaded: .*Missing"),
        ("toy = {}_gone:Toy", "can not be loaded: No module named"),
        ("toy = {}:INSTANCE", "is not a class"),
        ("toy = {}:gate", "is not a class"),
        ("toy = {}:Unfinished", "it has no name, no family, no kinds"),
        ("other = {}:Toy", "calls itself 'toy', and its entry point 'other'"),
    ],
)
def test_what_is_no_detector_is_refused_with_the_reason(packages: Packages, point: str, words: str) -> None:
    packages.install("toybox_four", point.format("toybox_four"))
    with pytest.raises(NotADetector, match=words) as error:
        registered()
    assert "toybox_four" in error.value.where


def test_a_package_that_breaks_on_import_is_named(packages: Packages) -> None:
    packages.install("toybox_five", "toy = toybox_five:Toy", code="1 / 0\n")
    with pytest.raises(NotADetector, match="can not be loaded: division by zero"):
        registered()


def test_no_metadata_is_an_error_that_says_how_to_mend_it() -> None:
    with pytest.raises(NoDetectors) as error:
        loaded(())
    assert "pip install -e ." in error.value.mend
    assert isinstance(error.value, RegistryError)


def test_an_entry_point_without_a_package_has_an_origin_all_the_same() -> None:
    point = EntryPoint(name="toy", value="nowhere:Toy", group=registry.GROUP)
    with pytest.raises(NotADetector, match="nowhere:Toy of an unnamed package"):
        loaded([point])
