package postgres

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"tallyman/internal/blob"
	"tallyman/internal/session"
)

// answer is the result of the schema's functions: tallyman.answer_1.
type answer struct {
	outcome, kind     string
	incarnation       [16]byte
	revision, created int64
	at, used          int64 // milliseconds since 1970

	list columns

	removedFiles, removedBytes int64
	removedContents            [][16]byte
	counted                    int64
}

// columns holds files in the form that the database's functions take and return: one list
// per field, with one element per file.
type columns struct {
	slots, names   []string
	contents       [][16]byte
	sizes          []int64
	sha256s        [][]byte
	readings       []pgtype.UUID
	readingSizes   []int64
	readingSHA256s [][]byte
	summaries      [][]byte
	attached       []int64
}

// row returns the scan targets of a session's row.
func (a *answer) row() []any {
	return []any{
		(*zeronull.Text)(&a.kind), (*zeronull.UUID)(&a.incarnation), (*zeronull.Int8)(&a.revision),
		(*zeronull.Int8)(&a.created), (*zeronull.Int8)(&a.used),
	}
}

// files returns the scan targets of the files.
func (a *answer) files() []any {
	l := &a.list
	return []any{
		&l.slots, &l.names, &l.contents, &l.sizes, &l.sha256s,
		&l.readings, &l.readingSizes, &l.readingSHA256s, &l.summaries, &l.attached,
	}
}

// targets returns the scan targets of the whole answer.
func (a *answer) targets() []any {
	t := []any{
		(*zeronull.Text)(&a.outcome), (*zeronull.Text)(&a.kind), (*zeronull.UUID)(&a.incarnation), (*zeronull.Int8)(&a.revision),
		(*zeronull.Int8)(&a.created), (*zeronull.Int8)(&a.at), (*zeronull.Int8)(&a.used),
	}
	t = append(t, a.files()...)
	return append(t,
		(*zeronull.Int8)(&a.removedFiles), (*zeronull.Int8)(&a.removedBytes), &a.removedContents, (*zeronull.Int8)(&a.counted))
}

func (a *answer) removed() session.Removed {
	return session.Removed{Files: int(a.removedFiles), Bytes: a.removedBytes, Contents: blobKeys(a.removedContents)}
}

// state returns the session that an answer describes. Its last use is the moment at which
// the operation took effect.
func (s *Store) state(key session.Key, a answer) (session.State, error) {
	st := session.State{
		Key:         key,
		Kind:        session.Kind(a.kind),
		Incarnation: a.incarnation,
		Revision:    a.revision,
		Created:     at(a.created),
		LastUsed:    at(a.at),
	}
	st.Expires = st.LastUsed.Add(s.settings.Lives.Of(st.Kind))
	l := a.list
	n := len(l.slots)
	for _, m := range []int{len(l.names), len(l.contents), len(l.sizes), len(l.sha256s), len(l.readings), len(l.readingSizes), len(l.readingSHA256s), len(l.summaries), len(l.attached)} {
		if m != n {
			return session.State{}, errNonsense(a)
		}
	}
	for i := range n {
		in := session.Input{Name: l.names[i], Attached: at(l.attached[i])}
		in.Content = blob.Ref{Key: blobKey(l.contents[i]), Size: l.sizes[i]}
		if copy(in.Content.SHA256[:], l.sha256s[i]) != len(in.Content.SHA256) {
			return session.State{}, errNonsense(a)
		}
		if l.readings[i].Valid {
			in.Reading = blob.Ref{Key: blobKey(l.readings[i].Bytes), Size: l.readingSizes[i]}
			copy(in.Reading.SHA256[:], l.readingSHA256s[i])
		}
		if l.summaries[i] != nil {
			in.Summary = json.RawMessage(l.summaries[i])
		}
		slot := session.Slot(l.slots[i])
		if !slices.Contains(session.Slots, slot) {
			return session.State{}, errNonsense(a)
		}
		files := st.In(slot)
		*files = append(*files, in)
	}
	if !st.Kind.Valid() {
		return session.State{}, errNonsense(a)
	}
	return st, nil
}

// after returns the session that an answer describes, and what was removed.
func (s *Store) after(key session.Key, a answer) (session.State, session.Removed, error) {
	st, err := s.state(key, a)
	if err != nil {
		return st, session.Removed{}, err
	}
	return st, a.removed(), nil
}

// filesOf returns the files that an attach passes.
func filesOf(files []session.Input) columns {
	var l columns
	for _, f := range files {
		content, _ := uuidOf(f.Content.Key) // checked
		reading, ok := uuidOf(f.Reading.Key)
		l.names = append(l.names, f.Name)
		l.contents = append(l.contents, content)
		l.sizes = append(l.sizes, f.Content.Size)
		l.sha256s = append(l.sha256s, f.Content.SHA256[:])
		l.readings = append(l.readings, pgtype.UUID{Bytes: reading, Valid: ok})
		l.readingSizes = append(l.readingSizes, f.Reading.Size)
		l.readingSHA256s = append(l.readingSHA256s, f.Reading.SHA256[:])
		l.summaries = append(l.summaries, f.Summary)
	}
	return l
}

// inputsOf returns the files that an import passes: all files of a state.
func inputsOf(st session.State) columns {
	l := filesOf(st.Inputs())
	for _, slot := range session.Slots {
		for range *st.In(slot) {
			l.slots = append(l.slots, string(slot))
		}
	}
	for _, in := range st.Inputs() {
		l.attached = append(l.attached, in.Attached.UnixMilli())
	}
	return l
}

// at returns the time that is ms milliseconds after 1970.
func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// uuidOf converts a content's key to the form that the database keeps.
func uuidOf(k blob.Key) (id [16]byte, ok bool) {
	if !k.Valid() {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(k))
	return id, err == nil
}

func blobKey(id [16]byte) blob.Key { return blob.Key(hex.EncodeToString(id[:])) }

func blobKeys(ids [][16]byte) []blob.Key {
	var keys []blob.Key
	for _, id := range ids {
		keys = append(keys, blobKey(id))
	}
	return keys
}

// errNonsense reports an answer that no function of the schema can return.
func errNonsense(a answer) error {
	return fmt.Errorf("the database gave an invalid answer: outcome %q, kind %q, %d files", a.outcome, a.kind, len(a.list.slots))
}
