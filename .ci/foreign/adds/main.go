// Posts made-up leaves to the /add of a log, as Tessera's hammer does, and says how long the answers took.
//
// Usage: adds URL WORKERS SECONDS
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

func main() {
	log.SetFlags(0)
	workers, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	seconds, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	began := time.Now()
	end := began.Add(time.Duration(seconds) * time.Second)
	var all []time.Duration
	var guard sync.Mutex
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			var own []time.Duration
			for number := 0; time.Now().Before(end); number++ {
				leaf := fmt.Appendf(nil, "%d %d %d", began.UnixNano(), worker, number)
				sent := time.Now()
				answer, err := client.Post(os.Args[1]+"add", "application/octet-stream", bytes.NewReader(leaf))
				if err != nil {
					log.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if err != nil || answer.StatusCode != http.StatusOK {
					log.Fatalf("%s: %q %v", answer.Status, body, err)
				}
				own = append(own, time.Since(sent))
			}
			guard.Lock()
			all = append(all, own...)
			guard.Unlock()
		})
	}
	wait.Wait()
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)-1))].Round(10 * time.Microsecond)
	}
	rate := float64(len(all)) / time.Since(began).Seconds()
	fmt.Printf("adds: %d workers, %.0f a second, p50 %v, p99 %v, max %v\n", workers, rate, at(0.5), at(0.99), at(1))
}
