package session

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
)

// Slot is a place for files in a session.
type Slot string

// The slots.
const (
	BOL    Slot = "bol"
	Orders Slot = "orders"
	// Amendments has at most one file: the whole list of what people added to what was
	// read (DESIGN.md §11). Whoever changes it replaces it, at the revision of the state
	// that the change was made from.
	Amendments Slot = "amendments"
)

// Slots are all slots, in the order of State.Inputs.
var Slots = []Slot{BOL, Orders, Amendments}

// Mode says what an attach does with the files that are in the slot.
type Mode string

// The modes.
const (
	// Replace puts the new files in place of the old ones. Replacing the BOL also
	// drops order exports and amendments, which belong to the old bills.
	Replace Mode = "replace"
	// Append adds files to the BOL or to the order exports, and keeps everything else.
	Append Mode = "append"
	// Detach takes files away and keeps everything else. Files are matched by their
	// Content. It fails with Changed if one of them is gone.
	Detach Mode = "detach"
	// Update gives files that are in the slot a new reading and summary, and keeps
	// everything else. Files are matched by their Content. It fails with Changed if
	// one of them is gone.
	Update Mode = "update"
)

// Limits on what is attached.
const (
	MaxFiles   = 100     // files of one BOL, and order exports
	MaxSummary = 8 << 10 // bytes of an Input's Summary
	MaxName    = 255     // bytes of an Input's Name
)

// Attachment is a change to the inputs of a session. All of it takes effect, or
// nothing.
type Attachment struct {
	// Incarnation is the incarnation in which the upload began: that of the State
	// that Open, New or Get returned before the upload's first byte was stored.
	Incarnation Incarnation
	// Revision, unless 0, must equal the State's revision; otherwise the attach fails
	// with Changed. It is for changes that depend on an earlier state.
	Revision int64
	Slot     Slot
	Mode     Mode
	// Files are the files to attach, one or more; exactly one for Amendments.
	Files []Input
}

// Check returns a fault with code fault.BadRequest if the attachment makes no
// sense, whatever the session's state. Every Store calls it first.
func (a Attachment) Check() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.BadRequest, "attaching files: "+format, args...)
	}
	switch {
	case !slices.Contains(Slots, a.Slot):
		return bad("there is no slot %q", a.Slot)
	case a.Mode != Replace && a.Mode != Append && a.Mode != Update && a.Mode != Detach:
		return bad("there is no mode %q", a.Mode)
	case a.Slot == Amendments && a.Mode != Replace && a.Mode != Detach:
		return bad("amendments are replaced as a whole")
	case len(a.Files) == 0:
		return bad("there is no file")
	case a.Slot == Amendments && len(a.Files) > 1:
		return bad("a session has one list of amendments, not %d", len(a.Files))
	}
	seen := map[blob.Key]bool{}
	for _, f := range a.Files {
		if err := f.check(seen, bad); err != nil {
			return err
		}
	}
	return nil
}

// Attach returns the state after the attachment took effect at a time, and what it
// removed. Every Store applies this rule when it commits an attach, to the live state
// of that instant. a must have passed Check and is not changed.
//
// It fails with Superseded if the state is of another incarnation, with Changed if it
// has another revision than a asks for or lacks a file to update or detach, and with
// TooManyFiles.
func (s State) Attach(a Attachment, at time.Time) (State, Removed, error) {
	if a.Incarnation != s.Incarnation {
		return State{}, Removed{}, ErrSuperseded()
	}
	if a.Revision != 0 && a.Revision != s.Revision {
		return State{}, Removed{}, ErrChanged()
	}
	files := make([]Input, len(a.Files))
	for i, f := range a.Files {
		f.Attached = at
		files[i] = f
	}
	next := s
	next.Revision++
	slot := next.In(a.Slot)
	switch a.Mode {
	case Update, Detach:
		left, n := changed(*slot, files, a.Mode == Detach)
		if n != len(files) {
			return State{}, Removed{}, ErrChanged()
		}
		*slot = left
	case Append:
		*slot = append((*slot)[:len(*slot):len(*slot)], files...)
	default:
		if a.Slot == BOL {
			next.Orders, next.Amendments = nil, nil
		}
		*slot = files
	}
	if len(*slot) > MaxFiles {
		return State{}, Removed{}, ErrTooManyFiles(a.Slot, len(*slot))
	}
	return next, s.lost(next), nil
}

// In returns the files of a slot, to be read or changed.
func (s *State) In(slot Slot) *[]Input {
	switch slot {
	case BOL:
		return &s.BOL
	case Orders:
		return &s.Orders
	default:
		return &s.Amendments
	}
}

// changed returns the files of a slot after some of them, matched by their Content, got a
// new reading or were taken away. n is how many of these are in the slot.
func changed(slot, files []Input, detach bool) (left []Input, n int) {
	for _, in := range slot {
		if i := slices.IndexFunc(files, func(f Input) bool { return f.Content == in.Content }); i >= 0 {
			n++
			if detach {
				continue
			}
			f := files[i]
			f.Name, f.Attached = in.Name, in.Attached
			in = f
		}
		left = append(left, in)
	}
	return left, n
}

// lost returns what s holds and next does not.
func (s State) lost(next State) Removed {
	kept := map[blob.Key]bool{}
	for _, k := range next.Contents() {
		kept[k] = true
	}
	var r Removed
	for _, in := range s.Inputs() {
		if !kept[in.Content.Key] {
			r.Files++
			r.Bytes += in.Content.Size
		}
	}
	for _, k := range s.Contents() {
		if !kept[k] {
			r.Contents = append(r.Contents, k)
		}
	}
	return r
}

// FileName makes a file's name as a client sent it fit to be an Input's: valid
// UTF-8 without control characters, at most MaxName bytes, only the part after
// the last slash or backslash (browsers of old send whole paths). It may be "".
func FileName(raw string) string {
	if len(raw) > 64<<10 {
		raw = raw[len(raw)-64<<10:]
	}
	name := strings.ToValidUTF8(raw, "\uFFFD")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimSpace(name)
	if len(name) > MaxName {
		cut := MaxName
		for !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = strings.TrimSpace(name[:cut])
	}
	return name
}
