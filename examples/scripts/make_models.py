"""Trains the three demo models on scikit-learn's bundled data sets and writes them as a Triton model repository.

Usage, from the project's root:

    python -m venv .venv && .venv/bin/pip install -r examples/scripts/requirements.txt
    .venv/bin/python examples/scripts/make_models.py

It writes examples/repository/<model>/1/model.onnx and, as data that no model has seen, the held-out rows in
examples/data/<model>.csv: one column per feature, then `target`. Every random choice is seeded and names that the
converter would draw at random are fixed, so a second run with the same packages writes the same bytes.
"""

import csv
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 2026
HELD_OUT_FRACTION = 0.3
# Old enough for every ONNX Runtime still in use, new enough for all operators needed here.
TARGET_OPSET = {"": 17, "ai.onnx.ml": 3}
EXAMPLES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Demo:
    """One demo model: its data, its untrained estimator and the converter options that differ from the default."""

    name: str
    data: object
    estimator: object
    options: dict | None
    stratify: bool


def demos() -> list[Demo]:
    return [
        # Converted with default options, so the file ends in a ZipMap, as most scikit-learn exports do.
        Demo(
            name="breast_cancer",
            data=load_breast_cancer(),
            estimator=make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=SEED)),
            options=None,
            stratify=True,
        ),
        # Converted without ZipMap: the probabilities are a tensor, which the classification extension needs under Triton.
        Demo(
            name="digits",
            data=load_digits(),
            estimator=make_pipeline(
                StandardScaler(),
                MLPClassifier(hidden_layer_sizes=(100,), alpha=0.01, max_iter=300, random_state=SEED),
            ),
            options={"zipmap": False},
            stratify=True,
        ),
        # Raw units (years, mm Hg, mg/dl) instead of the bundled normalisation, which was computed over held-out rows too.
        Demo(
            name="diabetes",
            data=load_diabetes(scaled=False),
            estimator=make_pipeline(
                StandardScaler(),
                GradientBoostingRegressor(n_estimators=120, max_depth=2, learning_rate=0.05, random_state=SEED),
            ),
            options=None,
            stratify=False,
        ),
    ]


def export(demo: Demo, fitted) -> bytes:
    width = demo.data.data.shape[1]
    model = convert_sklearn(
        fitted,
        name=demo.name,  # the default is a random identifier
        initial_types=[("features", FloatTensorType([None, width]))],
        target_opset=TARGET_OPSET,
        options=demo.options,
    )
    return model.SerializeToString(deterministic=True)


def number(value: float) -> str:
    """The shortest text that reads back as the same double; whole numbers without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def write_held_out(demo: Demo, rows: np.ndarray, targets: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*demo.data.feature_names, "target"])
        for row, target in zip(rows, targets):
            writer.writerow([*map(number, row), number(target)])


def check(demo: Demo, fitted, model: bytes, rows: np.ndarray, targets: np.ndarray) -> None:
    """ONNX Runtime must say what scikit-learn says, except for rows where single precision moves a tie."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    answer = np.asarray(session.run(None, {"features": rows.astype(np.float32)})[0]).reshape(-1)
    expected = fitted.predict(rows)
    if demo.stratify:
        agreement = float(np.mean(answer == expected))
        if agreement < 0.99:
            sys.exit(
                f"{demo.name}: ONNX Runtime agrees with scikit-learn on {agreement:.1%} of the rows, expected 99% or more"
            )
    else:
        np.testing.assert_allclose(answer, expected, rtol=1e-3)
    print(f"{demo.name}: {len(model)} bytes, {len(rows)} held-out rows, score {fitted.score(rows, targets):.4f}")


def main() -> None:
    for demo in demos():
        features, targets = np.asarray(demo.data.data), np.asarray(demo.data.target)
        train_x, test_x, train_y, test_y = train_test_split(
            features,
            targets,
            test_size=HELD_OUT_FRACTION,
            random_state=SEED,
            stratify=targets if demo.stratify else None,
        )
        fitted = demo.estimator.fit(train_x, train_y)
        model = export(demo, fitted)
        check(demo, fitted, model, test_x, test_y)
        path = EXAMPLES / "repository" / demo.name / "1" / "model.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model)
        write_held_out(demo, test_x, test_y, EXAMPLES / "data" / f"{demo.name}.csv")


if __name__ == "__main__":
    # The converter lists the opset imports in the order of a set of strings, which Python draws at each start.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
