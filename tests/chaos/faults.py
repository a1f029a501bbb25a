"""The faults. Each is a function of the world that makes one, and mends it before it returns."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial

from chaos.kill_points import STEPS, KillPoint, draw
from chaos.lives import wait_until
from chaos.world import World

Fault = Callable[[World], None]
SESSION = 6.0  # seconds, as in the settings


def kill(world: World) -> None:
    """kill -9 at any time."""
    time.sleep(world.chance.random())
    world.some().last.kill()
    world.supervise()


def kill_at_a_bytecode(world: World) -> None:
    """kill -9 at a bytecode of some step, in the next life of a daemon."""
    lives = world.some()
    lives.last.kill()
    life = lives.start(draw(world.chance))
    _wait(world, 3.0, lambda: not life.running)
    life.kill()
    world.supervise()


def kill_while_restoring(world: World) -> None:
    """A rebalance while a daemon takes partitions over: another leaves, and whoever restores is killed in it."""
    lives = world.some()
    lives.last.kill()
    life = lives.start(KillPoint("monitor.runtime.partitions:Partitions.take", 1, world.chance.randint(1, 3_000)))
    _swap(world)
    _wait(world, 3.0, lambda: not life.running)
    life.kill()
    world.supervise()


def rebalance(world: World) -> None:
    """Daemons join and leave, one to four of them."""
    for _ in range(world.chance.randint(1, 3)):
        _swap(world)
        _wait(world, 1.5 * world.chance.random())


def freeze(world: World) -> None:
    """SIGSTOP for longer than the session: others take the partitions over, then the process goes on."""
    life = world.some().last
    life.send(signal.SIGSTOP)
    _wait(world, SESSION + 2.0)
    life.send(signal.SIGCONT)
    _wait(world, 1.0)


def freeze_at_a_bytecode(world: World) -> None:
    """The same, at a bytecode of some step: between the coordinator's word and the snapshot, say."""
    lives = world.some()
    lives.last.kill()
    opcodes = world.chance.randint(1, 3_000)
    life = lives.start(KillPoint(world.chance.choice(STEPS), world.chance.randint(1, 4), opcodes, signal.SIGSTOP))
    _wait(world, SESSION + 3.0)
    life.send(signal.SIGCONT)
    _wait(world, 1.0)


def clock(seconds: float, world: World) -> None:
    """The wall clock of a daemon jumps."""
    lives = world.some()
    lives.last.kill()
    lives.start(clock=seconds)
    world.search.mode = "503"
    _wait(world, 2.5)
    world.search.mode = "pass"
    _wait(world, 1.0)


def search(mode: str, world: World) -> None:
    """The search server, or the way to it, answers as it should not."""
    world.search.mode = mode
    _wait(world, 1.0 + 2.0 * world.chance.random())
    if world.chance.random() < 0.4:
        world.some().last.kill()
        world.supervise()
    world.search.mode = "pass"


def rollover(world: World) -> None:
    """A new backing index, and a daemon that is killed right then."""
    world.search.roll()
    kill(world)


def webhook(mode: str, world: World) -> None:
    """The receiver answers as it should not."""
    world.receiver.mode = mode
    _wait(world, 1.0 + 2.0 * world.chance.random())
    world.receiver.mode = "pass"


def full_disk(world: World) -> None:
    """No byte is left for the outbox of a daemon."""
    if not world.disk.can_fill:
        return
    world.disk.fill()
    _wait(world, 3.0)
    if world.chance.random() < 0.5:
        world.daemons[0].last.kill()
        _wait(world, 1.0)
    world.disk.empty()


def closed_disk(world: World) -> None:
    """The state folder of a daemon may only be read, before its next life and during the beginning of that."""
    if not world.disk.can_close or 0 not in world.wanted:
        return
    world.daemons[0].last.kill()
    if world.disk.close():
        _wait(world, 2.0)
        world.disk.open()


def kill_broker(world: World) -> None:
    """kill -9 of a broker, which is back some seconds later."""
    if world.cluster is None:
        return
    world.cluster.kill(world.chance.randint(1, world.cluster.brokers))
    _wait(world, 2.0 + 3.0 * world.chance.random())
    world.cluster.mend()


def move_leaders(world: World) -> None:
    """Every partition gets another leader."""
    if world.cluster is not None:
        cluster, topic = world.cluster, world.scene.topic
        before = cluster.leaders(topic)
        cluster.move_leaders(topic, len(world.scene.parts), world.chance)
        wait_until(lambda: all(leader != before[at] for at, leader in cluster.leaders(topic).items()), str(before))


def _swap(world: World) -> None:
    """One more joins, or one of several leaves."""
    absent = sorted(set(range(len(world.daemons))) - world.wanted)
    if absent and (len(world.wanted) == 1 or world.chance.random() < 0.5):
        world.start(world.chance.choice(absent))
    else:
        world.leave(world.chance.choice(sorted(world.wanted)))


def _wait(world: World, seconds: float, over: Callable[[], bool] = lambda: False) -> None:
    """Time passes; what ends by itself is started again, unless that is what is waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not over():
        time.sleep(0.1)
        world.supervise()


ANYWHERE: dict[str, Fault] = {
    "kill": kill,
    "kill at a bytecode": kill_at_a_bytecode,
    "kill while restoring": kill_while_restoring,
    "rebalance": rebalance,
    "freeze": freeze,
    "freeze at a bytecode": freeze_at_a_bytecode,
    "clock back": partial(clock, -86_400.0),
    "clock ahead": partial(clock, 400 * 86_400.0),
    **{f"search {mode}": partial(search, mode) for mode in ("down", "slow", "429", "401", "403", "413", "503")},
    **{f"search {mode}": partial(search, mode) for mode in ("half", "late", "rolled")},
    "rollover": rollover,
    **{f"webhook {mode}": partial(webhook, mode) for mode in ("500", "429", "401", "hang", "drop")},
    "full disk": full_disk,
    "read-only disk": closed_disk,
}
WITH_A_CLUSTER: dict[str, Fault] = {"kill broker": kill_broker, "move leaders": move_leaders}
