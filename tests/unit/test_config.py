from __future__ import annotations

from pathlib import Path

import pytest

from pandora_core import config
from pandora_core.errors import ConfigError


def test_the_environment_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    (tmp_path / "pandora.toml").write_text("batch_size = 64\nscan_s = 2\n")
    settings = config.load(tmp_path, {"PANDORA_BATCH_SIZE": "128"})
    assert (settings.batch_size, settings.scan_s, settings.poll_s) == (128, 2.0, 0.2)


def test_the_data_folder_comes_from_the_option_then_pandora_data_then_xdg(tmp_path: Path) -> None:
    environment = {"PANDORA_DATA": str(tmp_path / "a"), "XDG_DATA_HOME": str(tmp_path / "b")}
    assert config.load(tmp_path / "c", environment).data == tmp_path / "c"
    assert config.load(None, environment).data == tmp_path / "a"
    del environment["PANDORA_DATA"]
    assert config.load(None, environment).data == tmp_path / "b" / "pandora"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batch_size = 0", "not between"),
        ("batch_size = 'many'", "no int"),
        ("batch_size = true", "expected int"),
        ("colour = 'red'", "no such setting"),
        ("batch_size =", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pandora.toml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        config.load(tmp_path, {})
    assert "pandora.toml" in str(caught.value) or "batch_size" in str(caught.value)


def test_the_data_folder_is_made_private(tmp_path: Path) -> None:
    folder = config.prepare_data_dir(tmp_path / "new")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_everybody_can_enter_is_refused_with_the_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        config.prepare_data_dir(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="data folder"):
        config.prepare_data_dir(tmp_path / "file")
