# In one terminal: the service. It makes the folder probity-data here.
probity serve --data probity-data --policy @DIR@/policy.toml \
  --tls-ca @DIR@/ca.pem --tls-cert @DIR@/server.pem --tls-key @DIR@/server.key

# In another terminal, from the same folder: who calls, where, and why.
export PROBITY_URL=https://@NAME@:7411 PROBITY_TLS_CA=@DIR@/ca.pem
export PROBITY_PURPOSE=duty/first-try PROBITY_LEGAL_BASIS=law/first-try
as() { who=$1; shift; PROBITY_TLS_CERT=@DIR@/$who.pem PROBITY_TLS_KEY=@DIR@/$who.key probity "$@"; }

# The clerk records a body, a person, a post, a case, a decision and a petition.
as clerk import --state @DIR@/import @DIR@/record.jsonl
# The personnel officer asks what may be known before an appointment.
as personnel show clearance entity/0000000000000000000000000P --for purpose:appointment
# The person sees his record, and who has read it.
as subject show --open person entity/0000000000000000000000000P
as subject accesses me
# The inspection asks that his identity be forgotten, and two others approve that.
ERASURE=$(as inspection erase request --what entity/0000000000000000000000000P=identity \
  --subject 0000000000000000000000000P --ground law/erasure | sed -n 's/^requested \([^ ]*\).*/\1/p')
as approver-1 erase approve "$ERASURE" --ground law/erasure
as approver-2 erase approve "$ERASURE" --ground law/erasure
# The auditor verifies everything, and sees nobody's name; the operator sees that it runs.
as auditor verify --from $PROBITY_URL
as auditor accesses list --person entity/0000000000000000000000000P
as operator views list
as inspection erase list
as inspection show --open person entity/0000000000000000000000000P

# When the service was stopped with Ctrl-C: the log of all reads is a log of its own.
probity verify --data probity-data
probity verify --data probity-data/access
