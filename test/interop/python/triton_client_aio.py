"""Calls every implemented RPC through tritonclient.grpc.aio as it comes from PyPI."""

import asyncio

import numpy as np
import tritonclient.grpc.aio as triton
from checks import BAD_ITEM, STREAM_ITEMS, address, equal
from tritonclient.utils import InferenceServerException


def tensor(name: str, values: np.ndarray, datatype: str) -> triton.InferInput:
    made = triton.InferInput(name, values.shape, datatype)
    made.set_data_from_numpy(values)
    return made


def row(i: int) -> np.ndarray:
    return np.array([[i, 1, 2, 3]], dtype=np.float32)


async def fails(status: str, call) -> None:
    try:
        await call
    except InferenceServerException as error:
        equal(error.status(), f"StatusCode.{status}")
        return
    raise AssertionError(f"the call answered, expected {status}")


async def server(client) -> None:
    equal((await client.is_server_live(), await client.is_server_ready()), (True, True))
    equal((await client.get_server_metadata()).name, "sluice")


async def metadata(client) -> None:
    equal(await client.is_model_ready("digits"), True)
    equal((await client.get_model_metadata("digits")).inputs[0].name, "features")
    equal((await client.get_model_config("digits")).config.max_batch_size, 64)


async def infer(client) -> None:
    calls = [
        client.infer("identity_fp32", [tensor("X", row(i), "FP32")], request_id=str(i)) for i in range(STREAM_ITEMS)
    ]
    for i, answer in enumerate(await asyncio.gather(*calls)):
        equal((answer.get_response().id, answer.as_numpy("Y")[0][0]), (str(i), float(i)))
    words = np.array([["", "plain", "schön", "\n"]], dtype=np.object_)
    answer = await client.infer("identity_string", [tensor("X", words, "BYTES")])
    equal([word.decode() for word in answer.as_numpy("Y")[0]], list(words[0]))
    integers = np.array([[-(2**63), -1, 0, 2**63 - 1]], dtype=np.int64)
    answer = await client.infer("identity_int64", [tensor("X", integers, "INT64")])
    assert np.array_equal(answer.as_numpy("Y"), integers)


async def stream(client) -> None:
    async def requests():
        for i in range(STREAM_ITEMS):
            model = "none" if i == BAD_ITEM else "identity_fp32"
            yield {"model_name": model, "inputs": [tensor("X", row(i), "FP32")], "request_id": f"item-{i}"}

    i = 0
    async for result, error in client.stream_infer(requests()):
        if i == BAD_ITEM:
            assert isinstance(error, InferenceServerException), error
        else:
            assert error is None, error
            equal((result.get_response().id, result.as_numpy("Y")[0][0]), (f"item-{i}", float(i)))
        i += 1
    equal(i, STREAM_ITEMS)


async def errors(client) -> None:
    await fails("NOT_FOUND", client.infer("none", [tensor("X", row(0), "FP32")]))
    await fails("INVALID_ARGUMENT", client.infer("identity_fp32", [tensor("Z", row(0), "FP32")]))
    await fails("UNIMPLEMENTED", client.get_cuda_shared_memory_status())


async def statistics(client) -> None:
    stats = (await client.get_inference_statistics("identity_fp32")).model_stats[0]
    assert stats.inference_count >= STREAM_ITEMS and stats.execution_count <= stats.inference_count


async def repository(client) -> None:
    await client.load_model("diabetes")
    equal(await client.is_model_ready("diabetes"), True)
    await client.unload_model("diabetes")
    index = (await client.get_model_repository_index()).models
    equal([model.state for model in index if model.name == "diabetes"] != ["READY"], True)


async def main() -> None:
    async with triton.InferenceServerClient(address()) as client:
        for group in [server, metadata, infer, stream, errors, statistics, repository]:
            await group(client)
            print("ok", group.__name__, flush=True)


asyncio.run(main())
