"""Runs model.onnx behind Triton's Python backend, with what its ONNX Runtime backend would do beside running it: implicit state, ragged
batches, and answers in pieces. What the core does (whose turn it is, which slot, control inputs, refusals) is Triton's own."""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb

START, END = 1, 2  # TRITONSERVER_REQUEST_FLAG_SEQUENCE_START and _END


class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        folder = os.path.dirname(os.path.abspath(__file__))
        self.session = onnxruntime.InferenceSession(
            os.path.join(folder, "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.config = config = json.loads(args["model_config"])
        self.is_batched = config["max_batch_size"] > 0
        self.is_decoupled = config.get("model_transaction_policy", {}).get("decoupled", False)
        self.ragged = {tensor["name"] for tensor in config["input"] if tensor.get("allow_ragged_batch")}
        self.generated = config.get("batch_input", [])
        self.scattered = {
            name: output["source_input"][0]
            for output in config.get("batch_output", [])
            for name in output["target_name"]
        }
        self.states = config.get("sequence_batching", {}).get("state", [])
        self.kept = {}
        given = {name for entry in self.generated for name in entry["target_name"]}
        self.inputs = [value.name for value in self.session.get_inputs() if value.name not in given]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        settings = {key: entry["string_value"] for key, entry in config.get("parameters", {}).items()}
        self.chunk_axis = int(settings["sluice_chunk_axis"]) if "sluice_chunk_axis" in settings else None
        self.chunk_size = int(settings.get("sluice_chunk_size", "1"))

    def execute(self, requests):
        try:
            answers = self.answer(requests)
        except Exception as error:
            answers = [pb.InferenceResponse([], pb.TritonError(str(error))) for _ in requests]
        if not self.is_decoupled:
            return answers
        for request, answer in zip(requests, answers):
            self.send(request.get_response_sender(), answer)
        return None

    def answer(self, requests):
        feeds = [self.feeds_of(request) for request in requests]
        counts = [self.rows_of(feed) for feed in feeds]
        joined = {name: self.join(name, feeds) for name in feeds[0]}
        for entry in self.generated:
            joined.update(self.generate(entry, feeds))
        names = self.outputs + [state["output_name"] for state in self.states]
        results = dict(zip(names, self.session.run(names, {name: array for name, array in joined.items()})))
        parts = {name: self.split(name, result, feeds, counts) for name, result in results.items()}
        for i, request in enumerate(requests):
            self.keep(request, {state["input_name"]: parts[state["output_name"]][i] for state in self.states})
        return [
            pb.InferenceResponse([pb.Tensor(name, to_triton(parts[name][i])) for name in self.outputs])
            for i in range(len(requests))
        ]

    def feeds_of(self, request):
        state = {} if request.flags() & START else self.kept.get(request.correlation_id(), {})
        feeds = {}
        for name in self.inputs:
            tensor = pb.get_input_tensor_by_name(request, name)
            if name in state:
                feeds[name] = state[name]
            elif tensor is not None:
                feeds[name] = to_runtime(tensor.as_numpy())
        return feeds

    def keep(self, request, state):
        if not state:
            return
        if request.flags() & END:
            self.kept.pop(request.correlation_id(), None)
        else:
            self.kept[request.correlation_id()] = state

    def rows_of(self, feed):
        return len(next(iter(feed.values()))) if self.is_batched else 1

    def join(self, name, feeds):
        if name in self.ragged:
            return np.concatenate([feed[name].reshape(-1) for feed in feeds])
        return np.concatenate([feed[name] for feed in feeds]) if self.is_batched else feeds[0][name]

    def split(self, name, result, feeds, counts):
        if name in self.scattered:
            shapes = [feed[self.scattered[name]].shape for feed in feeds]
            ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
            return [part.reshape(shape) for part, shape in zip(np.split(result.reshape(-1), ends[:-1]), shapes)]
        if not self.is_batched:
            return [result]
        return np.split(result, np.cumsum(counts)[:-1])

    def generate(self, entry, feeds):
        """The generated inputs of a ragged batch, as the documentation of ragged batching defines them."""
        tensors = [feed[entry["source_input"][0]] for feed in feeds]
        counts = [tensor.size for tensor in tensors]
        kind = entry["kind"]
        dtype = pb.triton_string_to_numpy(entry["data_type"])
        if kind == "BATCH_ELEMENT_COUNT":
            value = counts
        elif kind == "BATCH_ACCUMULATED_ELEMENT_COUNT":
            value = np.cumsum(counts)
        elif kind == "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO":
            value = np.concatenate([[0], np.cumsum(counts)])
        elif kind == "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE":
            value = np.zeros(max(counts))
        else:
            shapes = [tensor.shape[1:] for tensor in tensors for _ in range(len(tensor))]
            value = np.array(shapes) if kind == "BATCH_ITEM_SHAPE" else np.array(shapes).reshape(-1)
        return {name: np.asarray(value, dtype=dtype) for name in entry["target_name"]}

    def send(self, sender, answer):
        if self.chunk_axis is None or answer.has_error():
            sender.send(answer, flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            return
        arrays = [(tensor.name(), tensor.as_numpy()) for tensor in answer.output_tensors()]
        length = arrays[0][1].shape[self.chunk_axis]
        if length == 0:
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        for start in range(0, length, self.chunk_size):
            span = np.arange(start, min(start + self.chunk_size, length))
            pieces = [pb.Tensor(name, array.take(span, axis=self.chunk_axis)) for name, array in arrays]
            is_last = start + self.chunk_size >= length
            sender.send(pb.InferenceResponse(pieces), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL if is_last else 0)


def to_runtime(array):
    """Triton has bytes, ONNX Runtime text."""
    if array.dtype != object:
        return array
    return np.array([item.decode() for item in array.reshape(-1)], dtype=object).reshape(array.shape)


def to_triton(array):
    if array.dtype != object:
        return array
    return np.array([item.encode() for item in array.reshape(-1)], dtype=object).reshape(array.shape)
