// Verifies .subject-proof files against the completeness map with filippo.io/torchwood/mpt, as section 5 of the log format
// says, and the SEAL that commits to the map with filippo.io/torchwood.
//
// Usage: mpt VKEY FILE…
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"

	"filippo.io/torchwood"
	"filippo.io/torchwood/mpt"
	"golang.org/x/mod/sumdb/tlog"
)

// Places in a leaf.
const (
	indexAt = 5
	body    = 53
)

func main() {
	log.SetFlags(0)
	published()
	policy, err := torchwood.ParsePolicy([]byte("log " + os.Args[1] + "\nquorum none\n"))
	if err != nil {
		log.Fatalf("the policy: %v", err)
	}
	for _, name := range os.Args[2:] {
		file, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		check(policy, string(file))
	}
}

// A hash that the format's section 5 refers to: both sides mean the same tree.
func published() {
	tree := mpt.TreeHash(func(yield func(mpt.KeyVal) bool) { yield(mpt.KeyVal{Key: []byte{0xab}, Val: []byte{0xcd}}) })
	if hex.EncodeToString(tree[:]) != "e2803f59293564e96b6c5c16157cec731a294631aefb5d08d18630ed6a27184c" {
		log.Fatalf("{ab: cd} has another hash: %x", tree)
	}
}

type proof struct {
	name, claim string
	neighbour   []byte
	path, seal  []byte
	leaves      [][]byte
}

func check(policy torchwood.Policy, file string) {
	head, tlogProof, found := strings.Cut(file, "\n\n")
	if !found {
		log.Fatal("no tlog-proof after an empty line")
	}
	p := parse(head)
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(p.seal), []byte(tlogProof)); err != nil {
		log.Fatalf("the SEAL: %v", err)
	}
	fmt.Println("torchwood: the SEAL is in the log")
	map_ := mpt.Snapshot{Hash: mpt.Hash(p.seal[body+1 : body+33])}
	kind, name, _ := strings.Cut(p.name, " ")
	key := sha256.Sum256([]byte("probity/" + kind + "/v1\x00" + name))
	present := p.claim == "present"
	var value, lookup []byte
	if present {
		value, lookup = history(p.leaves), p.path
	} else if p.claim == "absent" {
		lookup = append(varint(p.neighbour[:32]), varint(p.neighbour[32:])...)
		lookup = append(lookup, p.path...)
	}
	if err := mpt.VerifyLookup(map_, key[:], value, present, lookup); err != nil {
		log.Fatalf("%s: %v", p.claim, err)
	}
	fmt.Printf("torchwood/mpt: %s, with %d entries, under map root %s\n", p.claim, len(p.leaves), map_.Hash)
	refuse(map_, key[:], value, present, lookup, p)
}

// Whatever is changed in the claim, it is not proved.
func refuse(map_ mpt.Snapshot, key, value []byte, present bool, lookup []byte, p proof) {
	for at := range lookup {
		changed := bytes.Clone(lookup)
		changed[at] ^= 1
		if mpt.VerifyLookup(map_, key, value, present, changed) == nil {
			log.Fatalf("it is accepted with byte %d of the path changed", at)
		}
	}
	if present {
		fewer := history(p.leaves[:len(p.leaves)-1])
		if mpt.VerifyLookup(map_, key, fewer, true, lookup) == nil {
			log.Fatal("it is accepted without its last entry")
		}
		if mpt.VerifyLookup(map_, key, nil, false, lookup) == nil {
			log.Fatal("it is accepted as absent")
		}
	}
	fmt.Printf("torchwood/mpt: refuses it with any of %d bytes of the path changed, or another claim\n", len(lookup))
}

// The value under a key: count, and root of the key's own log.
func history(leaves [][]byte) []byte {
	var hashes memory
	for number, leaf := range leaves {
		hash := tlog.RecordHash(leaf)
		// The index stands after magic, kind and version.
		record := append(bytes.Clone(leaf[indexAt:indexAt+8]), hash[:]...)
		stored, err := tlog.StoredHashes(int64(number), record, hashes)
		if err != nil {
			log.Fatal(err)
		}
		hashes = append(hashes, stored...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), hashes)
	if err != nil {
		log.Fatal(err)
	}
	value := binary.BigEndian.AppendUint64([]byte("probity/history/v1\x00"), uint64(len(leaves)))
	sum := sha256.Sum256(append(value, root[:]...))
	return sum[:]
}

type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, index := range indexes {
		out = append(out, m[index])
	}
	return out, nil
}

func varint(data []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(data))), data...)
}

func parse(head string) proof {
	lines := strings.Split(head, "\n")
	p := proof{name: lines[1]}
	var claim string
	p.claim, claim, _ = strings.Cut(lines[2], " ")
	if p.claim == "absent" {
		p.neighbour = decode(claim)
	}
	for _, line := range lines[3:] {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "path":
			p.path = decode(rest)
		case "seal":
			p.seal = decode(rest)
		case "leaf":
			p.leaves = append(p.leaves, decode(rest))
		}
	}
	return p
}

func decode(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		log.Fatal(err)
	}
	return data
}
