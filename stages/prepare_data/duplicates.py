"""Drop texts that are empty, copies or near copies."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer

from stages.common.errors import UserError
from stages.common.params import DataParams
from stages.prepare_data.columns import GIVEN
from stages.prepare_data.copy_key import copy_key
from stages.prepare_data.given import check_given, drop_across, given_splits
from stages.prepare_data.notes import Notes
from stages.prepare_data.words import WORD

SHINGLE_WORDS = 5  # long enough that two reviews rarely share one by chance
COMMON_SHINGLE = 50  # a shingle in more texts than this is a set phrase, not a sign of copying


def drop_unusable(rows: pd.DataFrame, params: DataParams, note: Notes) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows that are left of rows with clean texts, and how many were dropped for each reason.

    Of texts that are alike, the first is kept, unless they are labelled differently: then none of them is.

    Raises:
        UserError: when no row is left.
    """
    keys = rows["text"].map(copy_key)
    dropped = {"empty": int((keys == "").sum())}
    rows, keys = rows[keys != ""], keys[keys != ""]
    dropped["across_splits"] = 0
    if (rows[GIVEN] != "").any():
        rows, dropped["across_splits"] = separate(rows, keys, params, note)
        keys = keys[rows.index]
    rows, dropped["exact_duplicate"], dropped["exact_duplicate_conflict"] = keep_first(rows, keys.to_numpy())
    if rows.empty:
        raise UserError(f"no row is left: {', '.join(f'{count:,} {reason}' for reason, count in dropped.items())}")
    groups = near_duplicate_groups(rows["text"], params.near_duplicate_similarity)
    rows, dropped["near_duplicate"], dropped["near_duplicate_conflict"] = keep_first(rows, groups)
    return rows.reset_index(drop=True), dropped


def separate(rows: pd.DataFrame, keys: pd.Series, params: DataParams, note: Notes) -> tuple[pd.DataFrame, int]:
    """Return the rows of given splits without those that are in another one too, and how many those were."""
    rows = rows.assign(**{GIVEN: given_splits(rows)})
    check_given(rows)
    exact = pd.factorize(keys)[0]
    first = np.unique(exact, return_index=True)[1]
    near = near_duplicate_groups(rows["text"].iloc[first], params.near_duplicate_similarity)[exact]
    together = pd.factorize(rows["group"].where(rows["group"] != ""))[0]  # -1 without a group
    across = drop_across(rows, [near, together], params, note)
    return rows[~across], int(across.sum())


def keep_first(rows: pd.DataFrame, groups: np.ndarray) -> tuple[pd.DataFrame, int, int]:
    """Return the first row of each group of one label, and how many were dropped as copies and as conflicting."""
    own = rows[GIVEN].isin(["train", ""]).to_numpy()  # a given test or validation split stays as it is
    groups = np.where(own, pd.factorize(groups)[0], -1 - np.arange(len(rows)))
    grouped = rows.groupby(groups, sort=False)["label"]
    conflict = (grouped.transform("nunique") > 1).to_numpy()
    copy = (grouped.cumcount() > 0).to_numpy() & ~conflict
    return rows[~copy & ~conflict], int(copy.sum()), int(conflict.sum())


def near_duplicate_groups(texts: pd.Series, similarity: float) -> np.ndarray:
    """Return a group number for each text, int (n,): texts in one group are near duplicates of one another.

    Two texts are near duplicates when they share at least `similarity` of the shorter one's word 5-grams (shingle
    containment: Broder, On the resemblance and containment of documents, 1997), so that an excerpt counts as a copy
    of the whole. The comparison is exact, except that shingles of more than COMMON_SHINGLE texts don't count.
    """
    vectorizer = HashingVectorizer(
        ngram_range=(SHINGLE_WORDS, SHINGLE_WORDS),
        token_pattern=WORD,
        norm=None,
        alternate_sign=False,
        n_features=2**24,
    )
    shingles = vectorizer.transform(texts)
    shingles.data[:] = 1
    total = np.asarray(shingles.sum(axis=1)).ravel()
    frequency = np.bincount(shingles.indices, minlength=shingles.shape[1])
    shared_only = csr_matrix(shingles[:, np.flatnonzero((frequency > 1) & (frequency <= COMMON_SHINGLE))])
    shared = (shared_only @ shared_only.T).tocoo()
    alike = shared.data >= similarity * np.minimum(total[shared.row], total[shared.col])
    links = csr_matrix((alike[alike], (shared.row[alike], shared.col[alike])), shape=shared.shape)
    return connected_components(links, directed=False)[1]
