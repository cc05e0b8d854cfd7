"""Writes fixtures/ledoit-wolf.json: what scikit-learn's LedoitWolf makes of rows. Needs scikit-learn 1.9.1.

python3 make_covariance_fixture.py > fixtures/ledoit-wolf.json
"""

import json

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_breast_cancer

rng = np.random.default_rng(7)
mixing = rng.normal(size=(5, 5))
correlated = rng.normal(size=(40, 5)) @ mixing + 1000
few = rng.normal(size=(6, 8))
skewed = rng.exponential(size=(300, 3)) * [1, 10, 100]
cancer = load_breast_cancer().data[:120, :6]


def case(name, rows):
    plain = LedoitWolf().fit(rows)
    scaled = LedoitWolf().fit((rows - rows.mean(0)) / rows.std(0))
    deviations = rows.std(0)
    inverse = scaled.precision_ / np.outer(deviations, deviations)
    centered = rows - rows.mean(0)
    return {
        "name": name,
        "rows": [[float(f"{value:.9g}") for value in row] for row in rows.tolist()],
        "shrinkage": plain.shrinkage_,
        "covariance": plain.covariance_.ravel().tolist(),
        "scaledShrinkage": scaled.shrinkage_,
        "inverse": inverse.ravel().tolist(),
        "scores": np.einsum("ij,jk,ik->i", centered, inverse, centered)[:10].tolist(),
    }


def rounded(rows):
    return np.array([[float(f"{value:.9g}") for value in row] for row in rows])


cases = {"correlated": correlated, "few rows": few, "skewed": skewed, "breast cancer": cancer}
print(json.dumps([case(name, rounded(rows)) for name, rows in cases.items()], separators=(",", ":")))
