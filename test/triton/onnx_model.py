"""Runs model.onnx behind Triton's Python backend: the Triton of PyPI comes without its ONNX Runtime backend."""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model.onnx")
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        config = json.loads(args["model_config"])
        self.is_batched = config["max_batch_size"] > 0
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        # Triton has no scalars: where the model has one, requests and answers carry [1].
        self.scalars = {value.name for value in self.session.get_inputs() if value.shape == []}

    def execute(self, requests):
        if not self.is_batched or len(requests) == 1:
            return [self.answer_one(request) for request in requests]
        try:
            return self.answer_batch(requests)
        except Exception:
            return [self.answer_one(request) for request in requests]

    def answer_batch(self, requests):
        feeds = [self.feeds_of(request) for request in requests]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        outputs = self.session.run(self.outputs, joined)
        answers, row = [], 0
        for feed in feeds:
            rows = len(next(iter(feed.values())))
            answers.append(self.response([output[row : row + rows] for output in outputs]))
            row += rows
        return answers

    def answer_one(self, request):
        try:
            return self.response(self.session.run(self.outputs, self.feeds_of(request)))
        except Exception as error:
            return pb.InferenceResponse([], pb.TritonError(str(error)))

    def feeds_of(self, request):
        tensors = {name: pb.get_input_tensor_by_name(request, name) for name in self.inputs}
        arrays = {name: tensor.as_numpy() for name, tensor in tensors.items() if tensor is not None}
        return {name: self.to_runtime(name, array) for name, array in arrays.items()}

    def to_runtime(self, name, array):
        if array.dtype == object:  # Triton has bytes, ONNX Runtime text
            return np.array([item.decode() for item in array.reshape(-1)], dtype=object).reshape(array.shape)
        return array.reshape(()) if name in self.scalars else array

    def response(self, outputs):
        arrays = [self.to_triton(np.atleast_1d(np.asarray(output))) for output in outputs]
        return pb.InferenceResponse([pb.Tensor(name, array) for name, array in zip(self.outputs, arrays)])

    def to_triton(self, array):
        if array.dtype != object:
            return array
        return np.array([item.encode() for item in array.reshape(-1)], dtype=object).reshape(array.shape)
