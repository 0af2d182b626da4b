"""The System screen's line on the model that scores flows."""

from __future__ import annotations

import pytest

from pandora_core.store.rows import Drift, ModelStatus
from pandora_tui.stories.system import model_line
from pandora_tui.style import Role

LIVE = ModelStatus(number=3, name="office", state="live", detail="calibrated on 1,000 local flows", since_us=1)
STRONG = Drift("strong", 5_000, "training", 0.4, {"bytes_per_s": 0.9, "packets": 0.02})


@pytest.mark.parametrize(
    ("status", "said", "role"),
    [
        (ModelStatus(), "none is promoted", Role.MUTED),
        (LIVE, "3 office, live, calibrated on 1,000 local flows", Role.TEXT),
        (
            ModelStatus(number=3, name="office", state="live", drift=STRONG),
            "strong drift: score, bytes_per_s",
            Role.WARN,
        ),
        (
            ModelStatus(number=3, name="office", state="live", drift=Drift("moderate", 5_000, "training", 0.2)),
            "3 office, live, moderate drift: score",
            Role.TEXT,
        ),
        (ModelStatus(state="refused", detail="model 1 is an unsigned candidate"), "unsigned candidate", Role.WARN),
    ],
    ids=["none", "live", "strong drift", "moderate drift", "refused"],
)
def test_it_says_which_model_is_at_work_and_what_is_to_be_looked_at(status, said, role):
    label, text = model_line(status, 100)
    assert label.text.strip() == "model"
    assert said in text.text
    assert text.role is role
