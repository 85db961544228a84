import sys
import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from probity.v1.record_service_pb2 import GetRecordRequest
from probity.v1.record_service_pb2_grpc import RecordServiceStub

try:
    RecordServiceStub(grpc.insecure_channel(sys.argv[1])).GetRecord(GetRecordRequest(name=sys.argv[2]), timeout=30)
except grpc.RpcError as error:
    status, info = rpc_status.from_call(error), ErrorInfo()
    if status is None or not any(detail.Unpack(info) for detail in status.details):
        raise  # not an answer of Probity's: nobody is there, or something stands between
    print(error.code().name, info.reason, dict(sorted(info.metadata.items())))
