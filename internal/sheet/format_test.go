package sheet

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

func TestFormatsAreKnownByNameInAnyCase(t *testing.T) {
	for _, c := range []struct {
		name string
		want Format
		kind string
		ext  string
	}{
		{"csv", CSV, "text/csv; charset=utf-8", ".csv"},
		{"XLSX", XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"},
		{"Json", JSON, "application/json", ".json"},
	} {
		f, err := ParseFormat(c.name)
		if err != nil || f != c.want {
			t.Errorf("%q is %q, %v, want %q", c.name, f, err, c.want)
		}
		if f.ContentType() != c.kind || f.Ext() != c.ext {
			t.Errorf("%q has type %q and extension %q, want %q and %q", c.name, f.ContentType(), f.Ext(), c.kind, c.ext)
		}
	}
}

func TestAnUnknownFormatIsAFaultThatNamesTheFormats(t *testing.T) {
	for _, name := range []string{"", "pdf", "csv ", "xls", "\x00\r\n", "\xff", strings.Repeat("x", 1<<20)} {
		_, err := ParseFormat(name)
		if fault.CodeOf(err) != fault.BadRequest {
			t.Fatalf("%.20q gave %v", name, err)
		}
		msg := err.Error()
		for _, f := range Formats {
			if !strings.Contains(msg, string(f)) {
				t.Errorf("%q does not name %s", msg, f)
			}
		}
		if len(msg) > 200 || strings.ContainsAny(msg, "\r\n\x00") {
			t.Errorf("the message holds what was sent as it stands: %.200q", msg)
		}
	}
	if err := Write(&bytes.Buffer{}, Make(nil, nil), "CSV"); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("writing an unknown format gave %v", err)
	}
}

// fullDisk fails after a number of bytes.
type fullDisk struct{ room int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestAnOutputThatFailsIsAFaultThatSaysWhy(t *testing.T) {
	for _, bills := range []int{1, 500} { // less and more than the writer's buffer
		doc := document()
		for range bills {
			doc.Bills = append(doc.Bills, bill("G1", "1.00", "1", "1.0", line("1", "A", "1", "1.0")))
		}
		s := Make(doc, nil)
		for _, f := range Formats {
			for _, room := range []int{0, 100, 5000} {
				var whole bytes.Buffer
				must.OK(t, Write(&whole, s, f))
				if whole.Len() <= room {
					continue
				}
				err := Write(&fullDisk{room}, s, f)
				if fault.CodeOf(err) != fault.Unwritable || !errors.Is(err, errFull) || !strings.Contains(err.Error(), errFull.Error()) {
					t.Errorf("%s with room for %d bytes: %v", f, room, err)
				}
			}
		}
	}
}

func TestTheSameSheetGivesTheSameBytes(t *testing.T) {
	for _, f := range Formats {
		var first bytes.Buffer
		for i := range 5 {
			var b bytes.Buffer
			must.OK(t, Write(&b, Make(showcase()), f))
			if i == 0 {
				first = b
			} else if !bytes.Equal(b.Bytes(), first.Bytes()) {
				t.Errorf("%s differs from one time to the next", f)
			}
		}
	}
}
