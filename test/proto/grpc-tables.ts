/**
 * What gRPC's own services have to look like.
 *
 * A field is written `name=number type`, with `in oneof` behind it where it belongs to one; fields stand in the order of their
 * numbers. Names are relative to the package.
 *
 * Where the tables come from: they were written out of proto/, and proto/ was then compared item by item (names,
 * numbers, types, oneofs) with the descriptors that grpcio-health-checking and grpcio-reflection 1.85.1 ship (of the
 * two reflection packages, v1alpha): no difference. By themselves they only notice a change; whoever changes one
 * compares anew.
 */
/** Package grpc.health.v1. */
export const healthMessages: Readonly<Record<string, string>> = {
  HealthCheckRequest: "service=1 string",
  HealthCheckResponse: "status=1 HealthCheckResponse.ServingStatus",
  HealthListRequest: "",
  HealthListResponse: "statuses=1 map<string,HealthCheckResponse>",
};

/** Package grpc.health.v1. */
export const healthEnums: Readonly<Record<string, string>> = {
  "HealthCheckResponse.ServingStatus": "UNKNOWN=0, SERVING=1, NOT_SERVING=2, SERVICE_UNKNOWN=3",
};

/** Packages grpc.reflection.v1 and grpc.reflection.v1alpha. */
export const reflectionMessages: Readonly<Record<string, string>> = {
  ServerReflectionRequest:
    "host=1 string, file_by_filename=3 string in message_request, file_containing_symbol=4 string in message_request, file_containing_extension=5 ExtensionRequest in message_request, all_extension_numbers_of_type=6 string in message_request, list_services=7 string in message_request",
  ExtensionRequest: "containing_type=1 string, extension_number=2 int32",
  ServerReflectionResponse:
    "valid_host=1 string, original_request=2 ServerReflectionRequest, file_descriptor_response=4 FileDescriptorResponse in message_response, all_extension_numbers_response=5 ExtensionNumberResponse in message_response, list_services_response=6 ListServiceResponse in message_response, error_response=7 ErrorResponse in message_response",
  FileDescriptorResponse: "file_descriptor_proto=1 repeated bytes",
  ExtensionNumberResponse: "base_type_name=1 string, extension_number=2 repeated int32",
  ListServiceResponse: "service=1 repeated ServiceResponse",
  ServiceResponse: "name=1 string",
  ErrorResponse: "error_code=1 int32, error_message=2 string",
};
