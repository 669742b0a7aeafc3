"""How Locust's master hands users to its workers: each the institutions that are dealt to it, once.

Locust's own dispatcher spreads users evenly and anew whenever a worker comes or goes. A visit cannot go on at another
worker, so ours never does: who is lost is not replaced, and who comes late has nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from locust.dispatch import UsersDispatcher

if TYPE_CHECKING:
    from locust import User
    from locust.runners import WorkerNode

__all__ = ["Hands"]


class Hands:
    """What is dealt to whom; makes the dispatchers that Locust asks for, of which the first one deals."""

    def __init__(self, users: Mapping[str, Mapping[str, int]]) -> None:
        """Deal ``users``: how many of each class, by the worker's name at its master."""
        self._left: Mapping[str, Mapping[str, int]] = users

    def take(self) -> Mapping[str, Mapping[str, int]]:
        """Return what has not been dealt yet: all, and from then on nothing."""
        left, self._left = self._left, {worker: {} for worker in self._left}
        return left

    def __call__(self, worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> UsersDispatcher:
        """Make a dispatcher, as Locust does of its own class."""
        return _Dealer(self, worker_nodes, user_classes)


class _Dealer(UsersDispatcher):
    """Gives every worker its hand in one step."""

    def __init__(self, hands: Hands, worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> None:
        super().__init__(worker_nodes, user_classes)
        self._hands = hands
        self._dealt: Iterator[dict[str, dict[str, int]]] = iter(())

    def new_dispatch(
        self,
        target_user_count: int,  # noqa: ARG002 - the hands say how many
        spawn_rate: float,  # noqa: ARG002 - all at once
        user_classes: Sequence[type[User]] | None = None,  # noqa: ARG002 - and of which class
    ) -> None:
        """Be ready to deal what is left."""
        hands = self._hands.take()
        self._dealt = iter([{name: dict(users) for name, users in hands.items()}])

    def __next__(self) -> dict[str, dict[str, int]]:
        return next(self._dealt)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Leave a worker that comes late without a hand."""

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """Leave the hand of a lost worker to nobody."""
