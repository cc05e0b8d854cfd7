#!/bin/sh
# Makes the package inference. Needs protoc, protoc-gen-go and protoc-gen-go-grpc.
set -eu
cd "$(dirname "$0")"
module=example.com/predict
set --
for plugin in go go-grpc; do
  set -- "$@" "--${plugin}_out=." "--${plugin}_opt=module=$module"
  for file in inference/grpc_service.proto inference/model_config.proto; do
    set -- "$@" "--${plugin}_opt=M$file=$module/inference"
  done
done
exec ${PROTOC:-protoc} -I "${PROTO:-../../../proto}" "$@" inference/grpc_service.proto inference/model_config.proto
