"""Calls every implemented RPC through stubs that grpcio-tools makes from proto/ (their folder is on PYTHONPATH)."""

import struct

import grpc
from checks import BAD_ITEM, STREAM_ITEMS, address, equal, run
from grpc_health.v1 import health_pb2, health_pb2_grpc
from inference import grpc_service_pb2 as pb
from inference import grpc_service_pb2_grpc

channel = grpc.insecure_channel(address())
stub = grpc_service_pb2_grpc.GRPCInferenceServiceStub(channel)


def floats(name: str, row: list[float]) -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", shape=[1, len(row)])
    raw = struct.pack(f"<{len(row)}f", *row)
    return pb.ModelInferRequest(model_name="identity_fp32", id=name, inputs=[tensor], raw_input_contents=[raw])


def fails(code: grpc.StatusCode, method, request) -> None:
    try:
        method(request)
    except grpc.RpcError as error:
        equal(error.code(), code)
        assert error.details() != ""
        return
    raise AssertionError(f"the call answered, expected {code}")


def server() -> None:
    equal(stub.ServerLive(pb.ServerLiveRequest()).live, True)
    equal(stub.ServerReady(pb.ServerReadyRequest()).ready, True)
    equal(stub.ServerMetadata(pb.ServerMetadataRequest()).name, "sluice")


def metadata() -> None:
    equal(stub.ModelReady(pb.ModelReadyRequest(name="digits", version="1")).ready, True)
    got = stub.ModelMetadata(pb.ModelMetadataRequest(name="digits"))
    equal((got.inputs[0].name, list(got.inputs[0].shape)), ("features", [-1, 64]))
    config = stub.ModelConfig(pb.ModelConfigRequest(name="digits")).config
    equal((config.max_batch_size, list(config.dynamic_batching.preferred_batch_size)), (64, [32, 64]))


def infer() -> None:
    answer = stub.ModelInfer(floats("raw", [1, 2, 3, -4.5]))
    equal((answer.id, answer.model_version), ("raw", "1"))
    equal(struct.unpack("<4f", answer.raw_output_contents[0]), (1, 2, 3, -4.5))

    integers = [-(2**63), -1, 0, 2**63 - 1]
    request = pb.ModelInferRequest(model_name="identity_int64")
    request.parameters["sluice_output_contents"].string_param = "typed"
    request.inputs.add(name="X", datatype="INT64", shape=[1, 4]).contents.int64_contents.extend(integers)
    answer = stub.ModelInfer(request)
    equal(len(answer.raw_output_contents), 0)
    equal(list(answer.outputs[0].contents.int64_contents), integers)


def strings() -> None:
    words = [b"", b"plain", "schön".encode(), b"\n"]
    request = pb.ModelInferRequest(model_name="identity_string")
    request.inputs.add(name="X", datatype="BYTES", shape=[1, 4]).contents.bytes_contents.extend(words)
    expected = b"".join(struct.pack("<I", len(word)) + word for word in words)
    equal(stub.ModelInfer(request).raw_output_contents[0], expected)


def classification() -> None:
    request = pb.ModelInferRequest(model_name="digits", raw_input_contents=[bytes(4 * 64)])
    request.inputs.add(name="features", datatype="FP32", shape=[1, 64])
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 3
    output = stub.ModelInfer(request).outputs[0]
    equal((output.datatype, list(output.shape)), ("BYTES", [1, 3]))


def errors() -> None:
    fails(grpc.StatusCode.NOT_FOUND, stub.ModelInfer, pb.ModelInferRequest(model_name="none"))
    short = floats("short", [1, 2, 3, 4])
    short.raw_input_contents[0] = short.raw_input_contents[0][:4]
    fails(grpc.StatusCode.INVALID_ARGUMENT, stub.ModelInfer, short)
    fails(grpc.StatusCode.UNIMPLEMENTED, stub.SystemSharedMemoryStatus, pb.SystemSharedMemoryStatusRequest())


def stream() -> None:
    def requests():
        for i in range(STREAM_ITEMS):
            request = floats(f"item-{i}", [i, 1, 2, 3])
            if i == BAD_ITEM:
                request.model_name = "none"
            yield request

    answers = list(stub.ModelStreamInfer(requests()))
    equal([answer.infer_response.id for answer in answers], [f"item-{i}" for i in range(STREAM_ITEMS)])
    equal([i for i, answer in enumerate(answers) if answer.error_message != ""], [BAD_ITEM])
    del answers[BAD_ITEM]
    first = [struct.unpack_from("<f", answer.infer_response.raw_output_contents[0])[0] for answer in answers]
    equal(first, [i for i in range(STREAM_ITEMS) if i != BAD_ITEM])


def statistics() -> None:
    def count() -> int:
        return stub.ModelStatistics(pb.ModelStatisticsRequest(name="identity_fp32")).model_stats[0].inference_count

    before = count()
    stub.ModelInfer(floats("", [1, 2, 3, 4]))
    stub.ModelInfer(floats("", [1, 2, 3, 4]))
    equal(count(), before + 2)


def repository() -> None:
    def is_ready() -> bool:
        index = stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True))
        return any(model.name == "diabetes" for model in index.models)

    equal(is_ready(), False)
    stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="diabetes"))
    equal(is_ready(), True)
    stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="diabetes"))
    equal(is_ready(), False)


def health() -> None:
    """The published package grpcio-health-checking; it does not know List."""
    service = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    equal(service.Check(health_pb2.HealthCheckRequest()).status, serving)
    watch = service.Watch(health_pb2.HealthCheckRequest(service="digits"))
    equal(next(watch).status, serving)
    watch.cancel()
    fails(grpc.StatusCode.NOT_FOUND, service.Check, health_pb2.HealthCheckRequest(service="none"))


run([server, metadata, infer, strings, classification, errors, stream, statistics, repository, health])
