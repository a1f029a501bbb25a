"""The language in which named attacks are written: soft gates over features, joined by all_of and any_of.

A test reads as the argument does: all_of(gate("near", honest=0.15, attack=0.40), gate("star", honest=0.7, attack=0.3))
says "its queries follow one another, and they do not all return to one base". The weakest gate decides, so it is also
the explanation. Quantities are numbers per block, in the units of their features; strengths are soft truths per block.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from detectors.contract import Blocks, Floats, Reason

LEAST, MOST = -1.0, 1.5  # a gate's range: beyond the honest end it still ranks, but one gate can not shout


class Quantity(ABC):
    """A number per block, made of features by arithmetic; NaN where a feature of it is missing or it is undefined."""

    __slots__ = ()

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """The features it is made of."""

    @abstractmethod
    def evaluate(self, blocks: Blocks) -> Floats:
        """Its value for each block, shape (n,)."""

    def __add__(self, other: Quantity | float) -> Quantity:
        return Formula("({} + {})", np.add, (self, quantity(other)))

    def __sub__(self, other: Quantity | float) -> Quantity:
        return Formula("({} - {})", np.subtract, (self, quantity(other)))

    def __rsub__(self, other: float) -> Quantity:
        return quantity(other) - self

    def __mul__(self, other: Quantity | float) -> Quantity:
        return Formula("({} * {})", np.multiply, (self, quantity(other)))

    def __truediv__(self, other: Quantity | float) -> Quantity:
        return Formula("({} / {})", np.divide, (self, quantity(other)))

    def __rtruediv__(self, other: float) -> Quantity:
        return quantity(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __abs__(self) -> Quantity:
        return Formula("abs({})", np.abs, (self,))

    def log(self) -> Quantity:
        """Natural logarithm; NaN for numbers below 0."""
        return Formula("log({})", np.log, (self,))

    def sqrt(self) -> Quantity:
        """Square root; NaN for numbers below 0."""
        return Formula("sqrt({})", np.sqrt, (self,))


@dataclass(frozen=True, slots=True)
class Feature(Quantity):
    """One feature, as the block has it."""

    name: str

    @property
    def reads(self) -> frozenset[str]:
        """Its own name."""
        return frozenset({self.name})

    def evaluate(self, blocks: Blocks) -> Floats:
        """The feature's column."""
        return blocks.feature(self.name)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Number(Quantity):
    """A constant."""

    value: float

    @property
    def reads(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    def evaluate(self, blocks: Blocks) -> Floats:
        """The constant for each block."""
        return np.full(len(blocks), self.value)

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class Formula(Quantity):
    """An operation on quantities; `text` is how people read it, with a place for each operand."""

    text: str
    operation: Callable[..., Floats]
    operands: tuple[Quantity, ...]

    @property
    def reads(self) -> frozenset[str]:
        """The features of all operands."""
        return frozenset().union(*(operand.reads for operand in self.operands))

    def evaluate(self, blocks: Blocks) -> Floats:
        """The operation's result; undefined results are NaN, as NumPy has them."""
        with np.errstate(all="ignore"):
            return self.operation(*(operand.evaluate(blocks) for operand in self.operands))

    def __str__(self) -> str:
        return self.text.format(*self.operands)


class Strength(ABC):
    """A soft truth per block: at most 0 as honest clients have it, 1 as the attack has it, between LEAST and MOST."""

    __slots__ = ()

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """The features that it depends on."""

    @abstractmethod
    def evaluate(self, blocks: Blocks) -> Floats:
        """Its value for each block, shape (n,), never NaN."""

    @abstractmethod
    def reach(self, unknown: frozenset[str]) -> float:
        """The most that its value can be where these features are not known, between LEAST and MOST.

        An upper bound: gates on one feature are taken to be free of each other.
        """

    @abstractmethod
    def decisive(self, block: Blocks) -> tuple[Reason, ...]:
        """Why the single block given has its value, the weakest first."""

    def reasons(self, blocks: Blocks, row: int) -> tuple[Reason, ...]:
        """The gates that decided the value of that row, the weakest first, each with a share of 0 to 1."""
        columns = {name: blocks.feature(name)[row : row + 1] for name in sorted(self.reads)}
        return self.decisive(Blocks(blocks.kind, columns, blocks.queries[row : row + 1]))


@dataclass(frozen=True, slots=True)
class Gate(Strength):
    """0 where a quantity is as honest clients have it, 1 where the attack has it, linear between and beyond."""

    measured: Quantity
    honest: float
    attack: float

    @property
    def reads(self) -> frozenset[str]:
        """The features of the quantity."""
        return self.measured.reads

    def evaluate(self, blocks: Blocks) -> Floats:
        """(x - honest) / (attack - honest), clipped; LEAST where x is not known."""
        carried = (self.measured.evaluate(blocks) - self.honest) / (self.attack - self.honest)
        return np.minimum(np.fmax(carried, LEAST), MOST)  # fmax: NaN is LEAST

    def reach(self, unknown: frozenset[str]) -> float:
        """LEAST where it cannot be measured."""
        return LEAST if self.reads & unknown else MOST

    def decisive(self, block: Blocks) -> tuple[Reason, ...]:
        """The gate itself."""
        value = float(self.measured.evaluate(block)[0])
        carried = (value - self.honest) / (self.attack - self.honest)  # plain numbers: it is asked often
        share = 0.0 if carried != carried else min(max(carried, 0.0), 1.0)  # NaN is 0, -0 stays as it was
        return (Reason(str(self.measured).removeprefix("(").removesuffix(")"), value, share),)


@dataclass(frozen=True, slots=True)
class _Joined(Strength):
    """Several tests as one."""

    parts: tuple[Strength, ...]

    @property
    def reads(self) -> frozenset[str]:
        """The features of all parts."""
        return frozenset().union(*(part.reads for part in self.parts))


class AllOf(_Joined):
    """As strong as the weakest of its parts."""

    __slots__ = ()

    def evaluate(self, blocks: Blocks) -> Floats:
        """The minimum."""
        return np.asarray(np.minimum.reduce([part.evaluate(blocks) for part in self.parts]))

    def reach(self, unknown: frozenset[str]) -> float:
        """That of the weakest part."""
        return min(part.reach(unknown) for part in self.parts)

    def decisive(self, block: Blocks) -> tuple[Reason, ...]:
        """The reasons of all parts: each of them could have kept the test silent."""
        found = [reason for part in self.parts for reason in part.decisive(block)]
        return tuple(sorted(found, key=lambda reason: reason.share))


class AnyOf(_Joined):
    """As strong as the strongest of its parts."""

    __slots__ = ()

    def evaluate(self, blocks: Blocks) -> Floats:
        """The maximum."""
        return np.asarray(np.maximum.reduce([part.evaluate(blocks) for part in self.parts]))

    def reach(self, unknown: frozenset[str]) -> float:
        """That of the strongest part."""
        return max(part.reach(unknown) for part in self.parts)

    def decisive(self, block: Blocks) -> tuple[Reason, ...]:
        """The reasons of the strongest part; the others did not decide."""
        return max(self.parts, key=lambda part: part.evaluate(block)[0]).decisive(block)


@dataclass(frozen=True, slots=True)
class Not(Strength):
    """The opposite: strong where its part is weak, and where its part is not known."""

    part: Strength

    @property
    def reads(self) -> frozenset[str]:
        """The features of the part."""
        return self.part.reads

    def evaluate(self, blocks: Blocks) -> Floats:
        """The part's value with its sign turned."""
        return np.maximum(-self.part.evaluate(blocks), LEAST)

    def reach(self, unknown: frozenset[str]) -> float:
        """All the way: its part may always be as honest clients have it."""
        return -LEAST

    def decisive(self, block: Blocks) -> tuple[Reason, ...]:
        """The part's own weakest reason, which is what makes the opposite strong."""
        return (replace(self.part.decisive(block)[0], share=shares(self, block)),)


@dataclass(frozen=True, slots=True)
class WhereKnown(Strength):
    """One test where a feature is known, another where it is not."""

    feature: str
    known: Strength
    unknown: Strength

    @property
    def reads(self) -> frozenset[str]:
        """The feature and those of both tests."""
        return self.known.reads | self.unknown.reads | {self.feature}

    def evaluate(self, blocks: Blocks) -> Floats:
        """The value of the test that applies to each block."""
        blind = np.isnan(blocks.feature(self.feature))
        return np.where(blind, self.unknown.evaluate(blocks), self.known.evaluate(blocks))

    def reach(self, unknown: frozenset[str]) -> float:
        """That of the test that applies; of the better one where both may."""
        other = self.unknown.reach(unknown)
        return other if self.feature in unknown else max(other, self.known.reach(unknown))

    def decisive(self, block: Blocks) -> tuple[Reason, ...]:
        """The reasons of the test that applies."""
        return (self.unknown if np.isnan(block.feature(self.feature)[0]) else self.known).decisive(block)


def feature(name: str) -> Quantity:
    """A feature to calculate with.

    >>> str(feature("largest_cluster") * feature("fill").sqrt())
    '(largest_cluster * sqrt(fill))'
    """
    return Feature(name)


def quantity(given: Quantity | str | float) -> Quantity:
    """A feature's name or a number as a quantity; a quantity stays itself."""
    if isinstance(given, Quantity):
        return given
    return Feature(given) if isinstance(given, str) else Number(float(given))


def gate(measured: str | Quantity, *, honest: float, attack: float) -> Strength:
    """0 where the feature is as honest clients have it, 1 where the attack has it; either end may be the larger.

    A feature that is not known counts as more honest than honest, so that a blind test is silent.

    >>> fill = np.array([10.0, 20.0, 30.0, np.nan])
    >>> gate("fill", honest=10, attack=30).evaluate(Blocks(0, {"fill": fill}, np.arange(4))).tolist()
    [0.0, 0.5, 1.0, -1.0]
    """
    if not (np.isfinite(honest) and np.isfinite(attack) and honest != attack):
        raise ValueError(f"the gate on {measured} needs two different ends, not honest={honest} and attack={attack}")
    return Gate(quantity(measured), float(honest), float(attack))


def all_of(*parts: Strength) -> Strength:
    """As strong as its weakest part (the minimum: Zadeh's conjunction, Information and Control 1965)."""
    if not parts:
        raise ValueError("all_of needs at least one part: of nothing, all would be true")
    return AllOf(parts)


def any_of(*parts: Strength) -> Strength:
    """As strong as its strongest part (the maximum)."""
    if not parts:
        raise ValueError("any_of needs at least one part")
    return AnyOf(parts)


def none_of(*parts: Strength) -> Strength:
    """Strong where the strongest part is weak. A part that is not known does not stand in the way."""
    return Not(any_of(*parts))


def where_known(name: str, known: Strength, *, otherwise: Strength) -> Strength:
    """`known` where that feature is known, `otherwise` where it is not: for evidence that not every source carries."""
    return WhereKnown(name, known, otherwise)


def shares(strength: Strength, block: Blocks) -> float:
    """How far the single block given lies from honest (0) to attack (1)."""
    return float(np.clip(strength.evaluate(block)[0], 0.0, 1.0))
