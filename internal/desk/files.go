package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
)

// SheetName is the name of the sheet among a session's files.
const SheetName = "combined_data.csv"

// AmendmentsName is the name of the list of amendments among them.
const AmendmentsName = "amendments.json"

// File is one of a session's files, as clients see it.
type File struct {
	// Name is unique within the session.
	Name string
	// Size is in bytes.
	Size int64
	// Type is the kind of the file: "pdf", "csv", "xlsx", "xls" or "json".
	Type string
	// Role is the purpose of the file: "sheet", "bol", "orders" or "amendments".
	Role string
	// Uploaded is the name that the file came with, and Attached when; zero for the sheet.
	Uploaded string
	Attached time.Time

	input *session.Input // nil for the sheet
	at    int            // the index of the input among those of its role
}

// Files returns the session's files: the sheet, if there are bills, and the inputs
// under the names that they were uploaded with. Equal names get a number. The caller must
// not change the list.
func (d *Desk) Files(ctx context.Context, st session.State) ([]File, error) {
	if len(st.BOL) == 0 {
		return Named(st), nil
	}
	at := listed{st.Incarnation, st.Revision}
	if files := d.listings.get(at); files != nil {
		return files, nil
	}
	files := Named(st)
	var err error
	if files[0].Size, err = d.csvSize(ctx, st); err == nil {
		d.listings.put(at, files)
	}
	return files, err
}

// listings keeps the files of some states, which never change: clients ask for the status of
// a session again and again, and the kinds and sizes of files are in JSON.
type listings struct {
	mu sync.Mutex
	of map[listed][]File
}

type listed struct {
	session.Incarnation
	revision int64
}

// The bounds of listings: states, and files of one.
const (
	maxListings = 1000
	maxListed   = 20
)

func (l *listings) get(at listed) []File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[at]
}

func (l *listings) put(at listed, files []File) {
	if len(files) > maxListed {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil || len(l.of) == maxListings {
		l.of = map[listed][]File{}
	}
	l.of[at] = files
}

// Named returns the session's files like Desk.Files, but without the size of the sheet,
// for which the sheet may have to be made.
func Named(st session.State) []File {
	if len(st.BOL) == 0 {
		return inputs(st)
	}
	return append([]File{{Name: SheetName, Type: "csv", Role: "sheet"}}, inputs(st)...)
}

// inputs names the session's inputs.
func inputs(st session.State) []File {
	taken := map[string]bool{SheetName: true}
	unique := func(name string) string {
		ext := path.Ext(name)
		base := strings.TrimSuffix(name, ext)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s (%d)%s", base, n, ext)
		}
		taken[name] = true
		return name
	}
	var files []File
	add := func(slot session.Slot, list []session.Input, at int, unnamed, kind string) {
		in := &list[at]
		files = append(files, File{Name: unique(cmp.Or(in.Name, unnamed)), Size: in.Content.Size, Type: kind, Role: string(slot),
			Uploaded: in.Name, Attached: in.Attached, input: in, at: at})
	}
	for i := range st.BOL {
		add(session.BOL, st.BOL, i, "bol.pdf", "pdf")
	}
	for i := range st.Orders {
		kind := ordersKind(st.Orders[i].Summary)
		add(session.Orders, st.Orders, i, "orders."+kind, kind)
	}
	for i := range st.Amendments {
		add(session.Amendments, st.Amendments, i, AmendmentsName, "json")
	}
	return files
}

// ordersKind returns the kind of an order export, from its summary.
func ordersKind(summary json.RawMessage) string {
	var s OrdersSummary
	if json.Unmarshal(summary, &s) == nil {
		for _, kind := range []string{"xlsx", "xls"} {
			if strings.HasPrefix(strings.ToLower(s.Format), kind) {
				return kind
			}
		}
	}
	return "csv"
}

// OpenFile opens one of the session's files by its name in Files. It fails with
// fault.NotFound if there is none. Reading an input to its end verifies that it is what
// was uploaded.
func (d *Desk) OpenFile(ctx context.Context, st session.State, name string) (File, io.ReadCloser, error) {
	if name == SheetName && len(st.BOL) > 0 {
		s, err := d.Sheet(ctx, st)
		if err != nil {
			return File{}, nil, err
		}
		size, err := d.csvSize(ctx, st)
		if err != nil {
			return File{}, nil, err
		}
		from, to := io.Pipe()
		go func() { to.CloseWithError(sheet.WriteCSV(to, s)) }()
		return File{Name: name, Size: size, Type: "csv", Role: "sheet"}, from, nil
	}
	for _, f := range inputs(st) {
		if f.Name == name {
			r, err := d.contents.Open(ctx, f.input.Content)
			return f, r, err
		}
	}
	return File{}, nil, fault.New(fault.NotFound, "the session has no file of that name; /files lists what it has")
}

// Detach takes one of the session's inputs away again, by its name in Files, and keeps
// everything else. revision, unless 0, is that of the state in which somebody saw the file.
// It returns the state after that and what it removed.
//
// It fails with fault.NotFound if there is no such file, with fault.BadRequest for the
// sheet, which is not an input, with AmendmentsChanged if the session has another revision, with
// session.Superseded, and with the codes of storage.
func (d *Desk) Detach(ctx context.Context, st session.State, name string, revision int64) (session.State, File, error) {
	if revision != 0 && revision != st.Revision {
		return st, File{}, ErrOtherRevision(st.Revision)
	}
	if name == SheetName && len(st.BOL) > 0 {
		return st, File{}, fault.New(fault.BadRequest, "%s is made of the other files; remove one of those", SheetName)
	}
	i := slices.IndexFunc(inputs(st), func(f File) bool { return f.Name == name })
	if i < 0 {
		return st, File{}, fault.New(fault.NotFound, "the session has no file of that name; /files lists what it has")
	}
	f := inputs(st)[i]
	now, removed, err := d.sessions.Attach(ctx, st.Key, session.Attachment{
		Incarnation: st.Incarnation, Revision: revision, Slot: session.Slot(f.Role), Mode: session.Detach,
		Files: []session.Input{{Name: f.input.Name, Content: f.input.Content}},
	})
	if fault.CodeOf(err) == session.Changed {
		if now, gone := d.State(ctx, st.Key); gone == nil && revision != 0 {
			return st, File{}, ErrOtherRevision(now.Revision)
		}
		return st, File{}, fault.New(fault.NotFound, "the file was taken away or replaced meanwhile; /files lists what the session has now")
	}
	if err != nil {
		return st, File{}, err
	}
	d.drop(ctx, removed)
	return now, f, nil
}
