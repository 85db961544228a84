import secrets, sys, uuid
import grpc
from google.protobuf.any_pb2 import Any
from probity.events.v1.entity_pb2 import OrganisationName, OrganisationRegistered
from probity.v1.ledger_service_pb2 import AppendRequest, ProposedEvent
from probity.v1.ledger_service_pb2_grpc import LedgerServiceStub
from probity.v1.record_service_pb2 import AsOf, GetRecordRequest
from probity.v1.record_service_pb2_grpc import RecordServiceStub

channel = grpc.insecure_channel(sys.argv[1])  # 127.0.0.1:7411
entity_id = "7" + "".join(secrets.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(25))
name = OrganisationName(text="Northwick Port Authority", language="en")
event = Any()
event.Pack(OrganisationRegistered(entity_id=entity_id, names=[name]))
request = AppendRequest(request_id=str(uuid.uuid4()), events=[ProposedEvent(event=event)])
receipt = LedgerServiceStub(channel).Append(request, timeout=30)
print(f"entry {receipt.first_position}, leaf {receipt.leaf_hash.hex()}")

own_write = AsOf(min_position=receipt.first_position)
question = GetRecordRequest(name=f"entity/{entity_id}", at=own_write)
answer = RecordServiceStub(channel).GetRecord(question, timeout=30)
print(answer.record.names[0].text, "as of entry", answer.stamp.position)
