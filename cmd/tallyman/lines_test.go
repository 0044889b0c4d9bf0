package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// slowLog counts the writes and lets none pass until it is opened.
type slowLog struct {
	open chan struct{}

	mu     sync.Mutex
	text   strings.Builder
	writes int
}

func (s *slowLog) Write(p []byte) (int, error) {
	<-s.open
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.text.Write(p)
}

// Lines that come together are written together, each whole and once; those who log do not
// wait for whoever reads the log until much is held.
func TestLinesOfTheLogAreWrittenTogether(t *testing.T) {
	w := &slowLog{open: make(chan struct{})}
	l := newLines(w)
	const loggers, each = 8, 200
	var all sync.WaitGroup
	for i := range loggers {
		all.Go(func() {
			for j := range each {
				fmt.Fprintf(l, "line %d of %d\n", j, i)
			}
		})
	}
	all.Wait() // although nothing is written
	full := make(chan struct{})
	go func() {
		for range 2 {
			fmt.Fprintln(l, strings.Repeat("x", linesHeld))
		}
		close(full)
	}()
	close(w.open)
	<-full
	l.flush()
	got := strings.Split(strings.TrimSuffix(w.text.String(), "\n"), "\n")
	next := [loggers]int{}
	for _, line := range got {
		var i, j int
		if n, _ := fmt.Sscanf(line, "line %d of %d", &j, &i); n == 2 {
			if j != next[i] {
				t.Fatalf("after line %d of %d comes %d", next[i]-1, i, j)
			}
			next[i]++
		} else if len(line) != linesHeld {
			t.Fatalf("a line is %.40q", line)
		}
	}
	if len(got) != loggers*each+2 || w.writes >= len(got)/2 {
		t.Errorf("%d lines in %d writes", len(got), w.writes)
	}
}
