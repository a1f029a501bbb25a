import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest
import recorded
import zstandard
from click.testing import CliRunner, Result
from installed import KEY

from monitor.cli.root import root
from monitor.config.trouble import Trouble
from monitor.console.tuning import keeping, text
from monitor.console.tuning.applying import edited
from monitor.console.tuning.choosing import alone, chosen, gains, lines, one_less
from monitor.console.tuning.measuring import Caught, Measured
from monitor.console.tuning.page import page
from monitor.console.tuning.plan import one_by_one, whole_grid
from monitor.console.tuning.traffic import Log, Traffic
from monitor.console.tuning.tuned import Tuned, Wish

GOLDEN = Path(__file__).parents[2] / "golden"
BASE = GOLDEN / "base" / "digits.ndjson.zst"
ATTACK = GOLDEN / "evasion" / "attack" / "queries.ndjson.zst"
SETTINGS = '# ours\n[engine]\nbudget = 1.0  # agreed with the SOC\n[runtime]\nstate = "state"  # here\n'


def lines_of(path: Path) -> list[bytes]:
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with settings, a log of ordinary clients, and one with an attacker among them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)
    (tmp_path / "p.toml").write_text(SETTINGS)
    both = sorted((*lines_of(BASE), *lines_of(ATTACK)), key=lambda line: str(orjson.loads(line)["time"]))
    (tmp_path / "week.ndjson").write_bytes(b"".join(line + b"\n" for line in both))
    return tmp_path


def tune(*arguments: str | Path) -> Result:
    return CliRunner().invoke(root, ["tune", *(str(one) for one in arguments), "--jobs", "1"])


def attacker() -> str:
    return recorded.client(json.loads(lines_of(ATTACK)[0]))


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("link", "script", "img", "iframe")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_drills_measure_power_on_traffic_that_nobody_has_labelled(folder: Path) -> None:
    result = tune(BASE, "--grid", "engine.budget=0.001,1", "--json", "--html", "page.html")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    strict, now = sorted(told["runs"], key=lambda one: one["promised"])
    assert (now["delivered"], strict["delivered"]) == (0, 0)
    assert now["found"] >= 0.8 * now["attackers"]
    assert strict["found"] <= now["found"]
    assert strict["delay"] is None or strict["delay"] > now["delay"]
    assert told["best"] == told["current"] == now
    assert told["not_drilled"] == ["attribute-inference", "llm-leakage"]  # the log has pictures alone
    reader = Reader()
    reader.feed((folder / "page.html").read_text())
    assert reader.open == []


def test_labels_say_who_attacks_and_results_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "labels.json").write_text(json.dumps({attacker(): {"family": "evasion"}, "somebody": None}))
    arguments = (folder / "week.ndjson", "--labels", "labels.json", "--grid", "engine.budget=0.3,1", "--json")
    first = tune(*arguments)
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert (told["current"]["attackers"], told["current"]["found"]) == (1, 1)
    assert told["current"]["families"]["evasion"]["rightly"] == 1
    assert told["current"]["delivered"] == 0
    kept = sorted((folder / "probewatch-tuning").iterdir())
    assert len(kept) == 2
    assert all(attacker() not in file.read_text() for file in kept)
    monkeypatch.setattr(keeping, "measure", lambda task: pytest.fail("it was kept"))
    assert tune(*arguments).stdout == first.stdout
    kept[0].write_text("{")
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)
    again = json.loads(tune(*arguments).stdout)
    assert again["runs"] == told["runs"]


def test_what_helps_an_attacker_is_shown_and_not_written_without_a_word(folder: Path) -> None:
    """An attacker whom nobody has labelled counts as accused in vain: fewer findings are had by a stricter budget."""
    arguments = (folder / "week.ndjson", "--grid", "engine.budget=0.0005,1", "--drills", "1", "--config", "p.toml")
    shown = tune(*arguments)
    assert shown.exit_code == 0, shown.output
    assert "engine.budget: 1 -> 0.0005" in shown.stdout
    assert "an attacker gains: " in shown.stdout
    assert "-budget = 1.0  # agreed with the SOC\n+budget = 0.0005  # agreed with the SOC" in shown.stdout
    assert (folder / "p.toml").read_text() == SETTINGS
    refused = tune(*arguments, "--apply")
    assert refused.exit_code == 2
    assert "an attacker gains by these settings; nothing was written" in refused.stderr
    assert (folder / "p.toml").read_text() == SETTINGS
    written = tune(*arguments, "--apply", "--loosen")
    assert written.exit_code == 0, written.output
    assert (folder / "p.toml").read_text() == SETTINGS.replace("budget = 1.0", "budget = 0.0005")


def test_several_processes_give_what_one_gives(folder: Path) -> None:
    (folder / "few.ndjson").write_bytes(b"\n".join(lines_of(BASE)[:200]))
    arguments = ["few.ndjson", "--grid", "engine.budget=0.3,1", "--drills", "0", "--json"]
    several = CliRunner().invoke(root, ["tune", *arguments, "--jobs", "2", "--folder", "several"])
    assert several.exit_code == 0, several.output
    assert several.stdout == tune(*arguments, "--folder", "one").stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["no.ndjson"], "there is no such file or folder"),
        (["-"], "standard input comes once"),
        (["empty.ndjson"], "there is no query in it"),
        (["week.ndjson", "--grid", "engine.storm=1"], "engine.storm is nothing that can be tuned"),
        (["week.ndjson", "--grid", "engine.budget=much"], "a value is no number"),
        (["week.ndjson", "--grid", "engine.budget=-1"], "a value is out of range: "),
        (["week.ndjson", "--labels", "empty.ndjson"], "these are no labels"),
        (["week.ndjson", "--labels", "wrong.json"], "these are no labels"),
        (["week.ndjson", "--labels", "no.json"], "the labels cannot be read"),
        (["week.ndjson", "--apply"], "there is no settings file to write into"),
        (["week.ndjson", "--apply", "--config", "p.yaml"], "only TOML is edited"),
    ],
)
def test_what_tune_cannot_do(folder: Path, arguments: list[str], what: str) -> None:
    (folder / "empty.ndjson").write_text("")
    (folder / "wrong.json").write_text('{"hunter2": "evasoin"}')
    (folder / "p.yaml").write_text("engine: {budget: 1}\n")
    result = tune(*arguments)
    assert result.exit_code == 2, result.output
    assert what in result.stderr
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


# --- choosing ---------------------------------------------------------------------------------------------------------

FORCE = {"engine.budget": 1.0, "engine.novelty_budget": 10.0, "engine.vote_weight": 0.25}


def run(false: int, found: int, delay: int = 40, **choice: float) -> Measured:
    changed = {f"engine.{name}": value for name, value in choice.items()}
    caught = {"evasion": Caught(10, found, found, (delay,) * found)}
    return Measured({**FORCE, **changed}, {20_000: false}, {}, 2_000, {20_000: 1_000, 20_001: 1_000}, caught, 1.0)


NOW = run(1, 8)


def test_more_attackers_count_first_then_sooner_then_fewer_false_findings() -> None:
    assert chosen([NOW, run(2, 9, budget=3), run(0, 8, budget=0.3)], NOW, 1, 10).choice["engine.budget"] == 3
    assert chosen([NOW, run(1, 8, delay=20, budget=3)], NOW, 1, 10).choice["engine.budget"] == 3
    assert chosen([NOW, run(0, 8, budget=0.3)], NOW, 1, 10).choice["engine.budget"] == 0.3


def test_what_is_in_force_stays_where_nothing_is_better() -> None:
    assert chosen([run(1, 8, budget=0.3), NOW, run(1, 8, delay=43, budget=3)], NOW, 1, 10) is NOW


def test_what_is_accepted_bounds_the_choice() -> None:
    assert chosen([NOW, run(3, 10, budget=3)], NOW, 1, 10) is NOW
    assert chosen([run(9, 8), run(7, 2, budget=0.1)], run(9, 8), 1, 10).choice["engine.budget"] == 0.1


def test_a_line_says_what_an_attacker_gains_by_it_alone() -> None:
    best = run(0, 6, delay=60, budget=0.1, vote_weight=0.5)
    single = [run(0, 6, delay=60, budget=0.1), run(1, 9, vote_weight=0.5)]
    assert alone(best.choice, NOW.choice) == [one.choice for one in single]
    budget, vote = lines(best, NOW, single)
    assert (budget.loosens, vote.loosens) == (True, False)
    assert [str(gain) for gain in budget.gains] == ["evasion: 2 of 10 named no more, named 20 queries later"]
    assert [str(gain) for gain in vote.gains] == ["evasion: 1 of 10 more are named"]
    assert gains(NOW.caught, NOW.caught) == ()


def test_a_line_that_changes_nothing_can_be_left_out() -> None:
    both, one = run(0, 8, budget=0.3, vote_weight=0.05), run(0, 8, budget=0.3)
    tried = one_less(both.choice, NOW.choice)
    assert tried == [run(0, 8, vote_weight=0.05).choice, one.choice]
    assert chosen([NOW, both, one], NOW, 1, 10) is one
    assert one_less(one.choice, NOW.choice) == []


def test_rates_and_their_bounds() -> None:
    none = run(0, 0)
    assert none.rate == 0
    assert none.most == pytest.approx(1000 * 3.0 / 2_000, rel=0.01)  # the rule of three
    assert none.delay is None
    assert NOW.by_day() == {20_000: 1.0, 20_001: 0.0}
    assert Measured.of(orjson.loads(orjson.dumps(NOW.tree()))) == NOW


def test_the_plan_begins_with_what_is_in_force() -> None:
    plan = one_by_one(FORCE)
    assert plan[0] == FORCE
    assert all(sum(one[name] != FORCE[name] for name in FORCE) == 1 for one in plan[1:])
    grid = whole_grid(FORCE, {"engine.budget": (0.5, 1.0), "engine.vote_weight": (0.0, 0.25)})
    assert (grid[0], len(grid)) == (FORCE, 4)


def test_a_page_of_a_loss_shows_it_in_red() -> None:
    best = run(0, 6, budget=0.1)
    traffic = Traffic((Log(Path("a"), 0, 1),), {20_000: 1_000, 20_001: 1_000}, 5, {}, "d")
    told = tuple(lines(best, NOW, [best]))
    tuned = Tuned(traffic, Wish({}, 1, 10), (NOW, best), NOW, best, told, gains(best.caught, NOW.caught))
    assert tuned.loosens
    assert 'class="truth wrong">evasion: 2 of 10 named no more' in page(tuned)
    assert "comes nearest" not in page(tuned)
    stricter = replace(tuned, wish=Wish({}, 1, -1))
    assert "No choice keeps that: this comes nearest." in page(stricter)
    assert any("no choice keeps what is accepted" in line for line in text.lines(stricter))


def test_choices_that_come_to_the_same_do_not_hide_the_recommended_one() -> None:
    best, same = run(0, 8, budget=0.3), run(0, 8, budget=0.3, vote_weight=0.5)
    traffic = Traffic((Log(Path("a"), 0, 1),), {20_000: 1_000, 20_001: 1_000}, 5, {}, "d")
    told = page(Tuned(traffic, Wish({}, 1, 10), (NOW, best, same), NOW, best, tuple(lines(best, NOW, [best])), ()))
    drawn = re.findall(r'<circle[^>]*class="dot ?(\w*)', told)
    assert drawn == ["", "low", "good"] * 2


# --- applying ---------------------------------------------------------------------------------------------------------


def test_comments_and_everything_else_stay() -> None:
    text = (
        "# top\n[engine]\n# why\nvote_weight = 0.25 # quarter\n\n[engine.known.m]\nsensitive_columns = ['race'] # law\n"
    )
    after = edited(text, {"engine.vote_weight": 0.5, "engine.budget": 0.3}, "p.toml")
    assert "vote_weight = 0.5 # quarter" in after
    assert after.index("budget = 0.3") < after.index("[engine.known.m]")
    kept = [line for line in after.splitlines() if "budget" not in line and "vote" not in line]
    assert [line for line in text.splitlines() if "vote" not in line] == kept
    assert edited("", {"engine.budget": 0.3}, "p.toml") == "[engine]\nbudget = 0.3\n"


@pytest.mark.parametrize("text", ["[engine\n", "engine = 3\n"])
def test_what_cannot_be_edited(text: str) -> None:
    with pytest.raises(Trouble, match="the settings cannot be edited"):
        edited(text, {"engine.budget": 0.3}, "p.toml")
