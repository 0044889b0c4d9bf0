// Package pairingtest makes sheets of invented papers, for tests of what pairs them.
package pairingtest

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/pairing"
	"tallyman/internal/sheet"
)

// Maker reads invented files: "%PDF- A B" is a PDF of the bills A and B, "A B" an export with
// orders of them.
type Maker struct {
	Made  atomic.Int64
	Fails func(name string) error // if not nil, is asked before each reading

	mu    sync.Mutex
	pairs []string
}

func (m *Maker) Numbers(_ context.Context, _ pairing.Role, f intake.File) ([]string, error) {
	if m.Fails != nil {
		if err := m.Fails(f.Name); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	words := strings.Fields(strings.TrimPrefix(string(b), "%PDF-"))
	if err == nil && (len(words) == 0 || words[0] == "junk") {
		err = fault.New(fault.NotAnOrderFile, "it has nothing that can be read")
	}
	return words, err
}

func (m *Maker) Make(ctx context.Context, bills, exports []intake.File) (*sheet.Sheet, error) {
	m.Made.Add(1)
	var of []string
	for _, files := range [][]intake.File{bills, exports} {
		var names []string
		for _, f := range files {
			if _, err := m.Numbers(ctx, "", f); err != nil {
				return nil, err
			}
			names = append(names, f.Name)
		}
		of = append(of, strings.Join(names, "+"))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pairs = append(m.pairs, strings.Join(of, " "))
	return sheet.Make(&bol.Document{}, nil), nil
}

// Dead runs a process until it comes to a step for the nth time, at which it stops for ever, as a
// killed one does. It reports whether that was so; else the process ended before. at is what the
// process calls at its steps.
func Dead(at *func(string), step string, nth int64, run func(context.Context) error) (met bool) {
	stop, ended := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	*at = func(is string) {
		if is == step && n.Add(1) == nth {
			close(stop)
			select {}
		}
	}
	go func() {
		run(context.Background())
		close(ended)
	}()
	select {
	case <-stop:
		return true
	case <-ended:
		return false
	}
}

// Pairs returns the names of the files of which sheets were made.
func (m *Maker) Pairs() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pairs
}
