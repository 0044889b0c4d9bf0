package load

import (
	"fmt"
	"maps"
	"sync"
)

// Counts counts things by kind. It is safe for concurrent use; the zero value is empty.
type Counts struct {
	mu sync.Mutex
	m  map[string]int
}

// Add counts n of a kind.
func (c *Counts) Add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]int{}
	}
	c.m[what] += n
}

// All returns all counts.
func (c *Counts) All() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.m)
}

// Get returns the count of a kind.
func (c *Counts) Get(what string) int { return c.All()[what] }

// Sum returns the sum of all counts.
func (c *Counts) Sum() (n int) {
	for _, k := range c.All() {
		n += k
	}
	return n
}

// String returns all counts, for people.
func (c *Counts) String() string { return fmt.Sprint(c.All()) }

// Take returns the counts since the last call.
func (c *Counts) Take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.m
	c.m = nil
	return m
}
