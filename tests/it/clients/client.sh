service=${1:-127.0.0.1:7411}
id=7$(LC_ALL=C tr -dc 0-9A-HJKMNP-TV-Z </dev/urandom | head -c 25)
grpcurl -plaintext -d @ "$service" probity.v1.LedgerService/Append <<END
{"request_id": "$(cat /proc/sys/kernel/random/uuid)", "events": [{"event": {
  "@type": "type.googleapis.com/probity.events.v1.OrganisationRegistered",
  "entity_id": "$id",
  "names": [{"text": "Northwick Port Authority", "language": "en"}]}}]}
END
grpcurl -plaintext -d "{\"name\": \"entity/$id\"}" "$service" probity.v1.RecordService/GetRecord
