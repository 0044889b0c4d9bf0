// Package must gives tests what they need, or ends them with the error.
package must

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// AtOnce runs a function n times at once, each with its number, and waits until all have ended.
// The function must not end the test.
func AtOnce(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// Meanwhile repeats a function in n goroutines, with the numbers of the goroutine and of the
// repetition, as long as it returns true. end ends that, and waits for all.
func Meanwhile(n int, do func(c, i int) bool) (end func()) {
	var stop atomic.Bool
	var all sync.WaitGroup
	for c := range n {
		all.Go(func() {
			for i := 0; !stop.Load() && do(c, i); i++ {
			}
		})
	}
	return func() {
		stop.Store(true)
		all.Wait()
	}
}

// OK ends the test with the error, if there is one.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Soon waits until a condition holds, and ends the test with a message after a time that is long
// enough for any machine.
func Soon(t testing.TB, done func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(30 * time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf(format, args...)
		}
	}
}

// Read returns the content of a file.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	OK(t, err)
	return b
}

// Written returns what a function writes, such as a sample's WritePDF.
func Written(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	OK(t, write(&b))
	return b.Bytes()
}

// CSV returns the records of a CSV file.
func CSV(t testing.TB, r io.Reader) [][]string {
	t.Helper()
	records, err := csv.NewReader(r).ReadAll()
	OK(t, err)
	return records
}
