"""The Vault screen on a stand-in agent: what is shown, for how long, and that nothing of it waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pandora_core.store.reader import Reader
from pandora_core.vault.agent.answers import VerifyReport
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.totp import Recipe
from pandora_tui.app import PandoraApp
from pandora_tui.desks.reveal import CODES_S, NOTHING, VALUES_S, Reveal
from pandora_tui.messages import VaultState
from pandora_tui.screens import vault_forms
from pandora_tui.screens.threats import LOOK_AGAIN_S
from tests.tui import stored
from tests.tui.stored import shown, until
from tests.tui.vault_stand_in import CANARY, PASSPHRASE, VaultStandIn

NORMAL, WIDE = (80, 24), (160, 48)

Snap = Callable[..., bool]


def console(folder: Path, vault: VaultStandIn, place: str = "vault") -> PandoraApp:
    if vault.state != "absent":
        (folder / "vault.db").touch(mode=0o600)
    return stored.console(folder, place=place, vault_client=vault)


async def sees(pilot: Pilot[None], *words: str) -> None:
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))


async def opened(pilot: Pilot[None]) -> None:
    await sees(pilot, "ibm-quantum", "cloud")


async def test_a_vault_is_made_from_the_screen(tmp_path: Path) -> None:
    vault = VaultStandIn(state="absent")
    app = console(tmp_path, vault)
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "There is no vault yet")
        await pilot.press("i", *"too short", "enter", *"too short", "enter", "enter")
        await sees(pilot, "12 characters or more")
        await pilot.press("escape", "i", *PASSPHRASE, "enter", *PASSPHRASE, "enter", "enter")
        await sees(pilot, "integrity verified", "no entry yet")
    assert vault.asked == ["init high"]


async def test_unlocking_keeps_the_rest_of_the_console_going(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    vault = VaultStandIn()
    vault.hold.clear()
    async with console(tmp_path, vault).run_test(size=NORMAL) as pilot:
        await sees(pilot, "The vault is locked", "entries      hidden", "1, taken in at the next unlock")
        await pilot.press("u", *PASSPHRASE, "enter")
        await sees(pilot, "unlocking")
        await pilot.press("2")
        await sees(pilot, "Threats", "svc_backup")  # while the key is being derived
        vault.hold.set()
        await pilot.press("5")
        await opened(pilot)
        assert pilot.app.status.vault is VaultState.OPEN


async def test_a_wrong_passphrase_is_said_and_can_be_typed_again(tmp_path: Path) -> None:
    async with console(tmp_path, VaultStandIn()).run_test(size=NORMAL) as pilot:
        await sees(pilot, "The vault is locked")
        await pilot.press("u", *"wrong", "enter")
        await sees(pilot, "opens no slot")
        await pilot.press("u", *PASSPHRASE, "enter")
        await opened(pilot)


async def test_a_value_is_masked_until_it_is_revealed_and_goes_when_the_cursor_moves(tmp_path: Path) -> None:
    vault = VaultStandIn(state="unlocked")
    async with console(tmp_path, vault).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        assert CANARY not in shown(pilot.app)
        await pilot.press("space")
        await sees(pilot, CANARY, "hidden again in")
        await pilot.press("j")
        await sees(pilot, "jump host  login")
        assert CANARY not in shown(pilot.app)
        await pilot.press("k", "space")
        await sees(pilot, CANARY)
        await pilot.press("escape")
        await until(pilot, lambda: CANARY not in shown(pilot.app))


@pytest.mark.parametrize("key", ["1", "L", "A"])
async def test_a_value_goes_when_the_screen_is_left_or_the_vault_locked(tmp_path: Path, key: str) -> None:
    vault = VaultStandIn(state="unlocked")
    async with console(tmp_path, vault).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("space")
        await sees(pilot, CANARY)
        await pilot.press(key)
        await until(pilot, lambda: CANARY not in shown(pilot.app))
        if key == "L":
            await sees(pilot, "The vault is locked")
            assert "ibm-quantum" not in shown(pilot.app)
            return
        await pilot.press("escape", "5")
        await opened(pilot)
        assert CANARY not in shown(pilot.app)


async def test_enter_shows_what_is_no_secret_only(tmp_path: Path) -> None:
    async with console(tmp_path, VaultStandIn(state="unlocked")).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("j", "enter")
        await sees(pilot, "ann")
        assert "hunter2" not in shown(pilot.app)


async def test_one_time_codes_count_down(tmp_path: Path) -> None:
    async with console(tmp_path, VaultStandIn(state="unlocked")).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("end", "T")
        await sees(pilot, "code", "hidden again in")
        assert "JBSWY3DPEHPK3PXP" not in shown(pilot.app)


async def test_an_entry_is_found_by_some_of_its_letters(tmp_path: Path) -> None:
    async with console(tmp_path, VaultStandIn(state="unlocked")).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("slash", *"jmp")
        await sees(pilot, "jump host")
        assert "ibm-quantum" not in shown(pilot.app)
        await pilot.press(*"zzz")
        await sees(pilot, "nothing like it")
        await pilot.press("escape")
        await opened(pilot)


async def test_entries_are_added_edited_rotated_and_removed(tmp_path: Path) -> None:
    vault = VaultStandIn(state="unlocked")
    async with console(tmp_path, vault).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("n", *"taxii", "enter", "enter", *"abc123", "enter", "enter", *"feed", "enter", "enter")
        await sees(pilot, "taxii", "feed")
        await pilot.press("end", "e", *"-eu", "enter", "enter", "enter")
        await sees(pilot, "taxii-eu")
        await pilot.press("R", *"NEWER", "enter")
        await until(pilot, lambda: vault._values["taxii-eu"]["token"] == b"NEWER")
        await pilot.press("x")
        await sees(pilot, "Remove the entry?")
        await pilot.press("y")
        await until(pilot, lambda: "taxii-eu" not in shown(pilot.app))


async def test_the_audit_trail_says_what_verifying_found(tmp_path: Path) -> None:
    vault = VaultStandIn(state="unlocked")
    async with console(tmp_path, vault).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("A")
        await sees(pilot, "integrity verified, freshness unknown", "sso 3x", "ann@soc-1")
        await pilot.press("escape")
        vault.report = VerifyReport(sound=False, problems=("record 2 does not follow record 1",))
        await pilot.press("A")
        await sees(pilot, "broken: record 2 does not follow record 1")


async def test_the_ways_in_are_listed(tmp_path: Path) -> None:
    async with console(tmp_path, VaultStandIn(state="unlocked")).run_test(size=NORMAL) as pilot:
        await opened(pilot)
        await pilot.press("W")
        await sees(pilot, "night shift", "Argon2id 256 MiB", "any 2 of 3 shares", "age1pq1zz")


async def test_the_evidence_of_an_alert_is_sealed_while_the_vault_is_locked(tmp_path: Path) -> None:
    store = stored.fill(tmp_path)
    vault = VaultStandIn()
    async with console(tmp_path, vault, "threats").run_test(size=NORMAL) as pilot:
        await sees(pilot, "svc_backup", "Security.json:48122")
        await pilot.pause(LOOK_AGAIN_S)
        await pilot.press("e")
        await until(pilot, lambda: Reader(store).alert("A-3f9c1b2a").view.triage.notes)
    (file,) = (tmp_path / "evidence").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert b'"EventID' in vault.sealed
    assert b"A-3f9c1b2a" in vault.sealed
    assert "cd" * 48 in Reader(store).alert("A-3f9c1b2a").view.triage.notes[-1].value


async def test_without_a_vault_sealing_says_how_to_get_one(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    async with console(tmp_path, VaultStandIn(state="absent"), "threats").run_test(size=NORMAL) as pilot:
        await sees(pilot, "svc_backup")
        await pilot.pause(LOOK_AGAIN_S)
        await pilot.press("e")
        assert [note.message for note in pilot.app._notifications] == ["there is no vault yet: 5 i makes one"]


def test_what_is_revealed_ends_by_itself_and_a_seed_is_wiped() -> None:
    now = [1000.0]
    reveal = Reveal(lambda: now[0], lambda: now[0])
    reveal.values({"token": CANARY})
    now[0] += VALUES_S - 1
    reveal.tick()
    assert (reveal.showing.values, reveal.showing.seconds_left) == ({"token": CANARY}, 1)
    now[0] += 1
    reveal.tick()
    assert reveal.showing is NOTHING
    seed = Secret.copy_of(b"12345678901234567890")
    reveal.codes(Recipe(), seed)
    assert reveal.showing.code is not None
    now[0] += CODES_S
    reveal.tick()
    assert reveal.showing is NOTHING
    with pytest.raises(ValueError, match="released"):
        seed.view[0]


def test_forms_say_what_is_wrong() -> None:
    values = {"passphrase": "a" * 12, "again": "a" * 12, "profile": "high", "label": ""}
    assert vault_forms.check_new_vault(values) == ""
    assert "not the same" in vault_forms.check_new_vault({**values, "again": "b"})
    assert "profiles" in vault_forms.check_new_vault({**values, "profile": "quick"})
    assert "label" in vault_forms.check_new_slot(values)
    assert "kinds" in vault_forms.check_entry({"name": "a", "kind": "b", "value": "c"})


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
@pytest.mark.parametrize("state", ["absent", "locked", "unlocked"])
def test_how_the_vault_looks(snap_compare: Snap, tmp_path: Path, state: str, size: tuple[int, int]) -> None:
    words = {"absent": "There is no vault", "locked": "The vault is locked", "unlocked": "cloud"}

    async def settle(pilot: Pilot[None]) -> None:
        await sees(
            pilot, words[state], {"absent": "no vault", "locked": "vault locked", "unlocked": "vault open"}[state]
        )
        await pilot.pause()

    assert snap_compare(console(tmp_path, VaultStandIn(state=state)), run_before=settle, terminal_size=size)
