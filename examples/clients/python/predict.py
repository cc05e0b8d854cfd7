"""Asks the model `digits` for the rows of a CSV file: predict.py ADDRESS FILE. The last column is the truth."""

import queue
import sys

import numpy as np
import tritonclient.grpc as triton

BATCH_ROWS = 32
TIMEOUT_SECONDS = 10


def request(rows: np.ndarray) -> list[triton.InferInput]:
    features = triton.InferInput("features", rows.shape, "FP32")
    features.set_data_from_numpy(rows)
    return [features]


def best_class(result: triton.InferResult) -> np.ndarray:
    return result.as_numpy("probabilities").argmax(axis=1)


def predict_unary(client: triton.InferenceServerClient, rows: np.ndarray) -> np.ndarray:
    """One call for every 32 rows."""
    batches = [rows[start : start + BATCH_ROWS] for start in range(0, len(rows), BATCH_ROWS)]
    answers = [client.infer("digits", request(batch), client_timeout=TIMEOUT_SECONDS) for batch in batches]
    return np.concatenate([best_class(answer) for answer in answers])


def predict_stream(client: triton.InferenceServerClient, rows: np.ndarray) -> np.ndarray:
    """One stream for all rows; its thread puts each answer into a queue while the next rows are sent."""
    answers: "queue.Queue[tuple]" = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i, row in enumerate(rows):
        client.async_stream_infer("digits", request(row[np.newaxis]), request_id=str(i))
    predictions = np.empty(len(rows), dtype=np.int64)
    for _ in rows:
        result, error = answers.get(timeout=TIMEOUT_SECONDS)
        if error is not None:
            raise error
        predictions[int(result.get_response().id)] = best_class(result)[0]
    client.stop_stream()
    return predictions


def main(address: str, path: str) -> None:
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    rows, truth = np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)
    with triton.InferenceServerClient(address) as client:
        for name, predict in [("unary", predict_unary), ("stream", predict_stream)]:
            right = int((predict(client, rows) == truth).sum())
            print(f"{name}: {right} of {len(rows)} right")


if __name__ == "__main__":
    main(*sys.argv[1:])
