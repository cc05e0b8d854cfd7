// Calls every implemented RPC of a server whose address is the first argument, through stubs that protoc-gen-go makes from proto/;
// prints "ok NAME" after each group of checks.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"sluice.test/interop/inference"
)

const (
	streamItems = 100
	badItem     = 40
)

type client struct {
	context.Context
	inference.GRPCInferenceServiceClient
	health health.HealthClient
}

func main() {
	connection := must(grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer connection.Close()
	background, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := client{background, inference.NewGRPCInferenceServiceClient(connection), health.NewHealthClient(connection)}
	for _, group := range []struct {
		name  string
		check func()
	}{
		{"server", c.server},
		{"metadata", c.metadata},
		{"infer", c.infer},
		{"strings", c.strings},
		{"classification", c.classification},
		{"errors", c.errors},
		{"stream", c.stream},
		{"statistics", c.statistics},
		{"repository", c.repository},
		{"health", c.checkHealth},
	} {
		group.check()
		fmt.Println("ok", group.name)
	}
}

func (c client) server() {
	equal(must(c.ServerLive(c, &inference.ServerLiveRequest{})).GetLive(), true)
	equal(must(c.ServerReady(c, &inference.ServerReadyRequest{})).GetReady(), true)
	equal(must(c.ServerMetadata(c, &inference.ServerMetadataRequest{})).GetName(), "sluice")
}

func (c client) metadata() {
	equal(must(c.ModelReady(c, &inference.ModelReadyRequest{Name: "digits", Version: "1"})).GetReady(), true)
	metadata := must(c.ModelMetadata(c, &inference.ModelMetadataRequest{Name: "digits"}))
	equal(metadata.Inputs[0].Name, "features")
	equalSlices(metadata.Inputs[0].Shape, []int64{-1, 64})
	config := must(c.ModelConfig(c, &inference.ModelConfigRequest{Name: "digits"})).Config
	equal(config.MaxBatchSize, 64)
	equalSlices(config.GetDynamicBatching().PreferredBatchSize, []int32{32, 64})
}

func (c client) infer() {
	answer := must(c.ModelInfer(c, floats("raw", 1, 2, 3, -4.5)))
	equal(answer.Id, "raw")
	equal(answer.ModelVersion, "1")
	equalSlices(floatsOf(answer.RawOutputContents[0]), []float32{1, 2, 3, -4.5})

	integers := []int64{-1 << 63, -1, 0, 1<<63 - 1}
	typed := must(c.ModelInfer(c, &inference.ModelInferRequest{
		ModelName: "identity_int64",
		Parameters: map[string]*inference.InferParameter{
			"sluice_output_contents": {ParameterChoice: &inference.InferParameter_StringParam{StringParam: "typed"}},
		},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: "X", Datatype: "INT64", Shape: []int64{1, 4},
			Contents: &inference.InferTensorContents{Int64Contents: integers},
		}},
	}))
	equal(len(typed.RawOutputContents), 0)
	equalSlices(typed.Outputs[0].Contents.Int64Contents, integers)
}

func (c client) strings() {
	words := [][]byte{{}, []byte("plain"), []byte("schön"), []byte("\n")}
	answer := must(c.ModelInfer(c, &inference.ModelInferRequest{
		ModelName: "identity_string",
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: "X", Datatype: "BYTES", Shape: []int64{1, 4}, Contents: &inference.InferTensorContents{BytesContents: words},
		}},
	}))
	raw := answer.RawOutputContents[0]
	for _, word := range words {
		length := binary.LittleEndian.Uint32(raw)
		equal(string(raw[4:4+length]), string(word))
		raw = raw[4+length:]
	}
	equal(len(raw), 0)
}

func (c client) classification() {
	answer := must(c.ModelInfer(c, &inference.ModelInferRequest{
		ModelName:        "digits",
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "features", Datatype: "FP32", Shape: []int64{1, 64}}},
		RawInputContents: [][]byte{make([]byte, 4*64)},
		Outputs: []*inference.ModelInferRequest_InferRequestedOutputTensor{{
			Name: "probabilities",
			Parameters: map[string]*inference.InferParameter{
				"classification": {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 3}},
			},
		}},
	}))
	equal(answer.Outputs[0].Datatype, "BYTES")
	equalSlices(answer.Outputs[0].Shape, []int64{1, 3})
}

func (c client) errors() {
	_, err := c.ModelInfer(c, &inference.ModelInferRequest{ModelName: "none"})
	fails(err, codes.NotFound)
	short := floats("short", 1, 2, 3, 4)
	short.RawInputContents[0] = short.RawInputContents[0][:4]
	_, err = c.ModelInfer(c, short)
	fails(err, codes.InvalidArgument)
	_, err = c.SystemSharedMemoryStatus(c, &inference.SystemSharedMemoryStatusRequest{})
	fails(err, codes.Unimplemented)
}

func (c client) stream() {
	stream := must(c.ModelStreamInfer(c))
	go func() {
		for i := range streamItems {
			request := floats(fmt.Sprint("item-", i), float32(i), 1, 2, 3)
			if i == badItem {
				request.ModelName = "none"
			}
			check(stream.Send(request))
		}
		check(stream.CloseSend())
	}()
	for i := range streamItems {
		answer := must(stream.Recv())
		equal(answer.InferResponse.GetId(), fmt.Sprint("item-", i))
		equal(answer.ErrorMessage != "", i == badItem)
		if i != badItem {
			equal(floatsOf(answer.InferResponse.RawOutputContents[0])[0], float32(i))
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		log.Panicf("the stream ended with %v, expected EOF", err)
	}
}

func (c client) statistics() {
	count := func() uint64 {
		return must(c.ModelStatistics(c, &inference.ModelStatisticsRequest{Name: "identity_fp32"})).ModelStats[0].InferenceCount
	}
	before := count()
	must(c.ModelInfer(c, floats("", 1, 2, 3, 4)))
	must(c.ModelInfer(c, floats("", 1, 2, 3, 4)))
	equal(count(), before+2)
}

func (c client) repository() {
	isReady := func() bool {
		index := must(c.RepositoryIndex(c, &inference.RepositoryIndexRequest{Ready: true}))
		return slices.ContainsFunc(index.Models, func(model *inference.RepositoryIndexResponse_ModelIndex) bool {
			return model.Name == "diabetes"
		})
	}
	equal(isReady(), false)
	must(c.RepositoryModelLoad(c, &inference.RepositoryModelLoadRequest{ModelName: "diabetes"}))
	equal(isReady(), true)
	must(c.RepositoryModelUnload(c, &inference.RepositoryModelUnloadRequest{ModelName: "diabetes"}))
	equal(isReady(), false)
}

func (c client) checkHealth() {
	serving := health.HealthCheckResponse_SERVING
	equal(must(c.health.Check(c, &health.HealthCheckRequest{})).Status, serving)
	equal(must(must(c.health.Watch(c, &health.HealthCheckRequest{Service: "digits"})).Recv()).Status, serving)
	equal(must(c.health.List(c, &health.HealthListRequest{})).Statuses["digits"].Status, serving)
	_, err := c.health.Check(c, &health.HealthCheckRequest{Service: "none"})
	fails(err, codes.NotFound)
}

func floats(id string, row ...float32) *inference.ModelInferRequest {
	var raw bytes.Buffer
	check(binary.Write(&raw, binary.LittleEndian, row))
	return &inference.ModelInferRequest{
		ModelName:        "identity_fp32",
		Id:               id,
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "X", Datatype: "FP32", Shape: []int64{1, int64(len(row))}}},
		RawInputContents: [][]byte{raw.Bytes()},
	}
}

func floatsOf(raw []byte) []float32 {
	values := make([]float32, len(raw)/4)
	check(binary.Read(bytes.NewReader(raw), binary.LittleEndian, values))
	return values
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func fails(err error, code codes.Code) {
	equal(status.Code(err), code)
	equal(status.Convert(err).Message() != "", true)
}

func equal[T comparable](got, expected T) {
	if got != expected {
		log.Panicf("got %v, expected %v", got, expected)
	}
}

func equalSlices[T comparable](got, expected []T) {
	if !slices.Equal(got, expected) {
		log.Panicf("got %v, expected %v", got, expected)
	}
}
