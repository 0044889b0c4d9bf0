package pdf

import (
	"maps"
	"strings"
	"sync"
)

// Counts says which pages were read how since the start.
type Counts struct {
	// Fast pages were read without PDFium, Slow pages with it.
	Fast, Slow int64
	// Judged pages were read in both ways to compare them; Differing pages differed.
	Judged, Differing int64
	// Declined has for each reason how many documents or pages it left to PDFium.
	Declined map[string]int64
}

// Add adds the counts of another reader.
func (c *Counts) Add(o Counts) {
	c.Fast += o.Fast
	c.Slow += o.Slow
	c.Judged += o.Judged
	c.Differing += o.Differing
	if c.Declined == nil {
		c.Declined = map[string]int64{}
	}
	for reason, n := range o.Declined {
		c.Declined[reason] += n
	}
}

// maxReasons bounds the reasons that are counted: a worker that a document has taken over
// may send any.
const maxReasons = 200

type counts struct {
	mu sync.Mutex
	Counts
}

// Counts returns the counts of this Reader.
func (r *Reader) Counts() Counts {
	c := &r.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.Counts
	out.Declined = maps.Clone(out.Declined)
	return out
}

func (c *counts) pages(n int, fast bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fast {
		c.Fast += int64(n)
	} else {
		c.Slow += int64(n)
	}
}

func (c *counts) judge(differs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Judged++
	if differs {
		c.Differing++
	}
}

func (c *counts) declined(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Declined == nil {
		c.Declined = map[string]int64{}
	}
	if len(why) > 60 || strings.ContainsFunc(why, func(r rune) bool { return r < ' ' || r > '~' }) {
		why = "unknown"
	}
	if _, known := c.Declined[why]; known || len(c.Declined) < maxReasons {
		c.Declined[why]++
	}
}
