// Makes a key of a log: the private one in FILE, the public one in FILE.pub.
//
// Usage: key ORIGIN FILE
package main

import (
	"crypto/rand"
	"log"
	"os"

	"golang.org/x/mod/sumdb/note"
)

func main() {
	private, public, err := note.GenerateKey(rand.Reader, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for name, key := range map[string]string{os.Args[2]: private, os.Args[2] + ".pub": public} {
		if err := os.WriteFile(name, []byte(key), 0o600); err != nil {
			log.Fatal(err)
		}
	}
}
