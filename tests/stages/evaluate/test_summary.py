"""The screen says what came out, and nothing that did not."""

from stages.evaluate.summary import summary

SCORES = {
    "accuracy": 0.898,
    "accuracy_ci95_low": 0.8845,
    "accuracy_ci95_high": 0.911,
    "margin_accuracy": 0.03,
    "margin_accuracy_ci95_low": 0.0142,
    "margin_accuracy_ci95_high": 0.0442,
    "log_loss": 0.2523,
    "log_loss_ci95_low": 0.228,
    "log_loss_ci95_high": 0.2767,
    "baseline": {"accuracy": 0.868, "log_loss": 0.3138, "characters": 1},
    "rows": 2000,
    "clusters": 80,
    "slices": {"looked_at": 8, "worse": 1},
    "label_errors": {"train": 139, "test": 81},
    "behaviour": {"cases": 65, "failure_rate": 0.1231},
}
DATA = {"rows_read": 33530, "rows_unused": 13868, "rows_dropped": {"filter": 8530, "empty": 0, "near_duplicate": 29}}


def test_what_a_user_should_know_is_on_the_screen() -> None:
    screen = summary(SCORES, DATA, {"test": {"truncated_fraction": 0.413, "unknown_fraction": 0.61}})
    for expected in (
        "2,000 test rows, 80 clusters",
        "0.898 [0.884, 0.911]",
        "linear, characters",
        "+0.030 [0.014, 0.044]",
        "33,530 rows read; left out: filter 8,530, near duplicate 29, unused 13,868",
        "41% of the test texts are longer",
        "61% of the test tokens are unknown",
        "slices.csv: 1 of 8",
        "behaviour_failures.csv: 8 of 65 cases fail",
        "139 labels in train and 81 in test",
    ):
        assert expected in screen
    assert "empty" not in screen
    assert max(map(len, screen.splitlines())) <= 120


def test_nothing_to_say_is_not_said() -> None:
    quiet = {
        **SCORES,
        "clusters": 2000,
        "slices": {"looked_at": 8, "worse": 0},
        "label_errors": {"train": 0, "test": 0},
    }
    del quiet["behaviour"]
    screen = summary(quiet, {"rows_read": 280}, {"test": {"truncated_fraction": 0.0}})
    assert "none left out" in screen
    assert all(
        word not in screen for word in ("clusters", "longer", "unknown", "slices.csv", "behaviour", "label_errors")
    )
