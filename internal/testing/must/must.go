// Package must gives tests what they need, or ends them with the error.
package must

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"sync"
	"testing"
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

// OK ends the test with the error, if there is one.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
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
