package sqlite

import (
	"crypto/rand"
	"errors"
	"os"
	"time"
)

// The reserve is a file that only takes up room. When the disk is full it is
// given up, so that sessions can still be cleared and swept: even a deletion has
// to be written down first. It comes back when there is room again.
type reserve struct {
	path  string
	size  int64 // bytes, 0 for no reserve
	there bool
	tried time.Time
}

const (
	reserveName = "RESERVE"
	// reserveEvery is the pause between attempts to get the reserve back.
	reserveEvery = time.Second
)

// giveUp deletes the reserve, and reports whether that made room.
func (r *reserve) giveUp() bool {
	if !r.there {
		return false
	}
	r.there = false
	return os.Remove(r.path) == nil
}

// restore creates the reserve again, unless it exists or was tried moments ago.
func (r *reserve) restore() {
	if r.there || r.size == 0 || time.Since(r.tried) < reserveEvery {
		return
	}
	r.tried = time.Now()
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.size {
		r.there = true
		return
	}
	b := make([]byte, r.size)
	rand.Read(b) // what can be compressed may take no room
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if r.there = errors.Join(err, f.Close()) == nil; !r.there {
		os.Remove(r.path)
	}
}
