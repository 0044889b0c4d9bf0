package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
)

// SheetName is the name of the sheet among a session's files.
const SheetName = "combined_data.csv"

// File is one of a session's files, as clients see it.
type File struct {
	// Name is unique within the session.
	Name string
	// Size is in bytes.
	Size int64
	// Type is the kind of the file: "pdf", "csv", "xlsx" or "xls".
	Type string
	// Role is the purpose of the file: "sheet", "bol" or "orders".
	Role string

	input *session.Input // nil for the sheet
}

// Files returns the session's files: the sheet, if there are bills, and the inputs
// under the names that they were uploaded with. Equal names get a number.
//
// A session without bills has no files.
func (d *Desk) Files(ctx context.Context, st session.State) ([]File, error) {
	files := Named(st)
	if len(files) == 0 {
		return nil, nil
	}
	var err error
	files[0].Size, err = d.csvSize(ctx, st)
	return files, err
}

// Named returns the session's files like Desk.Files, but without the size of the sheet,
// for which the sheet may have to be made.
func Named(st session.State) []File {
	if len(st.BOL) == 0 {
		return nil
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
	for i := range st.BOL {
		in := &st.BOL[i]
		files = append(files, File{unique(cmp.Or(in.Name, "bol.pdf")), in.Content.Size, "pdf", "bol", in})
	}
	if in := st.Orders; in != nil {
		kind := ordersKind(in.Summary)
		files = append(files, File{unique(cmp.Or(in.Name, "orders."+kind)), in.Content.Size, kind, "orders", in})
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
