package desk

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/profile"
	"tallyman/internal/session"
)

// Incoming are files that are being uploaded: stored, but not part of a session until
// they are attached. The caller must discard what it does not attach.
type Incoming struct {
	custody
	owner    session.Owner
	leave    func(stored int64)
	files    []received
	arriving int64 // bytes that count as the owner's until the end
	ended    bool
	once     string
	newest   *profile.Profile // of the owner when the upload began; nil for none
	columns  []string         // see MapColumns
	keep     bool             // see KeepUnread
}

// KeyReused is the code of an upload that is named like another, of other files.
const KeyReused fault.Code = "idempotency_key_reused"

// Once names the upload: if the session has the files of an upload of that name
// already, they are not attached again. "" is not a name. It can be called once, before
// attaching.
func (in *Incoming) Once(name string) { in.once = name }

// KeepUnread attaches a document even if no bill can be read of it, so that its form can be
// taught. It is called before attaching.
func (in *Incoming) KeepUnread() { in.keep = true }

// again reports whether a state has the files of this upload to a slot already. It fails
// with KeyReused if it has others under its name.
func (in *Incoming) again(st session.State, slot session.Slot) (bool, error) {
	if in == nil || in.once == "" {
		return false, nil
	}
	var sums []blob.Sum
	for _, f := range *st.In(slot) {
		if uploadOf(f) == in.once {
			sums = append(sums, f.Content.SHA256)
		}
	}
	if sums == nil {
		return false, nil
	}
	files := in.of(slot)
	if !slices.EqualFunc(sums, files, func(sum blob.Sum, f received) bool { return sum == f.ref.SHA256 }) {
		return false, fault.New(KeyReused, "an upload of other files had the same Idempotency-Key; use a new key for each upload")
	}
	return true, nil
}

// uploadOf returns the name of the upload that a file came with, "" for none.
func uploadOf(in session.Input) string {
	var s struct{ Upload string }
	_ = json.Unmarshal(in.Summary, &s) // an input without a summary has no name
	return s.Upload
}

type received struct {
	slot session.Slot
	name string
	ref  blob.Ref
}

// Receive begins to receive files of an owner, whose present profile is that of the upload.
// It waits a while if the owner has too many uploads under way, and then fails with
// fault.Busy; it also fails as Profile does.
// The caller must Discard the result.
func (d *Desk) Receive(ctx context.Context, owner session.Owner) (*Incoming, error) {
	newest, err := d.Profile(ctx, owner)
	if err != nil {
		return nil, err
	}
	end, err := d.owners.begin(ctx, owner)
	if err != nil {
		return nil, err
	}
	return &Incoming{custody: custody{desk: d}, owner: owner, leave: end, newest: newest.Profile}, nil
}

// Add stores the next file of a slot. It reads the content once, to its end, and never
// holds it in memory as a whole. The name is the client's, for display only. Add fails
// with the codes of storage, with session.TooManyFiles, with OwnerLimit, and with the
// errors of the reader; then it keeps nothing of this file.
func (in *Incoming) Add(ctx context.Context, slot session.Slot, name string, content io.Reader) error {
	if len(in.of(slot)) >= session.MaxFiles {
		return fault.New(session.TooManyFiles, "the request has more than %d files; send fewer at once", session.MaxFiles)
	}
	m := &meter{Reader: content, ctx: ctx, desk: in.desk, owner: in.owner}
	ref, err := in.put(ctx, m)
	in.arriving += m.fits
	if err != nil {
		return err
	}
	in.files = append(in.files, received{slot, session.FileName(name), ref})
	return nil
}

// Leave deletes files that turned out to be superfluous, by their numbers: 0 is the
// first that was added.
func (in *Incoming) Leave(numbers ...int) {
	var gone []blob.Key
	var left []received
	for i, f := range in.files {
		if slices.Contains(numbers, i) {
			gone = append(gone, f.ref.Key)
		} else {
			left = append(left, f)
		}
	}
	in.files = left
	in.giveBack(context.Background(), gone)
}

// Name renames the file added last, for requests that name a file after its content. An
// empty name changes nothing.
func (in *Incoming) Name(name string) {
	if name = session.FileName(name); name != "" && len(in.files) > 0 {
		in.files[len(in.files)-1].name = name
	}
}

// Len returns the number of files.
func (in *Incoming) Len() int { return len(in.files) }

// Size returns the size of all files, in bytes.
func (in *Incoming) Size() int64 {
	var n int64
	for _, f := range in.files {
		n += f.ref.Size
	}
	return n
}

// First returns the name of the first file, "" if there is none.
func (in *Incoming) First() string {
	if len(in.files) == 0 {
		return ""
	}
	return in.files[0].name
}

// Discard ends the upload, and deletes the files that were not attached. It does nothing
// to attached ones.
func (in *Incoming) Discard() {
	in.end(context.Background(), nil)
	if !in.ended {
		in.ended = true
		in.leave(in.arriving)
	}
}

// of returns the files of a slot.
func (in *Incoming) of(slot session.Slot) (files []received) {
	for _, f := range in.files {
		if f.slot == slot {
			files = append(files, f)
		}
	}
	return files
}

// open opens the files of a slot for reading.
func (in *Incoming) open(ctx context.Context, slot session.Slot) (files []intake.File, closeAll func(), err error) {
	var open []io.Closer
	closeAll = func() {
		for _, c := range open {
			c.Close()
		}
	}
	for _, f := range in.of(slot) {
		content, err := in.desk.contents.Open(ctx, f.ref)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		open = append(open, content)
		files = append(files, intake.File{Name: f.name, ReaderAt: content, Size: f.ref.Size})
	}
	return files, closeAll, nil
}
