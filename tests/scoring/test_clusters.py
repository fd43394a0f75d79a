"""Rows that belong together are in one cluster."""

import numpy as np

from scoring.clusters import RUN_ROWS, Clusters, grouped_rows, known_clusters, neighbouring_rows


def members(clusters: Clusters) -> list[list[int]]:
    return sorted(np.flatnonzero(clusters.of_row == number).tolist() for number in range(clusters.count))


def test_rows_of_a_group_stay_together_and_the_others_stand_alone() -> None:
    clusters = grouped_rows(["b", "", "a", "b", "", "a"], np.array([0, 0, 1, 1, 0, 1]))
    assert members(clusters) == [[0, 3], [1], [2, 5], [4]]
    assert clusters.sizes.tolist() == [4]  # group b has rows of two classes: groups can't be drawn class by class
    assert grouped_rows(["a", "b", "c", "d", "a"], np.array([0, 0, 1, 1, 0])).sizes.tolist() == [2, 2]


def test_neighbours_of_a_class_are_found_whatever_their_order() -> None:
    random = np.random.default_rng(0)
    rows = random.permutation(np.r_[1:8, 101:108])
    truth = (rows > 100).astype(int)
    clusters = neighbouring_rows([f"a:b.csv:{row}" for row in rows], truth, 3)
    assert sorted(sorted(rows[group].tolist()) for group in members(clusters)) == [
        [1, 2, 3],
        [4, 5, 6, 7],  # what is left over joins the last run
        [101, 102, 103],
        [104, 105, 106, 107],
    ]
    assert clusters.sizes.tolist() == [2, 2]


def test_groups_come_before_neighbours_and_neighbours_before_single_rows() -> None:
    truth, places = np.zeros(100, int), [f"a:{row}" for row in range(100)]
    assert known_clusters(["a", "b"] * 50, places, truth, 100).count == 2
    assert known_clusters([""] * 100, places, truth, 100).count == 100 // RUN_ROWS
    assert known_clusters([""] * 100, places, truth, 5).count == 20
    assert known_clusters([""] * 100, places, truth, None).count == 100


def test_classes_of_one_cluster_are_drawn_together() -> None:
    truth = np.repeat([0, 1, 2], [20, 4, 3])
    clusters = neighbouring_rows([f"a:{row}" for row in range(27)], truth, 5)
    assert clusters.sizes.tolist() == [4, 2]
