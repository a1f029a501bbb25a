"""Profiles: the mixture that the engine learns along the stream, and one that scikit-learn fits to the same windows.

    cd tests/benchmarks/detection && PYTHONPATH=..:. python -m studies.mixture scenes/digits-tune.ndjson.zst

Both learn from the scheduled blocks of the clients of the learning days, squashed alike, and judge the clients of the
days after. The product halves the clients, and nobody is judged by the half that it has taught. scikit-learn gets them
all (`whole`), twelve full components of the best of three starts, or halves, with as many components as rows can bear.
Printed are the area under the curve over clients, by each one's strangest block, and the share of attackers found where
1, 2 and 5 % of the honest clients of known kinds are called strange.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from printed import table
from sklearn.mixture import GaussianMixture

from detectors.contract import Floats
from detectors.novelty import looked_at
from detectors.scoring.profiles import Profiles
from detectors.scoring.squash import Squash
from detectors.scoring.teaching import fold_of

FALSE = (0.01, 0.02, 0.05)
RIDGES = (0.05, 0.3)
COMPONENTS = 12
HEAD = ("profiles", "AUC", *(f"found at {share:.0%} false" for share in FALSE))

Scorer = Callable[["Windows"], Floats]


@dataclass(frozen=True, slots=True)
class Windows:
    """Rows of features (n, f) with their clients' keys; which of them teach, and which are of the honest and of the
    hostile clients that are judged, all (n,)."""

    rows: Floats
    clients: NDArray[np.uint64]
    teach: NDArray[np.bool_]
    honest: NDArray[np.bool_]
    hostile: NDArray[np.bool_]

    @property
    def folds(self) -> NDArray[np.int64]:
        """The half to which each row's client belongs."""
        return fold_of(self.clients)


def product(windows: Windows) -> Floats:
    """Surprise as the engine has it."""
    profiles = Profiles.fit(windows.rows[windows.teach], windows.folds[windows.teach])
    if profiles is None:
        raise ValueError("too few windows")
    return profiles.surprise(windows.rows, windows.folds)


def batch(components: int, ridge: float, *, halves: bool) -> Scorer:
    """Surprise by scikit-learn's mixture."""

    def surprise(windows: Windows) -> Floats:
        squashed = Squash.fit(windows.rows[windows.teach])(windows.rows)
        found = np.empty(len(squashed))
        for fold in (0, 1):
            taught = windows.teach & (windows.folds != fold) if halves else windows.teach
            most = min(components, max(1, int(taught.sum()) // 30)) if halves else components
            mixture = GaussianMixture(most, reg_covar=ridge, n_init=3, max_iter=200, random_state=0)
            judged = windows.folds == fold
            found[judged] = -mixture.fit(squashed[taught]).score_samples(squashed[judged])
        return found

    return surprise


def measured(windows: Windows, surprise: Floats) -> tuple[float, ...]:
    """Area under the curve over clients, and the share of hostile ones found at each share of false ones."""
    honest = strangest(windows.clients[windows.honest], surprise[windows.honest])
    hostile = strangest(windows.clients[windows.hostile], surprise[windows.hostile])
    area = (hostile[:, None] > honest).mean() + (hostile[:, None] == honest).mean() / 2
    return (float(area), *(float((hostile > np.quantile(honest, 1 - share)).mean()) for share in FALSE))


def strangest(clients: NDArray[np.uint64], surprise: Floats) -> Floats:
    """The largest surprise of each client, in the order of their keys."""
    order = np.argsort(clients, kind="stable")
    _, first = np.unique(clients[order], return_index=True)
    return np.maximum.reduceat(surprise[order], first)


def compared(windows: Windows) -> str:
    """The table."""
    scorers: dict[str, Scorer] = {"the product's, two halves": product}
    for ridge in RIDGES:
        scorers[f"scikit-learn, {COMPONENTS} full, whole, ridge {ridge}"] = batch(COMPONENTS, ridge, halves=False)
        scorers[f"scikit-learn, {COMPONENTS} full, halves, ridge {ridge}"] = batch(COMPONENTS, ridge, halves=True)
    lines = [
        (name, *(f"{value:.3f}" for value in measured(windows, score(windows)))) for name, score in scorers.items()
    ]
    return table(HEAD, lines)


def windows_of(log: Path) -> Windows:
    """The scheduled blocks of a scene's most frequent kind of input."""
    from studies.overheard import play

    scene = play(log)
    notes = scene.notes["novelty"]
    kind = int(np.bincount([note.kind for note in notes]).argmax())
    notes = [note for note in notes if note.kind == kind]
    labels = [scene.labels[note.client] for note in notes]
    learning = np.array([label["part"] == "learning" for label in labels])
    attack = np.array([label["attack"] for label in labels])
    known = np.array([not label["attack"] and not label["unseen"] for label in labels])
    plain = np.array([not label["variant"] for label in labels])
    rows = np.array([[note.features.get(name, np.nan) for name in looked_at(kind)] for note in notes])
    clients = np.array([note.client for note in notes], np.uint64)
    return Windows(rows, clients, learning & ~attack, known & ~learning, attack & plain & ~learning)


def main() -> None:
    """Read the command line, play, print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst")
    for log in asked.parse_args().scenes:
        sys.stdout.write(f"## {log.name.partition('.')[0]}\n\n{compared(windows_of(log))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
