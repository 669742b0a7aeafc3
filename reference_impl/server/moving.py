"""A served node's move to new books, step by step, as an operator commands it, and taken up again after a kill.

Each step is written in the journal before anything rests on it, and is done once however often it is commanded. Rows
are moved beside the loop, a bounded number at a time. Up to the reopening the old books stand untouched, so that the
way back loses nothing; after it there is none. This module must never write into books that serve.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from reference_impl.books.final import BooksError
from reference_impl.books.journal import ENDED, Journal, Stage, read_journal, write_journal
from reference_impl.books.moving import LISTED_MAX, Moved, Proof, Refused, move
from reference_impl.books.places import following, must_be_there, place_named, read_server, write_server
from reference_impl.books.postgresql.address import Server
from reference_impl.books.stated import Stated, Told
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.telling import told as told_of
from reference_impl.server.move_books import level_starts, proof_of, stated_of
from reference_impl.server.move_steps import FROZEN_IN, MoveAction, has_to_be_done
from reference_impl.telemetry.log import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reference_impl.books.places import Place
    from reference_impl.protocol.ports import Clock
    from reference_impl.server.held import HeldBooks

__all__ = ["Move", "MoveStatus"]

STEP_ROWS_MAX = 500
"""Rows looked at in one step: the loop waits for no more of them than that."""
_STEPS_PER_S = 10
"""So many steps a second under a rate, so that it is held evenly."""


class MoveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far a node's move has come. ``stage`` is empty where there never was one."""

    node: str
    stage: str
    serving: str
    target: str
    moving: bool
    """Whether a pass is being made at this moment."""
    moved: dict[str, int]
    """Rows moved by table, over all passes."""
    refused_rows: dict[str, int]
    refused: tuple[Refused, ...]
    """The first of the rows that the last pass could not move."""
    rows: dict[str, int]
    """Rows by table as they were counted in the new books."""
    wrong: tuple[str, ...]
    """What the verification found, a line each; empty when it held or was not made."""
    told: Told | None
    """The neighbours' account, where it was heard."""
    trouble: str
    """Why the last pass broke off, if it did."""
    since_us: dict[str, int]


class Move:
    """The move of one node's books."""

    __slots__ = (
        "_clock",
        "_folder",
        "_go_on",
        "_is_shut",
        "_journal",
        "_moved",
        "_node",
        "_one_at_a_time",
        "_pass",
        "_refused",
        "_refused_rows",
        "_trouble",
        "books",
    )

    def __init__(self, node: str, folder: Path, books: HeldBooks, clock: Clock, is_shut: Callable[[], bool]) -> None:
        """Take up the move of the node whose ``books`` these are, where it was left.

        In ``folder`` its journal lies. ``is_shut`` says whether nothing comes in by any of its doors.

        Raises:
            BooksError: when its journal cannot be read.

        """
        self._node = node
        self.books = books
        self._folder = folder
        self._clock = clock
        self._is_shut = is_shut
        self._journal = read_journal(self._folder, node)
        self._moved: dict[str, int] = dict(self._journal.moved) if self._journal else {}
        self._refused: list[Refused] = list(self._journal.refused) if self._journal else []
        self._refused_rows: dict[str, int] = dict(self._journal.refused_rows) if self._journal else {}
        self._trouble = ""
        self._pass: asyncio.Task[None] | None = None
        self._go_on = False
        self._one_at_a_time = asyncio.Lock()
        books.frozen = self.stage in FROZEN_IN

    @property
    def stage(self) -> Stage | None:
        """How far it has come; None where there never was a move."""
        return None if self._journal is None else self._journal.stage

    def resume(self) -> None:
        """Go on with the pass that a kill broke off. What was done but not switched to is looked through once more."""
        stage = self.stage
        if stage in (Stage.MIGRATED, Stage.VERIFIED):
            self._reach(Stage.MIGRATING, proof=None, told=self._failing_account())
        if stage in (Stage.COPYING, Stage.MIGRATING, Stage.MIGRATED, Stage.VERIFIED):
            self._begin_pass()

    async def obey(self, action: MoveAction, rows_per_s: int = 0, told: Told | None = None, to: str = "") -> MoveStatus:
        """Do one step; one that is done already is not done again.

        ``rows_per_s`` bounds a pass; ``told`` is the neighbours' account that a verification goes by too; ``to`` is the
        address of the server that the new books are to lie on, said with the step that begins the move.

        Raises:
            ValueError: when it is not the time for it.
            BooksError: when books cannot be read or written.

        """
        async with self._one_at_a_time:
            try:
                await self._settle_where(action, to)
                if has_to_be_done(action, self.stage):
                    await self._do(action, rows_per_s, told)
            except ValueError as error:
                raise ValueError(f"cannot {action} books of node {self._node}: {error}") from None
        return self.status()

    def status(self) -> MoveStatus:
        """Return how far it has come."""
        journal = self._journal
        proof, told = (None, None) if journal is None else (journal.proof, journal.told)
        return MoveStatus(
            node=self._node,
            stage="" if journal is None else journal.stage,
            serving=self.books.place.name,
            target="" if journal is None else journal.target,
            moving=self._pass is not None and not self._pass.done(),
            moved=dict(self._moved),
            refused_rows=dict(self._refused_rows),
            refused=tuple(self._refused),
            rows={} if proof is None else {table: account.rows for table, account in proof.new.items()},
            wrong=(*(() if proof is None else proof.words()), *(() if told is None else told.words())),
            told=told,
            trouble=self._trouble,
            since_us={} if journal is None else journal.since_us,
        )

    async def settlements(self, by: str) -> list[Stated]:
        """Return the settlements that the books state: those that the node ``by`` answered, or without a name all.

        While a move is under way they are those of the new books.

        Raises:
            BooksError: when they cannot be read.

        """
        journal = self._journal
        moving = journal is not None and journal.stage in (Stage.MIGRATED, Stage.VERIFIED, Stage.FAILED)
        place = self._target() if moving else self.books.place
        return await asyncio.to_thread(partial(stated_of, place, NodeId(self._node), NodeId(by)))

    async def close(self) -> None:
        """Break off a pass; the next process goes on with it."""
        await self._stop_pass()

    # --- the steps ---

    async def _settle_where(self, action: MoveAction, to: str) -> None:
        """Let the folder name the server that a move goes to, before the move begins.

        Raises:
            ValueError: when it goes elsewhere already, or there is no such server.

        """
        if not to:
            return
        try:
            server = Server.read(to)
        except InputError as error:
            raise ValueError(str(error)) from None
        named = read_server(self._folder)
        if named == server:
            return
        if named is not None:
            raise ValueError(f"its system's books lie at {named.address}, and new ones too; a system has one server")
        if action not in (MoveAction.COPY, MoveAction.FREEZE) or self.stage not in (None, *ENDED):
            raise ValueError("where a move goes is said when it begins; roll it back first")
        await asyncio.to_thread(partial(following, self._folder, self._node, self.books.place.name, server))
        write_server(self._folder, server)

    async def _do(self, action: MoveAction, rows_per_s: int, told: Told | None) -> None:
        match action:
            case MoveAction.COPY:
                await self._copy(rows_per_s)
            case MoveAction.FREEZE:
                await self._freeze()
            case MoveAction.MIGRATE:
                await self._migrate(rows_per_s)
            case MoveAction.VERIFY:
                await self._verify(told)
            case MoveAction.SWITCH:
                await self._switch()
            case MoveAction.ROLL_BACK:
                await self._roll_back()
            case MoveAction.REOPEN:
                self._reach(Stage.REOPENED)
                self.books.frozen = False

    async def _copy(self, rows_per_s: int) -> None:
        await self._stop_pass()
        if self.stage is Stage.COPYING:
            self._reach(Stage.COPYING, rows_per_s=rows_per_s)
        else:
            await self._begin(Stage.COPYING, rows_per_s)
        self._begin_pass()

    async def _freeze(self) -> None:
        await self._stop_pass()
        if not self._is_shut():  # asked at the very instant: a door that moves from here on finds the books frozen
            if self.stage is Stage.COPYING:
                self._begin_pass()
            raise ValueError("it lets messages in; close its doors first")
        await self.books.freeze()
        try:
            if self.stage in (Stage.COPYING, Stage.COPIED):
                self._reach(Stage.FROZEN)
            else:
                await self._begin(Stage.FROZEN)
        except BooksError:
            self.books.frozen = False
            if self.stage is Stage.COPYING:
                self._begin_pass()
            raise

    async def _migrate(self, rows_per_s: int) -> None:
        await self._stop_pass()
        if self.stage is Stage.FAILED:  # whatever is wrong with them: make them anew
            await asyncio.to_thread(self._target().remove)
        self._reach(Stage.MIGRATING, rows_per_s=rows_per_s, proof=None, told=self._failing_account())
        self._begin_pass()

    async def _verify(self, told: Told | None) -> None:
        """Hold the new books against the old ones and the neighbours' account: what is not heard again still counts."""
        proof, account = await self._proof(), told or self._failing_account()
        holds = proof is not None and proof.holds and (account is None or account.holds)
        self._reach(Stage.VERIFIED if holds else Stage.FAILED, proof=proof, told=account)

    async def _proof(self) -> Proof | None:
        """Return the new books held against the old ones; None, and why, where either cannot be read."""
        self._trouble = ""
        try:
            return await asyncio.to_thread(partial(proof_of, self.books.place, self._target()))
        except BooksError as error:
            self._trouble = str(error)
            return None

    def _failing_account(self) -> Told | None:
        """Return the neighbours' account where it does not hold: neither a kill nor another pass makes that good."""
        told = self._must_have_journal().told
        return None if told is None or told.holds else told

    async def _switch(self) -> None:
        """Let the new books serve, proved once more now that they are ours alone: somebody may have changed them."""
        new, old = must_be_there(self._target()), self.books.place
        books = await new.open(self.books.disk)
        try:
            proof = await self._proof()
            if proof is None or not proof.holds:
                books.close()
                self._reach(Stage.FAILED, proof=proof)
                return
            self._reach(Stage.SWITCHED, serving=new.name, target=old.name)
        except BaseException:
            books.close()
            raise
        self.books.change_for(new, books)

    async def _roll_back(self) -> None:
        await self._stop_pass()
        given_up = self._target()
        if self.stage is Stage.SWITCHED:
            given_up, old = self.books.place, must_be_there(self._target())
            books = await old.open(self.books.disk)
            try:
                await asyncio.to_thread(partial(level_starts, books, old, given_up))
                self._reach(Stage.ROLLED_BACK, serving=old.name, target="")
            except BaseException:
                books.close()
                raise
            self.books.change_for(old, books)
        else:
            await asyncio.to_thread(
                given_up.remove
            )  # first: on a disk that they have filled the journal finds room only so
            self._reach(Stage.ROLLED_BACK, target="")
        self._trouble = ""
        self.books.frozen = False
        await asyncio.to_thread(given_up.remove)

    # --- a pass ---

    def _begin_pass(self) -> None:
        self._go_on, self._trouble = True, ""
        self._refused.clear()
        self._refused_rows.clear()
        self._pass = asyncio.get_running_loop().create_task(self._make_pass())

    async def _stop_pass(self) -> None:
        self._go_on = False
        if self._pass is not None:
            await self._pass
            self._pass = None

    async def _make_pass(self) -> None:
        """Move what differs, at the rate that was asked for, and say when it is done; or why it broke off."""
        journal = self._must_have_journal()
        rows_max = STEP_ROWS_MAX
        if journal.rows_per_s:
            rows_max = max(1, min(rows_max, journal.rows_per_s // _STEPS_PER_S))
        try:
            done = await self._carry_all(journal.rows_per_s, rows_max)
            if done:
                self._reach(Stage.COPIED if journal.stage is Stage.COPYING else Stage.MIGRATED)
        except BooksError as error:
            self._broke_off(str(error))
        except Exception as error:  # noqa: BLE001 - a pass that died without a word would be waited for, for ever
            self._broke_off(told_of(error))

    def _broke_off(self, why: str) -> None:
        self._trouble = why
        say("move.broke-off", node=self._node, why=why)

    async def _carry_all(self, rows_per_s: int, rows_max: int) -> bool:
        """Return whether the pass came to its end."""
        old = await asyncio.to_thread(self.books.place.shelf)
        try:
            new = await asyncio.to_thread(self._target().made_like, self.books.place)
            try:
                going = move(old, new, rows_max)
                began_s, moved = time.monotonic(), 0
                while self._go_on and (step := await asyncio.to_thread(next, going, None)) is not None:
                    self._count(step)
                    moved += step.moved
                    if rows_per_s:
                        await asyncio.sleep(began_s + moved / rows_per_s - time.monotonic())
                return self._go_on
            finally:
                await asyncio.to_thread(new.close)
        finally:
            await asyncio.to_thread(old.close)

    def _count(self, step: Moved) -> None:
        self._moved[step.table] = self._moved.get(step.table, 0) + step.moved
        if step.refused:
            self._refused_rows[step.table] = self._refused_rows.get(step.table, 0) + len(step.refused)
            self._refused += step.refused[: LISTED_MAX - len(self._refused)]

    # --- what is written down ---

    async def _begin(self, stage: Stage, rows_per_s: int = 0) -> None:
        """Begin a move at ``stage``; where that cannot be written down, none has begun."""
        before = self._journal, self._moved
        await self._renew()
        try:
            self._reach(stage, rows_per_s=rows_per_s)
        except BooksError:
            self._journal, self._moved = before
            raise

    async def _renew(self) -> None:
        """Choose the place of new books, for a move that begins; what an earlier one left there goes."""
        serving, server = self.books.place.name, read_server(self._folder)
        target = await asyncio.to_thread(partial(following, self._folder, self._node, serving, server))
        self._journal = Journal(stage=Stage.ROLLED_BACK, serving=serving, target=target.name)
        self._moved = {}
        await asyncio.to_thread(target.remove)

    def _reach(self, stage: Stage, **changes: object) -> None:
        """Write down that the move has come to ``stage``."""
        journal = self._must_have_journal()
        reached = msgspec.structs.replace(
            journal,
            stage=stage,
            moved=dict(self._moved),
            refused=tuple(self._refused),
            refused_rows=dict(self._refused_rows),
            since_us=journal.since_us | {stage.value: self._clock.now_us()},
            **changes,
        )
        write_journal(self._folder, self._node, reached)
        self._journal = reached

    def _must_have_journal(self) -> Journal:
        assert self._journal is not None  # every step but the first finds one, and the first makes one
        return self._journal

    def _target(self) -> Place:
        return place_named(self._folder, self._must_have_journal().target)
