// Verifies a .tlog-proof with filippo.io/torchwood, and sees that a changed one is refused.
//
// Usage: tlogproof FILE VKEY LEAF_HASH (hexadecimal)
package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	proof, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	policy, err := torchwood.ParsePolicy([]byte("log " + os.Args[2] + "\nquorum none\n"))
	if err != nil {
		log.Fatalf("the policy: %v", err)
	}
	bytesOfHash, err := hex.DecodeString(os.Args[3])
	if err != nil || len(bytesOfHash) != tlog.HashSize {
		log.Fatalf("the leaf hash: %v", err)
	}
	leaf := tlog.Hash(bytesOfHash)
	if err := torchwood.VerifyProof(policy, leaf, proof); err != nil {
		log.Fatalf("the proof: %v", err)
	}
	fmt.Printf("torchwood: entry %s is in the log\n", leaf)
	leaf[0] ^= 1
	if torchwood.VerifyProof(policy, leaf, proof) == nil {
		log.Fatal("another leaf is in the log too")
	}
	refused := 0
	extra := bytes.Index(proof, []byte("\nextra "))
	leaf[0] ^= 1
	for at := range proof {
		// What stands after `extra` is not proved, as C2SP tlog-proof says; and Go's base 64 does not look at the last bits
		// before the padding.
		line := bytes.LastIndexByte(proof[:at], '\n')
		if extra >= 0 && line == extra || bytes.HasPrefix(proof[at+1:], []byte("=")) {
			continue
		}
		changed := bytes.Clone(proof)
		changed[at] ^= 1
		if torchwood.VerifyProof(policy, leaf, changed) == nil {
			log.Fatalf("it is accepted with byte %d changed", at)
		}
		refused++
	}
	fmt.Printf("torchwood: refuses another leaf, and the proof with any of %d bytes changed\n", refused)
}
