"""How many threads are chosen, on machines whose speed is a function of that number."""

from collections.abc import Callable

import pytest

from m2agent_models.engine.threads import Threads


class Computer:
    """Writes tokens; `seconds` is what one takes with so many threads."""

    def __init__(self, most: int, seconds: Callable[[int], float], load: float = 0.0) -> None:
        self.using = most
        self.seconds = seconds
        self.load = load
        self.threads = Threads(most, self.use, lambda: self.load)

    def use(self, number: int) -> None:
        self.using = number

    def write(self, tokens: int) -> float:
        total = 0.0
        for _ in range(tokens):
            total += self.seconds(self.using)
            self.threads.note(self.seconds(self.using))
        return total


def idle(threads: int) -> float:
    return 0.04 / threads


def busy(threads: int) -> float:
    """As measured on two cores that others used, too: two threads take 25 times as long as one."""
    return 0.05 if threads == 1 else 1.25


@pytest.mark.parametrize("most", [1, 2, 8])
def test_an_idle_machine_is_used_whole(most: int) -> None:
    computer = Computer(most, idle)
    assert computer.write(2000) < 2000 * idle(most) * 1.05
    assert computer.threads.now == most


def test_where_threads_wait_for_each_other_there_are_soon_fewer() -> None:
    computer = Computer(2, busy)
    computer.write(12)
    assert computer.threads.now == 1


def test_a_machine_that_becomes_busy_and_idle_again_is_followed() -> None:
    computer = Computer(2, idle)
    computer.write(100)
    computer.seconds, computer.load = busy, 100.0
    assert computer.write(1000) < 1000 * 0.05 + 40 * 1.25
    assert computer.using == 1
    computer.seconds, computer.load = idle, 1.0
    computer.write(1200)
    assert computer.using == 2
