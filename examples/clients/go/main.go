// Asks the model "digits" for the rows of a CSV file: predict ADDRESS FILE. The last column is the truth.
//
// generate.sh makes the package inference from the protobuf definitions.
package main

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"example.com/predict/inference"
)

const (
	batchRows = 32
	timeout   = 10 * time.Second
)

// A row of pixels and the digit that it shows.
type row struct {
	pixels []float32
	digit  int
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: predict ADDRESS FILE")
	}
	rows, err := readRows(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := inference.NewGRPCInferenceServiceClient(connection)
	report("unary", predictUnary, client, rows)
	report("stream", predictStream, client, rows)
}

type predictor func(context.Context, inference.GRPCInferenceServiceClient, []row) ([]int, error)

func report(name string, predict predictor, client inference.GRPCInferenceServiceClient, rows []row) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	predictions, err := predict(ctx, client, rows)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	right := 0
	for i, prediction := range predictions {
		if prediction == rows[i].digit {
			right++
		}
	}
	fmt.Printf("%s: %d of %d right\n", name, right, len(rows))
}

// predictUnary makes one call for every 32 rows.
func predictUnary(ctx context.Context, client inference.GRPCInferenceServiceClient, rows []row) ([]int, error) {
	var predictions []int
	for start := 0; start < len(rows); start += batchRows {
		answer, err := client.ModelInfer(ctx, request("", rows[start:min(start+batchRows, len(rows))]))
		if err != nil {
			return nil, err
		}
		predictions = append(predictions, bestClasses(answer)...)
	}
	return predictions, nil
}

// predictStream sends all rows on one stream and reads at the same time: the server takes no more than a window of unanswered requests.
func predictStream(ctx context.Context, client inference.GRPCInferenceServiceClient, rows []row) ([]int, error) {
	stream, err := client.ModelStreamInfer(ctx)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		for i := range rows {
			if err := stream.Send(request(strconv.Itoa(i), rows[i:i+1])); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	var predictions []int
	for range rows {
		answer, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if answer.ErrorMessage != "" {
			return nil, errors.New(answer.ErrorMessage)
		}
		predictions = append(predictions, bestClasses(answer.InferResponse)...)
	}
	return predictions, <-sent
}

func request(id string, rows []row) *inference.ModelInferRequest {
	var raw []byte
	for _, row := range rows {
		for _, pixel := range row.pixels {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(pixel))
		}
	}
	return &inference.ModelInferRequest{
		ModelName: "digits",
		Id:        id,
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name:     "features",
			Datatype: "FP32",
			Shape:    []int64{int64(len(rows)), int64(len(rows[0].pixels))},
		}},
		RawInputContents: [][]byte{raw},
	}
}

// bestClasses gives the most probable class of each row.
func bestClasses(answer *inference.ModelInferResponse) []int {
	shape, raw := answer.Outputs[0].Shape, answer.RawOutputContents[0]
	best := make([]int, shape[0])
	for i := range best {
		highest := float32(math.Inf(-1))
		for class := range int(shape[1]) {
			bits := binary.LittleEndian.Uint32(raw)
			raw = raw[4:]
			if value := math.Float32frombits(bits); value > highest {
				highest, best[i] = value, class
			}
		}
	}
	return best
}

func readRows(path string) ([]row, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, record := range records[1:] {
		var read row
		for _, text := range record[:len(record)-1] {
			pixel, err := strconv.ParseFloat(text, 32)
			if err != nil {
				return nil, err
			}
			read.pixels = append(read.pixels, float32(pixel))
		}
		if read.digit, err = strconv.Atoi(record[len(record)-1]); err != nil {
			return nil, err
		}
		rows = append(rows, read)
	}
	return rows, nil
}
