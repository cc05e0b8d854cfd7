"""Calls every implemented RPC through tritonclient.grpc as it comes from PyPI."""

import queue
import threading

import numpy as np
import tritonclient.grpc as triton
from checks import BAD_ITEM, STREAM_ITEMS, address, equal, run
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(address())


def tensor(name: str, values: np.ndarray, datatype: str) -> triton.InferInput:
    made = triton.InferInput(name, values.shape, datatype)
    made.set_data_from_numpy(values)
    return made


def row(i: int) -> np.ndarray:
    return np.array([[i, 1, 2, 3]], dtype=np.float32)


def fails(status: str, call, *arguments, **options) -> None:
    try:
        call(*arguments, **options)
    except InferenceServerException as error:
        equal(error.status(), f"StatusCode.{status}")
        assert error.message() != ""
        return
    raise AssertionError(f"the call answered, expected {status}")


def server() -> None:
    equal((client.is_server_live(), client.is_server_ready()), (True, True))
    equal(client.get_server_metadata().name, "sluice")
    equal(client.get_server_metadata(as_json=True)["name"], "sluice")


def metadata() -> None:
    equal((client.is_model_ready("digits"), client.is_model_ready("digits", "1")), (True, True))
    equal(client.get_model_metadata("digits", as_json=True)["inputs"][0]["shape"], ["-1", "64"])
    equal(client.get_model_config("digits").config.max_batch_size, 64)


def infer() -> None:
    for name, datatype, values in [
        ("identity_fp32", "FP32", np.array([[1, 2, 3, -4.5], [np.inf, -0.0, 1e-45, 0]], dtype=np.float32)),
        ("identity_int64", "INT64", np.array([[-(2**63), -1, 0, 2**63 - 1]], dtype=np.int64)),
        ("identity_string", "BYTES", np.array([["", "plain", "schön", "\n"]], dtype=np.object_)),
    ]:
        answer = client.infer(name, [tensor("X", values, datatype)], request_id="one")
        equal((answer.get_response().id, answer.get_response().model_version), ("one", "1"))
        got = answer.as_numpy("Y")
        if datatype == "BYTES":
            got = np.vectorize(lambda element: element.decode(), otypes=[np.object_])(got)
        assert got.dtype == values.dtype and np.array_equal(got, values), got


def several() -> None:
    inputs = [
        tensor("A", np.ones((2, 3), dtype=np.float32), "FP32"),
        tensor("B", np.ones((2, 2), dtype=np.int64), "INT64"),
    ]
    everything = client.infer("two_inputs_two_outputs", inputs)
    equal((everything.as_numpy("C").shape, everything.as_numpy("D").shape), ((2, 3), (2, 1)))
    one = client.infer("two_inputs_two_outputs", inputs, outputs=[triton.InferRequestedOutput("D")])
    assert one.as_numpy("C") is None
    assert np.array_equal(one.as_numpy("D"), everything.as_numpy("D"))


def classification() -> None:
    pixels = tensor("features", np.zeros((2, 64), dtype=np.float32), "FP32")
    wanted = [triton.InferRequestedOutput("probabilities", class_count=3)]
    classes = client.infer("digits", [pixels], outputs=wanted).as_numpy("probabilities")
    scores = client.infer("digits", [pixels]).as_numpy("probabilities")
    equal(classes.shape, (2, 3))
    value, index, _label = classes[0][0].decode().split(":")
    equal(int(index), int(scores[0].argmax()))
    assert abs(float(value) - scores[0].max()) < 1e-5


def asynchronous() -> None:
    answers: "queue.Queue[tuple]" = queue.Queue()
    for i in range(STREAM_ITEMS):
        client.async_infer(
            "identity_fp32", [tensor("X", row(i), "FP32")], lambda result, error: answers.put((result, error)), request_id=str(i)
        )
    seen = {}
    for _ in range(STREAM_ITEMS):
        result, error = answers.get(timeout=60)
        assert error is None, error
        seen[int(result.get_response().id)] = result.as_numpy("Y")[0][0]
    equal(seen, {i: float(i) for i in range(STREAM_ITEMS)})


def stream() -> None:
    answers: "queue.Queue[tuple]" = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(STREAM_ITEMS):
        model = "none" if i == BAD_ITEM else "identity_fp32"
        client.async_stream_infer(model, [tensor("X", row(i), "FP32")], request_id=f"item-{i}")
    for i in range(STREAM_ITEMS):
        result, error = answers.get(timeout=60)
        if i == BAD_ITEM:
            assert isinstance(error, InferenceServerException) and "none" in str(error), error
        else:
            assert error is None, error
            equal((result.get_response().id, result.as_numpy("Y")[0][0]), (f"item-{i}", float(i)))
    client.stop_stream()


def decoupled() -> None:
    """Each row comes in an answer of its own; no rows come in none, but for the final flag when it is asked for."""
    answers: "queue.Queue[tuple]" = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))

    def final_of(result) -> bool:
        return result.get_response().parameters["triton_final_response"].bool_param

    for rows in (3, 0):
        values = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
        client.async_stream_infer(
            "decoupled_rows", [tensor("X", values, "FP32")], request_id=str(rows), enable_empty_final_response=True
        )
    seen = {"0": [], "3": []}
    for _ in range(4):
        result, error = answers.get(timeout=60)
        assert error is None, error
        seen[result.get_response().id].append((result.as_numpy("Y"), final_of(result)))
    equal([final for _, final in seen["3"]], [False, False, True])
    assert np.array_equal(np.concatenate([rows for rows, _ in seen["3"]]), np.arange(12).reshape(3, 4))
    equal(seen["0"], [(None, True)])
    client.async_stream_infer("decoupled_rows", [tensor("X", np.zeros((0, 4), dtype=np.float32), "FP32")])
    client.async_stream_infer("identity_fp32", [tensor("X", row(7), "FP32")], request_id="next")
    result, _ = answers.get(timeout=60)
    equal(result.get_response().id, "next")
    client.stop_stream()
    fails("UNIMPLEMENTED", client.infer, "decoupled_rows", [tensor("X", row(0), "FP32")])
    assert client.get_model_config("decoupled_rows").config.model_transaction_policy.decoupled


def sequences() -> None:
    """Parameters of sequences in both kinds of calls; the state is the server's."""

    def options(i: int, count: int) -> dict:
        return {"sequence_start": i == 0, "sequence_end": i == count - 1}

    one = np.array([[1]], dtype=np.float32)
    for sequence_id in (17, "seventeen"):
        for i in range(3):
            answer = client.infer("sum", [tensor("X", one, "FP32")], sequence_id=sequence_id, **options(i, 3))
            equal(answer.as_numpy("Y").tolist(), [[i + 1]])
    answers: "queue.Queue[tuple]" = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(20):
        for sequence_id in (1, 2, "three"):
            given = options(i, 20)
            client.async_stream_infer("sum", [tensor("X", one, "FP32")], sequence_id=sequence_id, **given)
    client.async_stream_infer("sum", [tensor("X", one, "FP32")], sequence_id=4)
    for i in range(20):
        for _ in range(3):
            result, error = answers.get(timeout=60)
            assert error is None, error
            equal(result.as_numpy("Y").tolist(), [[i + 1]])
    _, error = answers.get(timeout=60)
    assert "inference request for sequence 4 to model 'sum' must specify the START flag" in error.message()
    client.stop_stream()
    fails("INVALID_ARGUMENT", client.infer, "sum", [tensor("X", one, "FP32")])


def grpc_error() -> None:
    """With `triton_grpc_error` the stream ends with the status of its first bad item, as Triton's does."""
    ended = threading.Event()
    errors = []

    def on_answer(result, error) -> None:
        if error is not None:
            errors.append(error.status())
            ended.set()

    client.start_stream(on_answer, headers={"triton_grpc_error": "true"})
    client.async_stream_infer("none", [tensor("X", row(0), "FP32")])
    assert ended.wait(60)
    equal(errors[0], "StatusCode.NOT_FOUND")
    client.stop_stream()


def errors() -> None:
    x = [tensor("X", row(0), "FP32")]
    fails("NOT_FOUND", client.infer, "none", x)
    fails("NOT_FOUND", client.infer, "identity_fp32", x, model_version="9")
    fails("INVALID_ARGUMENT", client.infer, "identity_fp32", [tensor("Z", row(0), "FP32")])
    fails("INVALID_ARGUMENT", client.infer, "identity_fp32", [tensor("X", np.ones((1, 3), dtype=np.float32), "FP32")])
    fails("INVALID_ARGUMENT", client.infer, "identity_fp32", [tensor("X", np.ones((1, 4), dtype=np.int64), "INT64")])
    fails("NOT_FOUND", client.get_model_config, "none")
    fails("UNIMPLEMENTED", client.get_system_shared_memory_status)
    fails("UNIMPLEMENTED", client.get_trace_settings)
    fails("UNIMPLEMENTED", client.get_log_settings)


def deadline() -> None:
    """1,000,000 rounds of the loop take more than a second; the client gives up after a tenth of one."""
    rounds = [tensor("iterations", np.array([[1_000_000]], dtype=np.int64), "INT64")]
    fails("DEADLINE_EXCEEDED", client.infer, "loop_slow", rounds, client_timeout=0.1)


def statistics() -> None:
    def successes() -> int:
        return client.get_inference_statistics("identity_fp32").model_stats[0].inference_stats.success.count

    before = successes()
    for i in range(3):
        client.infer("identity_fp32", [tensor("X", row(i), "FP32")])
    equal(successes(), before + 3)
    everything = client.get_inference_statistics(as_json=True)["model_stats"]
    assert {"digits", "identity_fp32"} <= {model["name"] for model in everything}


def repository() -> None:
    def state() -> str:
        index = client.get_model_repository_index(as_json=True)["models"]
        return next(model.get("state", "") for model in index if model["name"] == "diabetes")

    equal(client.is_model_ready("digits"), True)
    assert state() != "READY"
    client.load_model("diabetes")
    equal((state(), client.is_model_ready("diabetes")), ("READY", True))
    client.load_model("diabetes", config='{"max_batch_size": 5}')
    equal(client.get_model_config("diabetes").config.max_batch_size, 5)
    client.unload_model("diabetes")
    assert state() != "READY"
    fails("INTERNAL", client.load_model, "none")


def compression() -> None:
    values = np.ones((64, 4), dtype=np.float32)
    for algorithm in ("gzip", "deflate"):
        answer = client.infer("identity_fp32", [tensor("X", values, "FP32")], compression_algorithm=algorithm)
        assert np.array_equal(answer.as_numpy("Y"), values)


run(
    [
        server,
        metadata,
        infer,
        several,
        classification,
        asynchronous,
        stream,
        decoupled,
        sequences,
        grpc_error,
        errors,
        deadline,
        statistics,
        repository,
        compression,
    ]
)
