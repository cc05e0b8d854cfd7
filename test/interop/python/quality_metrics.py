"""Works out metrics with scikit-learn.

Reads JSON from standard input: {"task": "classification", "actual": [...], "predicted": [...], "scores": [[...]], "weights": [...],
"labels": [...], "betas": [...], "top": k, "zero_division": x} or {"task": "regression", "actual": [[...]], "predicted": [[...]], "weights": [...]}
or {"task": "isotonic", "scores": [...], "targets": [...], "weights": [...], "at": [...]}; or a list of these. Writes for each a JSON object of
numbers by name; a metric of a class or average is `name/label`. Undefined numbers are null.
"""

import json
import math
import sys
import warnings

import numpy as np
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

warnings.filterwarnings("ignore")


def classification(case: dict) -> dict:
    actual, predicted = np.asarray(case["actual"]), np.asarray(case["predicted"])
    weights = np.asarray(case["weights"], dtype=float)
    labels = case["labels"]
    zero_division = {"nan": math.nan}.get(case["zero_division"], case["zero_division"])
    found = {
        "accuracy/": metrics.accuracy_score(actual, predicted, sample_weight=weights),
        "balanced_accuracy/": metrics.balanced_accuracy_score(actual, predicted, sample_weight=weights),
    }
    for beta in case["betas"]:
        for average in [None, "macro", "weighted", "micro"]:
            scores = metrics.precision_recall_fscore_support(
                actual,
                predicted,
                beta=beta,
                labels=labels,
                average=average,
                sample_weight=weights,
                zero_division=zero_division,
            )
            for name, values in zip(["precision", "recall", f"f_beta({beta})"], scores):
                if average is None:
                    found |= {f"{name}/{label}": value for label, value in zip(labels, values)}
                else:
                    found[f"{name}/{average}"] = values
    if case["scores"]:
        found |= scored(case, actual, weights, labels)
    return found


def scored(case: dict, actual: np.ndarray, weights: np.ndarray, labels: list) -> dict:
    scores = np.asarray(case["scores"], dtype=np.float32)
    found = {"log_loss/": metrics.log_loss(actual, scores, sample_weight=weights, labels=labels)}
    for index, label in enumerate(labels):
        positive = actual == label
        if positive.any() and not positive.all():
            found[f"roc_auc/{label}"] = metrics.roc_auc_score(positive, scores[:, index], sample_weight=weights)
            found[f"average_precision/{label}"] = metrics.average_precision_score(
                positive, scores[:, index], sample_weight=weights
            )
    if len(labels) == 2:
        positive = (actual == labels[1]).astype(int)
        found["brier/"] = metrics.brier_score_loss(positive, scores[:, 1].astype(float), sample_weight=weights)
    else:
        found["brier/"] = metrics.brier_score_loss(actual, scores.astype(float), sample_weight=weights, labels=labels)
        found["top_k/"] = metrics.top_k_accuracy_score(
            actual, scores, k=case["top"], sample_weight=weights, labels=labels
        )
    return found


def regression(case: dict) -> dict:
    actual, predicted = np.asarray(case["actual"]), np.asarray(case["predicted"])
    weights = np.asarray(case["weights"], dtype=float)
    given = {"sample_weight": weights}
    found = {
        "mse/": metrics.mean_squared_error(actual, predicted, **given),
        "rmse/": metrics.root_mean_squared_error(actual, predicted, **given),
        "mae/": metrics.mean_absolute_error(actual, predicted, **given),
        "r2/": metrics.r2_score(actual, predicted, **given),
    }
    if actual.shape[1] > 1:
        each = metrics.r2_score(actual, predicted, multioutput="raw_values", **given)
        found |= {f"r2/{output}": value for output, value in enumerate(each)}
    return found


def isotonic(case: dict) -> dict:
    fitted = IsotonicRegression(out_of_bounds="clip").fit(case["scores"], case["targets"], case["weights"])
    return {str(index): value for index, value in enumerate(fitted.predict(case["at"]))}


def answer(case: dict) -> dict:
    found = {"classification": classification, "regression": regression, "isotonic": isotonic}[case["task"]](case)
    return {name: None if math.isnan(value) else float(value) for name, value in found.items()}


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    json.dump([answer(case) for case in cases], sys.stdout)
