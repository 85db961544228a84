// A log of somebody else: Tessera on a folder, that publishes a checkpoint only when the witnesses of a policy have
// cosigned it. It adds so many entries, waits until each is under a witnessed checkpoint, and prints that checkpoint.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	folder := flag.String("folder", "", "where the log is")
	origin := flag.String("origin", "", "makes a key of this name in FOLDER.key, prints its vkey, and ends")
	policy := flag.String("policy", "", "a file with the policy of witnesses")
	entries := flag.Int("entries", 10, "how many are added")
	flag.Parse()
	key := *folder + ".key"
	if *origin != "" {
		private, public, err := note.GenerateKey(rand.Reader, *origin)
		must(err)
		must(os.WriteFile(key, []byte(private), 0o600))
		fmt.Println(public)
		return
	}
	private, err := os.ReadFile(key)
	must(err)
	signer, err := note.NewSigner(string(private))
	must(err)
	text, err := os.ReadFile(*policy)
	must(err)
	witnesses, err := tessera.NewWitnessGroupFromPolicy(text)
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: *folder})
	must(err)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second).
		WithBatching(4, 200*time.Millisecond).
		WithWitnesses(witnesses, &tessera.WitnessOptions{FailOpen: false}))
	must(err)
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 200*time.Millisecond)
	var checkpoint []byte
	for i := range *entries {
		index, published, err := await.Await(ctx, appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "%d at %v", i, time.Now()))))
		must(err)
		checkpoint = published
		fmt.Fprintf(os.Stderr, "entry %d is under a witnessed checkpoint\n", index.Index)
	}
	must(shutdown(ctx))
	_, err = os.Stat(filepath.Join(*folder, "checkpoint"))
	must(err)
	os.Stdout.Write(checkpoint)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
