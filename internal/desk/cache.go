package desk

import (
	"bytes"
	"container/list"
	"slices"
	"sync"

	"tallyman/internal/blob"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
)

// cacheRows bounds the cached sheets by the sum of their rows, each of about 2 kB.
const cacheRows = 20_000

// cache keeps the sheets that were used last, by their inputs; see inputsOf.
type cache struct {
	mu      sync.Mutex
	byKey   map[string]*list.Element
	byInput map[blob.Key][]*list.Element
	used    *list.List // of *entry, last used first
	rows    int
}

// entry is a sheet and, after it was first used, its CSV.
type entry struct {
	of     string     // the sheet's inputs
	inputs []blob.Key // the same, one by one
	sheet  *sheet.Sheet
	takes  int64 // bytes of memory

	profile *profile.Profile // of the session, nil for none

	once sync.Once
	csv  []byte
	err  error
}

func newEntry(st session.State, s *sheet.Sheet, own *profile.Profile) *entry {
	e := &entry{of: inputsOf(st), sheet: s, takes: takes(st), profile: own}
	for _, in := range st.Inputs() {
		e.inputs = append(e.inputs, sourceOf(in))
	}
	return e
}

func (e *entry) bytes() ([]byte, error) {
	e.once.Do(func() {
		defer unbroken(&e.err)
		var b bytes.Buffer
		e.err = sheet.WriteCSV(&b, e.sheet)
		e.csv = b.Bytes()
	})
	return e.csv, e.err
}

// facts returns what listings say about the sheet.
func (e *entry) facts() (*sheetFacts, error) {
	csv, err := e.bytes()
	return &sheetFacts{Of: e.of, CSV: int64(len(csv))}, err
}

func newCache() *cache {
	return &cache{byKey: map[string]*list.Element{}, byInput: map[blob.Key][]*list.Element{}, used: list.New()}
}

func (c *cache) get(key string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byKey[key]
	if !ok {
		return nil
	}
	c.used.MoveToFront(el)
	return el.Value.(*entry)
}

// put caches a sheet, unless it is too large, and returns its entry.
func (c *cache) put(key string, e *entry) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byKey[key]; ok {
		return el.Value.(*entry)
	}
	if len(e.sheet.Rows) > cacheRows {
		return e
	}
	el := c.used.PushFront(e)
	c.byKey[key] = el
	for _, in := range e.inputs {
		c.byInput[in] = append(c.byInput[in], el)
	}
	c.rows += len(e.sheet.Rows)
	for c.rows > cacheRows {
		c.remove(c.used.Back())
	}
	return e
}

// spill removes the sheets that were used longest ago, until they took so many bytes of
// memory together. It returns false if there are none.
func (c *cache) spill(bytes int64) (some bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for last := c.used.Back(); last != nil && bytes > 0; last = c.used.Back() {
		bytes -= last.Value.(*entry).takes
		some = true
		c.remove(last)
	}
	return some
}

func (c *cache) remove(el *list.Element) {
	e := c.used.Remove(el).(*entry)
	delete(c.byKey, e.of)
	for _, in := range e.inputs {
		left := slices.DeleteFunc(c.byInput[in], func(other *list.Element) bool { return other == el })
		if c.byInput[in] = left; len(left) == 0 {
			delete(c.byInput, in)
		}
	}
	c.rows -= len(e.sheet.Rows)
}

// forget removes the sheets made of some contents.
func (c *cache) forget(gone []blob.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, in := range gone {
		for _, el := range slices.Clone(c.byInput[in]) {
			c.remove(el)
		}
	}
}
