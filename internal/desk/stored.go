package desk

import (
	"context"

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
// if there are no names. It fails with fault.NotFound if one is not there, and with
// fault.BadRequest for a name of something else.
func Inputs(st session.State, names []string) (files []Stored, err error) {
	all := inputs(st)
	if len(names) == 0 {
		for _, f := range all {
			if session.Slot(f.Role) != session.Amendments {
				files = append(files, Stored{session.Slot(f.Role), f.input.Name, f.input.Content})
			}
		}
		return files, nil
	}
next:
	for _, name := range names {
		for _, f := range all {
			if f.Name != name {
				continue
			}
			if session.Slot(f.Role) == session.Amendments {
				break
			}
			files = append(files, Stored{session.Slot(f.Role), f.input.Name, f.input.Content})
			continue next
		}
		return nil, fault.New(fault.NotFound, "the session has no upload of the name %.80q; /files lists what it has", name)
	}
	return files, nil
}

// Free deletes contents that nothing names any more.
func (d *Desk) Free(ctx context.Context, contents []blob.Key) {
	d.drop(ctx, session.Removed{Contents: contents})
}
