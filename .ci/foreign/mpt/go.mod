module probity.invalid/foreign/mpt

go 1.25.0

require (
	filippo.io/torchwood v0.9.0
	filippo.io/torchwood/mpt v0.10.0
	golang.org/x/mod v0.33.0
)

require (
	golang.org/x/crypto v0.46.0 // indirect
	golang.org/x/sync v0.19.0 // indirect
)

// The package is in torchwood v0.10.0, kept from being built until it is released: `foreign-tools` puts it there.
replace filippo.io/torchwood/mpt => ../../../target/foreign/torchwood-mpt
