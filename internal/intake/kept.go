package intake

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"tallyman/internal/intake/pdf"
	"tallyman/internal/page"
)

// The bounds of what is kept of pages that were read from pictures. A full page takes about
// 30 KB.
const (
	keptBytes = 48 << 20      // of all owners
	keptEach  = keptBytes / 4 // of one owner, so that none pushes out all others
	keptTime  = 1 * time.Hour // since it was last used
	keptTakes = 300           // what an entry takes beside its page
)

// Kept keeps what was read of pictures of pages, since that takes seconds a page: an upload
// that failed for another of its files, that was cancelled or that is sent again goes on where
// it was. Pages are known by their owner, the SHA-256 of their file, and their number in it: no
// owner learns, be it by the time an answer takes, what another has sent. The sum is made in
// this process, not by the worker, which parses hostile files. Pages are in its memory
// alone, up to 48 MB and a quarter of that for each owner, until they were not used for an
// hour; so each was read by this version of the program. It is safe for concurrent use, by
// several Readers.
type Kept struct {
	mu     sync.Mutex
	now    func() time.Time
	all    int64
	owners map[string]int64 // bytes
	pages  map[keptPage]*list.Element
	used   *list.List // of *keptEntry, the last used first
}

type keptPage struct {
	owner  string
	file   [sha256.Size]byte
	number int
}

type keptEntry struct {
	keptPage
	wire []byte // as pdf.AppendPage writes it, so that no caller changes what others get
	at   time.Time
}

func (e *keptEntry) takes() int64 { return int64(len(e.wire)+len(e.owner)) + keptTakes }

// NewKept returns a Kept without pages.
func NewKept() *Kept {
	return &Kept{now: time.Now, owners: map[string]int64{}, pages: map[keptPage]*list.Element{}, used: list.New()}
}

// get returns a page, nil if it is not kept.
func (k *Kept) get(p keptPage) *page.Page {
	k.mu.Lock()
	k.expire()
	e := k.pages[p]
	if e == nil {
		k.mu.Unlock()
		return nil
	}
	entry := e.Value.(*keptEntry)
	entry.at = k.now()
	k.used.MoveToFront(e)
	k.mu.Unlock()
	out, err := pdf.ParsePage(entry.wire)
	if err != nil {
		return nil
	}
	return &out
}

// put keeps a page. A page of more than an owner may have is not kept.
func (k *Kept) put(p keptPage, read *page.Page) {
	entry := &keptEntry{p, bytes.Clone(pdf.AppendPage(nil, read)), k.now()}
	if entry.takes() > keptEach {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	if e := k.pages[p]; e != nil {
		k.drop(e)
	}
	k.pages[p] = k.used.PushFront(entry)
	k.all += entry.takes()
	k.owners[p.owner] += entry.takes()
	for e := k.used.Back(); e != nil && (k.all > keptBytes || k.owners[p.owner] > keptEach); {
		before := e.Prev()
		if k.all > keptBytes || e.Value.(*keptEntry).owner == p.owner {
			k.drop(e)
		}
		e = before
	}
}

// expire drops what was not used for keptTime.
func (k *Kept) expire() {
	old := k.now().Add(-keptTime)
	for e := k.used.Back(); e != nil && e.Value.(*keptEntry).at.Before(old); e = k.used.Back() {
		k.drop(e)
	}
}

func (k *Kept) drop(e *list.Element) {
	entry := k.used.Remove(e).(*keptEntry)
	delete(k.pages, entry.keptPage)
	k.all -= entry.takes()
	if k.owners[entry.owner] -= entry.takes(); k.owners[entry.owner] == 0 {
		delete(k.owners, entry.owner)
	}
}
