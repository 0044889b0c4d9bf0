package cluster_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/linear"
	"tallyman/internal/testing/shipments"
)

// The model is DESIGN.md §6 as seen through HTTP. Unlike the model of sessiontest it does
// not see incarnations. It has three operations for one upload: an open or a look, which
// notes the incarnation; an attach to that incarnation; and the state in the answer, or
// the moment at which the incarnation was over (session_superseded) or the bills were
// others (session_changed). Orders, and bills to append, are attached only beside the bills
// that were noted.

// kind is a kind of operation.
type kind string

const (
	begin    kind = "begin"    // /new-session, /auto-reset
	clearing kind = "clear"    // /clear-session
	open     kind = "open"     // the first part of an upload of bills
	look     kind = "look"     // the first part of an upload of orders
	attach   kind = "attach"   // the second part of either
	figures  kind = "figures"  // the third, if it succeeded: the sheet in the answer
	over     kind = "over"     // the third, if it was superseded
	changed  kind = "changed"  // the third, if the bills were replaced
	noBills  kind = "no bills" // orders that are refused
	status   kind = "status"
	download kind = "download"
	amending kind = "amend" // an amendment is added, at a revision or at the newest
	stale    kind = "stale" // one that is refused, since the session has another revision
	listing  kind = "list"  // the amendments are read
)

// op is an operation as it was called.
type op struct {
	kind kind
	sid  string
	id   int // number of the request
	// For an attach.
	file   string // see fileOf
	orders bool
	add    bool
	// revision is that of an amendment, 0 for none; file is what it says.
	revision int64
}

// told is the answer to an operation.
type told struct {
	unknown bool   // the outcome is unknown, or it failed before or after it took effect
	exists  bool   // status
	files   string // in status, with ";" between them
	removed int    // the number of removed files
	bytes   int64  // and their size
	bills   int    // the number of bills in the answer to an upload
	sheet   string // what a download holds, see sheetOf; "none" for 404, also of a list
	// list are the amendments, each with ";", and revision is the session's.
	list     string
	revision int64
}

// fileOf names an attached file, whose name begins with the document's letter.
func fileOf(f api.File) string { return fmt.Sprintf("%s:%d", f.Name, f.Size) }

// sent is fileOf for an upload.
func sent(p api.Part) string { return fileOf(api.File{Name: p.Name, Size: int64(len(p.Content))}) }

// world is the state of one session ID.
type world struct {
	api.State[string]
	incarnation int // the request that began it
	revision    int64
	pending     map[int]noted // by the requests that are uploads under way
}

// noted is what an upload found when it began.
type noted struct {
	incarnation int
	first       string // see world.first
}

func (w world) equal(o world) bool {
	return w.Equal(o.State) && w.incarnation == o.incarnation && w.revision == o.revision && maps.Equal(w.pending, o.pending)
}

func (w world) removes(a told) bool {
	bytes := int64(0)
	for _, f := range w.Files() {
		_, size, _ := strings.Cut(f, ":")
		b, _ := strconv.ParseInt(size, 10, 64)
		bytes += b
	}
	if w.Amended != "" { // a file of unknown size
		return a.removed == len(w.Files())+1 && a.bytes > bytes
	}
	return a.removed == len(w.Files()) && a.bytes == bytes
}

// first is the first of the bills, "" if there are none. Each file has its own name, so
// it tells whether bills were replaced.
func (w world) first() string {
	if len(w.Bills) == 0 {
		return ""
	}
	return w.Bills[0]
}

// note records what an upload found when it began.
func (w world) note(id int) world {
	w.pending = maps.Clone(w.pending)
	w.pending[id] = noted{w.incarnation, w.first()}
	return w
}

func (w world) forget(id int) world {
	w.pending = maps.Clone(w.pending)
	delete(w.pending, id)
	return w
}

func (w world) begun(id int) world {
	return world{State: w.Begun(), incarnation: id, revision: 1, pending: w.pending}
}

func (w world) ended() world { return world{State: w.Ended(), pending: w.pending} }

func (w world) attached(o op) world {
	w.revision++
	switch {
	case o.orders:
		w.State = w.Ordered(o.file)
	case o.add:
		w.State = w.Appended(o.file)
	default:
		w.State = w.Replaced(o.file)
	}
	return w
}

func (w world) amended(o op) world {
	w.revision++
	w.State = w.AmendedBy(o.file)
	return w
}

// model holds the documents by letter, with their numbers of bills and lines.
type model map[string]shipments.Shipment

// sheetOf is the expected sheet: the lines of each letter, in order of the letters,
// and whether any has an order.
func (m model) sheetOf(s api.State[string]) string {
	lines := map[string]int{}
	for _, f := range s.Bills {
		lines[f[:1]] = m[f[:1]].Lines // bills that are there twice count once
	}
	return sheetOf(lines, slices.ContainsFunc(s.Orders, func(f string) bool { return lines[f[:1]] > 0 }))
}

func sheetOf(lines map[string]int, merged bool) string {
	var s strings.Builder
	for _, letter := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&s, "%s%d ", letter, lines[letter])
	}
	fmt.Fprint(&s, merged)
	return s.String()
}

// step returns the worlds that an operation with that answer can lead to.
func (m model) step(w world, o op, a told) []world {
	was, pending := w.pending[o.id]
	current := pending && w.Alive && was.incarnation == w.incarnation
	replaced := current && was.first != "" && was.first != w.first()
	empty := len(w.Bills) == 0
	// The world after it, whether it can take effect, and whether the answer is right then.
	next, can, right := w, true, true
	switch o.kind {
	case begin:
		next, right = w.begun(o.id), w.removes(a)
	case clearing:
		next, right = w.ended(), w.removes(a)
	case open:
		if !w.Alive {
			next = w.begun(o.id)
		}
		next = next.note(o.id)
	case look:
		next, can = w.note(o.id), !empty
	case attach:
		next, can = w.attached(o), current && !(replaced && (o.orders || o.add))
	case figures:
		bills, seen := 0, map[string]bool{}
		for _, f := range w.Bills {
			if letter := f[:1]; !seen[letter] {
				bills, seen[letter] = bills+m[letter].Count, true
			}
		}
		next, can, right = w.forget(o.id), current, a.bills == bills
	case over:
		next, can = w.forget(o.id), pending && !current
	case changed:
		next, can = w.forget(o.id), replaced
	case amending:
		next, can = w.amended(o), !empty && (o.revision == 0 || o.revision == w.revision)
		right = "+"+a.list == next.Amended && a.revision == next.revision
	case stale:
		can = w.Alive && o.revision != w.revision
	case listing:
		right = empty == (a.sheet == "none") &&
			(empty || a.list == strings.TrimPrefix(w.Amended, "+") && a.revision == w.revision)
	case noBills:
		can = empty
	case status:
		right = a.exists == w.Alive && (!w.Alive || a.files == strings.Join(w.Files(), ";"))
	case download:
		right = empty == (a.sheet == "none") && (empty || a.sheet == m.sheetOf(w.State))
	}
	switch {
	case a.unknown && can:
		return []world{w, next}
	case a.unknown:
		return []world{w}
	case can && right:
		return []world{next}
	}
	return nil
}

// history is what clients called and which answers they got. It is safe for
// concurrent use.
type history struct {
	model model
	start time.Time

	mu      sync.Mutex
	ops     []porcupine.Operation
	ids     int
	unknown int
}

func newHistory(m model) *history { return &history{model: m, start: time.Now()} }

// call is a request of a history.
type call struct {
	*history
	sid string
	id  int   // its number
	at  int64 // its time
}

// call begins a request for a session.
func (h *history) call(sid string) call {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids++
	return call{h, sid, h.ids, int64(time.Since(h.start))}
}

// record adds an operation of the request that was answered just now. If its outcome is
// unknown, it may take effect at any time.
func (k call) record(o op, a told) { k.recordUntil(o, a, !a.unknown) }

// recordUntil adds an operation. over says that it has ended by now, even if its outcome
// is unknown.
func (k call) recordUntil(o op, a told, over bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	end := int64(time.Since(k.start))
	if !over {
		end = 1 << 62
		k.unknown++
	}
	o.sid, o.id = k.sid, k.id
	k.ops = append(k.ops, porcupine.Operation{Input: o, Output: a, Call: k.at, Return: end})
}

// checkTime is the time after which the checker gives up on a history.
const checkTime = time.Minute

// full reports whether the history has reached the size that the checker can decide.
// It must try each operation of unknown outcome at every place.
func (h *history) full(most int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops) >= most || h.unknown >= most/10
}

// check fails if no order of the operations explains the answers.
func (h *history) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := linear.Model[string, world, op, told]{
		Init:  world{pending: map[int]noted{}},
		Step:  h.model.step,
		Equal: world.equal,
		Key:   func(o op) string { return o.sid },
	}
	err := m.Check(h.ops, checkTime)
	if errors.Is(err, linear.ErrUndecided) {
		return fmt.Errorf("%w, %d of unknown outcome", err, h.unknown)
	}
	return err
}
