"""Predicts, then reports what turned out to be true, through stubs that grpcio-tools makes from proto/ (their folder is on PYTHONPATH)."""

import hashlib
import struct

import grpc
from checks import address, equal, run
from inference import grpc_service_pb2 as pb
from inference import grpc_service_pb2_grpc
from sluice.monitor.v1 import monitor_pb2 as monitor
from sluice.monitor.v1 import monitor_pb2_grpc

channel = grpc.insecure_channel(address())
inference = grpc_service_pb2_grpc.GRPCInferenceServiceStub(channel)
outcomes = monitor_pb2_grpc.MonitorServiceStub(channel)

ROWS = 3


def predict(prediction_id: str) -> pb.ModelInferResponse:
    request = pb.ModelInferRequest(model_name="digits", raw_input_contents=[bytes(4 * 64 * ROWS)])
    request.inputs.add(name="features", datatype="FP32", shape=[ROWS, 64])
    for name in ("probabilities", "sluice_prediction_token"):
        request.outputs.add(name=name)
    request.parameters["sluice_prediction_id"].string_param = prediction_id
    return inference.ModelInfer(request)


def tokens(answer: pb.ModelInferResponse) -> list[bytes]:
    [index] = [i for i, output in enumerate(answer.outputs) if output.name == "sluice_prediction_token"]
    raw = answer.raw_output_contents[index]
    found = []
    while raw:
        (size,) = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return found


def statuses(results) -> list[str]:
    return [monitor.OutcomeStatus.Name(result.status).removeprefix("OUTCOME_STATUS_") for result in results]


def by_id() -> None:
    answer = predict("")
    made = answer.parameters["sluice_prediction_id"].string_param
    assert made.startswith("sluice-"), made
    reported = [
        monitor.Outcome(prediction_id=made, row=1, class_index=5),
        monitor.Outcome(prediction_id=made, row=1, class_index=5),
        monitor.Outcome(prediction_id=made, row=ROWS, class_index=5),
        monitor.Outcome(prediction_id="never", class_index=5),
    ]
    answer = outcomes.ReportOutcomes(monitor.ReportOutcomesRequest(outcomes=reported))
    equal(statuses(answer.results), ["ACCEPTED", "DUPLICATE", "INVALID", "UNKNOWN"])
    equal([count.count for count in answer.counts], [1, 1, 1, 1])


def by_token() -> None:
    reported = [monitor.Outcome(prediction_token=token, class_index=5) for token in tokens(predict("own"))]
    equal(len(reported), ROWS)
    forged = monitor.Outcome(prediction_token=bytes(80), class_index=5)
    requests = [monitor.StreamOutcomesRequest(outcome=outcome) for outcome in [*reported, forged]]
    answers = list(outcomes.StreamOutcomes(iter(requests)))
    equal([answer.index for answer in answers], list(range(ROWS + 1)))
    equal(statuses(answer.result for answer in answers), ["ACCEPTED"] * ROWS + ["FORGED"])


def sample() -> None:
    """The rule by which a labelling job finds out what a server keeps; the server's own is tested for the same value."""
    equal(int.from_bytes(hashlib.sha256(b"abc").digest()[:4], "big"), 0xBA7816BF)


run([by_id, by_token, sample])
