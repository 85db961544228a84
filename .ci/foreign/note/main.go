// Opens a checkpoint with golang.org/x/mod/sumdb/note, and sees that a changed one does not open.
//
// Usage: note FILE VKEY
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil {
		log.Fatalf("the key: %v", err)
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		log.Fatalf("the checkpoint does not open: %v", err)
	}
	lines := bytes.Split([]byte(opened.Text), []byte("\n"))
	root, err := tlog.ParseHash(string(lines[2]))
	if err != nil {
		log.Fatalf("the root: %v", err)
	}
	fmt.Printf("sumdb/note: signed by %s+%08x, size %s, root %s\n", opened.Sigs[0].Name, opened.Sigs[0].Hash, lines[1], root)
	refused := 0
	for at := range text {
		// Go's base 64 does not look at the last bits before the padding.
		if bytes.HasPrefix(text[at+1:], []byte("=")) {
			continue
		}
		refused++
		changed := bytes.Clone(text)
		changed[at] ^= 1
		if _, err := note.Open(changed, note.VerifierList(verifier)); err == nil {
			log.Fatalf("it opens with byte %d changed", at)
		}
	}
	fmt.Printf("sumdb/note: refuses it with any of %d bytes changed\n", refused)
}
