package sluice;

import com.google.protobuf.ByteString;
import grpc.health.v1.HealthGrpc;
import grpc.health.v1.HealthOuterClass.HealthCheckRequest;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import grpc.health.v1.HealthOuterClass.HealthListRequest;
import inference.GRPCInferenceServiceGrpc;
import inference.GRPCInferenceServiceGrpc.GRPCInferenceServiceBlockingStub;
import inference.GrpcService.InferParameter;
import inference.GrpcService.InferTensorContents;
import inference.GrpcService.ModelConfigRequest;
import inference.GrpcService.ModelInferRequest;
import inference.GrpcService.ModelInferRequest.InferInputTensor;
import inference.GrpcService.ModelInferRequest.InferRequestedOutputTensor;
import inference.GrpcService.ModelInferResponse;
import inference.GrpcService.ModelMetadataRequest;
import inference.GrpcService.ModelReadyRequest;
import inference.GrpcService.ModelStatisticsRequest;
import inference.GrpcService.ModelStreamInferResponse;
import inference.GrpcService.RepositoryIndexRequest;
import inference.GrpcService.RepositoryModelLoadRequest;
import inference.GrpcService.RepositoryModelUnloadRequest;
import inference.GrpcService.ServerLiveRequest;
import inference.GrpcService.ServerMetadataRequest;
import inference.GrpcService.ServerReadyRequest;
import inference.GrpcService.SystemSharedMemoryStatusRequest;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Calls every implemented RPC of a server whose address is the first argument; prints "ok NAME" after each group of checks. */
public final class Client {
  private static final int STREAM_ITEMS = 100;
  private static final int BAD_ITEM = 40;

  private final ManagedChannel channel;
  private final GRPCInferenceServiceBlockingStub stub;

  private Client(String address) {
    channel = NettyChannelBuilder.forTarget(address).usePlaintext().build();
    stub = GRPCInferenceServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
  }

  public static void main(String[] arguments) throws Exception {
    Client client = new Client(arguments[0]);
    client.run("server", client::server);
    client.run("metadata", client::metadata);
    client.run("infer", client::infer);
    client.run("strings", client::strings);
    client.run("classification", client::classification);
    client.run("errors", client::errors);
    client.run("stream", client::stream);
    client.run("statistics", client::statistics);
    client.run("repository", client::repository);
    client.run("health", client::health);
    client.channel.shutdownNow();
  }

  private interface Check {
    void run() throws Exception;
  }

  private void run(String name, Check check) throws Exception {
    check.run();
    System.out.println("ok " + name);
  }

  private void server() {
    equal(stub.serverLive(ServerLiveRequest.getDefaultInstance()).getLive(), true);
    equal(stub.serverReady(ServerReadyRequest.getDefaultInstance()).getReady(), true);
    equal(stub.serverMetadata(ServerMetadataRequest.getDefaultInstance()).getName(), "sluice");
  }

  private void metadata() {
    equal(stub.modelReady(ModelReadyRequest.newBuilder().setName("digits").setVersion("1").build()).getReady(), true);
    var metadata = stub.modelMetadata(ModelMetadataRequest.newBuilder().setName("digits").build());
    equal(metadata.getInputs(0).getName(), "features");
    equal(metadata.getInputs(0).getShapeList(), List.of(-1L, 64L));
    var config = stub.modelConfig(ModelConfigRequest.newBuilder().setName("digits").build()).getConfig();
    equal(config.getMaxBatchSize(), 64);
    equal(config.getDynamicBatching().getPreferredBatchSizeList(), List.of(32, 64));
  }

  private void infer() {
    var raw = stub.modelInfer(floats("raw", new float[] {1, 2, 3, -4.5f}));
    equal(raw.getId(), "raw");
    equal(raw.getModelVersion(), "1");
    equal(floatsOf(raw.getRawOutputContents(0)), List.of(1f, 2f, 3f, -4.5f));

    var integers = InferTensorContents.newBuilder();
    for (long value : new long[] {Long.MIN_VALUE, -1, 0, Long.MAX_VALUE}) {
      integers.addInt64Contents(value);
    }
    var typed =
        stub.modelInfer(
            ModelInferRequest.newBuilder()
                .setModelName("identity_int64")
                .putParameters("sluice_output_contents", InferParameter.newBuilder().setStringParam("typed").build())
                .addInputs(input("INT64", 4).setContents(integers))
                .build());
    equal(typed.getRawOutputContentsCount(), 0);
    equal(
        typed.getOutputs(0).getContents().getInt64ContentsList(), List.of(Long.MIN_VALUE, -1L, 0L, Long.MAX_VALUE));
  }

  private void strings() {
    var words = InferTensorContents.newBuilder();
    for (String word : new String[] {"", "plain", "schön", "\n"}) {
      words.addBytesContents(ByteString.copyFromUtf8(word));
    }
    var request = ModelInferRequest.newBuilder().setModelName("identity_string");
    var answer = stub.modelInfer(request.addInputs(input("BYTES", 4).setContents(words)).build());
    var raw = answer.getRawOutputContents(0).asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    var got = new ArrayList<String>();
    while (raw.hasRemaining()) {
      byte[] element = new byte[raw.getInt()];
      raw.get(element);
      got.add(new String(element, java.nio.charset.StandardCharsets.UTF_8));
    }
    equal(got, List.of("", "plain", "schön", "\n"));
  }

  private void classification() {
    var request =
        ModelInferRequest.newBuilder()
            .setModelName("digits")
            .addInputs(input("FP32", 64).setName("features"))
            .addRawInputContents(bytes(new float[64]))
            .addOutputs(
                InferRequestedOutputTensor.newBuilder()
                    .setName("probabilities")
                    .putParameters("classification", InferParameter.newBuilder().setInt64Param(3).build()));
    var output = stub.modelInfer(request.build()).getOutputs(0);
    equal(output.getDatatype(), "BYTES");
    equal(output.getShapeList(), List.of(1L, 3L));
  }

  private void errors() {
    fails(Status.Code.NOT_FOUND, () -> stub.modelInfer(ModelInferRequest.newBuilder().setModelName("none").build()));
    var short_ = floats("short", new float[] {1, 2, 3, 4}).toBuilder().setRawInputContents(0, bytes(new float[] {1}));
    fails(Status.Code.INVALID_ARGUMENT, () -> stub.modelInfer(short_.build()));
    fails(
        Status.Code.UNIMPLEMENTED,
        () -> stub.systemSharedMemoryStatus(SystemSharedMemoryStatusRequest.getDefaultInstance()));
  }

  private void stream() throws InterruptedException {
    var answers = new ArrayList<ModelStreamInferResponse>();
    var failures = new ArrayList<Throwable>();
    var ended = new CountDownLatch(1);
    var requests =
        GRPCInferenceServiceGrpc.newStub(channel)
            .modelStreamInfer(
                new StreamObserver<>() {
                  @Override
                  public void onNext(ModelStreamInferResponse answer) {
                    answers.add(answer);
                  }

                  @Override
                  public void onError(Throwable error) {
                    failures.add(error);
                    ended.countDown();
                  }

                  @Override
                  public void onCompleted() {
                    ended.countDown();
                  }
                });
    for (int i = 0; i < STREAM_ITEMS; i++) {
      var request = floats("item-" + i, new float[] {i, i + 1, i + 2, i + 3});
      requests.onNext(i == BAD_ITEM ? request.toBuilder().setModelName("none").build() : request);
    }
    requests.onCompleted();
    equal(ended.await(60, TimeUnit.SECONDS), true);
    equal(failures, List.of());
    equal(answers.size(), STREAM_ITEMS);
    for (int i = 0; i < STREAM_ITEMS; i++) {
      equal(answers.get(i).getInferResponse().getId(), "item-" + i);
      equal(answers.get(i).getErrorMessage().isEmpty(), i != BAD_ITEM);
      if (i != BAD_ITEM) {
        ModelInferResponse answer = answers.get(i).getInferResponse();
        equal(floatsOf(answer.getRawOutputContents(0)).get(0), (float) i);
      }
    }
  }

  private void statistics() {
    var request = ModelStatisticsRequest.newBuilder().setName("identity_fp32").build();
    long before = stub.modelStatistics(request).getModelStats(0).getInferenceCount();
    stub.modelInfer(floats("", new float[] {1, 2, 3, 4}));
    stub.modelInfer(floats("", new float[] {1, 2, 3, 4}));
    equal(stub.modelStatistics(request).getModelStats(0).getInferenceCount(), before + 2);
  }

  private void repository() {
    var ready = RepositoryIndexRequest.newBuilder().setReady(true).build();
    equal(stub.repositoryIndex(ready).getModelsList().stream().anyMatch(model -> model.getName().equals("diabetes")), false);
    stub.repositoryModelLoad(RepositoryModelLoadRequest.newBuilder().setModelName("diabetes").build());
    equal(stub.repositoryIndex(ready).getModelsList().stream().anyMatch(model -> model.getName().equals("diabetes")), true);
    stub.repositoryModelUnload(RepositoryModelUnloadRequest.newBuilder().setModelName("diabetes").build());
    equal(stub.repositoryIndex(ready).getModelsList().stream().anyMatch(model -> model.getName().equals("diabetes")), false);
  }

  private void health() {
    var health = HealthGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
    equal(health.check(HealthCheckRequest.getDefaultInstance()).getStatus(), ServingStatus.SERVING);
    var watched = health.watch(HealthCheckRequest.newBuilder().setService("digits").build());
    equal(watched.next().getStatus(), ServingStatus.SERVING);
    equal(health.list(HealthListRequest.getDefaultInstance()).getStatusesMap().get("digits").getStatus(), ServingStatus.SERVING);
    fails(Status.Code.NOT_FOUND, () -> health.check(HealthCheckRequest.newBuilder().setService("none").build()));
  }

  private static InferInputTensor.Builder input(String datatype, int columns) {
    return InferInputTensor.newBuilder().setName("X").setDatatype(datatype).addShape(1).addShape(columns);
  }

  private static ModelInferRequest floats(String id, float[] row) {
    return ModelInferRequest.newBuilder()
        .setModelName("identity_fp32")
        .setId(id)
        .addInputs(input("FP32", row.length))
        .addRawInputContents(bytes(row))
        .build();
  }

  private static ByteString bytes(float[] values) {
    var buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      buffer.putFloat(value);
    }
    return ByteString.copyFrom(buffer.flip());
  }

  private static List<Float> floatsOf(ByteString raw) {
    var buffer = raw.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    var values = new ArrayList<Float>();
    while (buffer.hasRemaining()) {
      values.add(buffer.getFloat());
    }
    return values;
  }

  private static void fails(Status.Code expected, Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      equal(error.getStatus().getCode(), expected);
      equal(error.getStatus().getDescription() == null || error.getStatus().getDescription().isEmpty(), false);
      return;
    }
    throw new AssertionError("the call answered, expected " + expected);
  }

  private static void equal(Object got, Object expected) {
    if (!Objects.equals(got, expected)) {
      throw new AssertionError("got " + got + ", expected " + expected);
    }
  }
}
