package main

import (
	"io"
	"sync"
	"time"
)

// lines writes together the lines of a log that come within linesWait, without making those
// who log wait for it: writing each by itself costs a busy server and whatever reads its
// log more than a short request does. A program that is killed loses the lines that are held.
type lines struct {
	w io.Writer

	mu      sync.Mutex
	changed sync.Cond
	held    []byte
	other   []byte // the memory of what was written before
	writing bool   // there is a goroutine that writes what is held
}

const (
	// linesWait is for how long lines are held.
	linesWait = 5 * time.Millisecond
	// linesHeld is how many bytes are held; further lines wait, as for a full pipe.
	linesHeld = 64 << 10
)

func newLines(w io.Writer) *lines {
	l := &lines{w: w}
	l.changed.L = &l.mu
	return l
}

// Write implements io.Writer. Faults of the log have nowhere to go, as in package slog.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.held) > linesHeld {
		l.changed.Wait()
	}
	l.held = append(l.held, p...)
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return len(p), nil
}

func (l *lines) write() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.held) > 0 {
		l.mu.Unlock()
		time.Sleep(linesWait)
		l.mu.Lock()
		b := l.held
		l.held = l.other[:0]
		l.mu.Unlock()
		_, _ = l.w.Write(b)
		l.mu.Lock()
		l.other = b
		l.changed.Broadcast()
	}
	l.writing = false
	l.changed.Broadcast()
}

// flush waits until everything is written.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.changed.Wait()
	}
}
