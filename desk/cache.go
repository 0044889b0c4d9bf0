package desk

import (
	"bytes"
	"container/list"
	"strings"
	"sync"

	"tallyman/session"
	"tallyman/sheet"
)

// cacheRows bounds the sheets that are kept ready, by the sum of their rows: some
// 2 kB each.
const cacheRows = 20_000

// cache keeps the last sheets that were asked for. Contents never change, so
// that a sheet is known by the keys of what it is made of, and can never be that
// of another session or of an earlier life of this one.
type cache struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	used  *list.List // of *entry, last used first
	rows  int
}

// entry is a sheet and, once somebody has asked for it, its CSV.
type entry struct {
	key   string
	sheet *sheet.Sheet

	once sync.Once
	csv  []byte
	err  error
}

func (e *entry) bytes() ([]byte, error) {
	e.once.Do(func() {
		var b bytes.Buffer
		e.err = sheet.WriteCSV(&b, e.sheet)
		e.csv = b.Bytes()
	})
	return e.csv, e.err
}

func newCache() *cache {
	return &cache{byKey: map[string]*list.Element{}, used: list.New()}
}

func cacheKey(st session.State) string {
	var b strings.Builder
	for _, in := range st.Inputs() {
		b.WriteString(string(in.Reading.Key))
	}
	return b.String()
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

// put keeps a sheet, unless it is too large, and returns its entry.
func (c *cache) put(key string, s *sheet.Sheet) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byKey[key]; ok {
		return el.Value.(*entry)
	}
	e := &entry{key: key, sheet: s}
	if len(s.Rows) > cacheRows {
		return e
	}
	c.byKey[key] = c.used.PushFront(e)
	c.rows += len(s.Rows)
	for c.rows > cacheRows {
		last := c.used.Remove(c.used.Back()).(*entry)
		delete(c.byKey, last.key)
		c.rows -= len(last.sheet.Rows)
	}
	return e
}
