package desk

import (
	"context"
	"slices"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// Stored is a file in the store of contents that belongs to no session.
type Stored struct {
	Slot    session.Slot
	Name    string
	Content blob.Ref
}

// Submit passes the received files on to whoever keeps the list of them: from then on,
// put's row alone decides about them. If put does not keep them, or fails, they are the
// upload's as before.
func (in *Incoming) Submit(put func([]Stored) (kept bool, err error)) error {
	var files []Stored
	for _, f := range in.files {
		files = append(files, Stored{f.slot, f.name, f.ref})
	}
	kept, err := put(files)
	if err == nil && kept || err != nil && !session.Settled(err) {
		in.hand()
	}
	return err
}

// AddStored adds a copy of a stored file, as Add does.
func (in *Incoming) AddStored(ctx context.Context, f Stored) error {
	content, err := in.desk.contents.Open(ctx, f.Content)
	if err != nil {
		return blob.Missing(err)
	}
	defer content.Close()
	return in.Add(ctx, f.Slot, f.Name, content)
}

// Inputs returns a session's inputs of these names in Files, or all bills and order exports
// if there are no names. It fails with fault.NotFound if one is not there.
func Inputs(st session.State, names []string) (files []Stored, err error) {
	uploads := slices.DeleteFunc(inputs(st), func(f File) bool { return session.Slot(f.Role) == session.Amendments })
	chosen := uploads
	if len(names) > 0 {
		chosen = nil
	}
	for _, name := range names {
		i := slices.IndexFunc(uploads, func(f File) bool { return f.Name == name })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "the session has no upload of the name %.80q; /files lists what it has", name)
		}
		chosen = append(chosen, uploads[i])
	}
	for _, f := range chosen {
		files = append(files, Stored{session.Slot(f.Role), f.input.Name, f.input.Content})
	}
	return files, nil
}

// Free deletes contents that nothing names any more.
func (d *Desk) Free(ctx context.Context, contents []blob.Key) {
	d.drop(ctx, session.Removed{Contents: contents})
}
