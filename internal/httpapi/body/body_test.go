package body

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// read returns the names of all fields of a body, and their texts if they have one.
func read(b fields) (names []string, texts []string, err error) {
	for {
		f, err := b.next()
		if err == io.EOF {
			return names, texts, nil
		}
		if err != nil {
			return names, texts, err
		}
		names = append(names, f.name)
		if f.value != nil && f.what == "" {
			text, err := io.ReadAll(f.value)
			if err != nil {
				return names, texts, err
			}
			texts = append(texts, string(text))
		}
	}
}

// Our reader of JSON must agree with encoding/json.
func FuzzJSONBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b"}`, ` { "a" : "b\n\u00e9\ud83d\ude00\ud83d" , "c":[1,{"d":null}],"e":-1.5e3 } `, `{"a":"b"`, `{"a":1,}`, `{"a":[1,]}`, `{,}`,
		`{"a":{"b":{"c":[[],{}]}},"":""}`, "{\"a\":\"\x01\"}", `{"a":"\x"}`, `{"a":tru}`, `{"a":01}`, `{} {}`, `[]`, `""`, ``, "\ufeff{}", `{"\u0061":"\""}`,
		`{"a":"b" "c":"d"}`, `{"a" "b"}`, `{"a":[1 2]}`, `{"a":{"b" 1}}`, `{"a":"\ud800\u0041"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		names, texts, err := read(newJSON(iotest.HalfReader(bytes.NewReader(b))))
		if err != nil {
			if fault.CodeOf(err) != fault.BadRequest {
				t.Fatalf("%q: %v", b, err)
			}
		}
		plain := bytes.TrimPrefix(b, []byte("\ufeff"))
		var members map[string]json.RawMessage
		valid := json.Unmarshal(plain, &members) == nil && members != nil
		if valid && err != nil && !strings.Contains(err.Error(), "deep") && !strings.Contains(err.Error(), "longer") && !strings.Contains(err.Error(), "none") {
			t.Fatalf("%q is valid: %v", b, err)
		}
		if !valid && err == nil {
			t.Fatalf("%q is not valid", b)
		}
		if !valid || err != nil || !utf8.Valid(b) {
			return
		}
		i := 0
		for _, name := range names {
			if _, ok := members[name]; !ok {
				t.Fatalf("%q has no member %q", b, name)
			}
		}
		if len(names) == len(members) { // no name twice
			for _, name := range names {
				var want string
				if members[name][0] == '"' {
					if err := json.Unmarshal(members[name], &want); err != nil || texts[i] != want {
						t.Fatalf("%q: the member %q is %q, want %q", b, name, texts[i], want)
					}
					i++
				}
			}
		}
	})
}

// Our reader of forms must agree with net/url.
func FuzzFormBody(f *testing.F) {
	for _, seed := range []string{"", "a=b", "a=b&c=d", "a", "&&", "=", "a=b=c", "a+b=c+d", "%41=%42", "a=%", "a=%zz", "a&b=", "a=b&"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.ContainsRune(b, ';') {
			return // net/url refuses semicolons; here they are characters
		}
		names, texts, err := read(newURLEncoded(iotest.HalfReader(bytes.NewReader(b))))
		want, wantErr := url.ParseQuery(string(b))
		if (err == nil) != (wantErr == nil) {
			if len(b) > maxFormName {
				return
			}
			t.Fatalf("%q: %v, want %v", b, err, wantErr)
		}
		if err != nil {
			return
		}
		got := url.Values{}
		i := 0
		for pair := range strings.SplitSeq(string(b), "&") {
			if pair == "" {
				continue
			}
			for names[0] == "" && !strings.HasPrefix(pair, "=") {
				names = names[1:] // an empty pair
			}
			text := ""
			if strings.Contains(pair, "=") {
				text = texts[i]
				i++
			}
			got.Add(names[0], text)
			names = names[1:]
		}
		if got.Encode() != want.Encode() {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
	})
}

func FuzzBase64(f *testing.F) {
	for _, seed := range []string{"", "a", "ab", "hello", "\xff\xfe\xfd", strings.Repeat("x", 5000)} {
		f.Add([]byte(seed), seed)
	}
	f.Fuzz(func(t *testing.T, content []byte, junk string) {
		for name, e := range map[string]*base64.Encoding{"std": base64.StdEncoding, "raw": base64.RawStdEncoding, "url": base64.URLEncoding} {
			text := e.EncodeToString(content)
			for _, in := range []string{text, "data:application/pdf;base64," + text, "DATA:;name=x;BASE64," + text, "\n" + text + "\r\n"} {
				r, err := decoded(iotest.HalfReader(strings.NewReader(in)), AsBase64, false)
				must.OK(t, err)
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%s: %q gives %q, %v", name, in, got, err)
				}
			}
		}
		for _, e := range []Coding{AsBase64, AsEither, AsPDF} {
			r, err := decoded(strings.NewReader(junk), e, true)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if c := fault.CodeOf(err); c != "" && c != BadBase64 && c != fault.BadRequest {
				t.Fatalf("%q: %v", junk, err)
			}
		}
	})
}

// An order export in a text field is decoded as base64 only if it cannot be anything
// else.
func TestATextIsNotTakenForBase64(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	export := "Invoice No.,Style,Cartons,Pieces\n" + strings.Repeat("G24024,SS-100,12,144\n", 100)
	column := func(words ...string) string { return strings.Join(words, "\n") }
	folded := func(s string, width int, end string) string {
		var lines []string
		for len(s) > width {
			lines, s = append(lines, s[:width]), s[width:]
		}
		return strings.Join(append(lines, s), end)
	}
	same := "" // as it is
	for _, c := range []struct{ name, in, want string }{
		{"commas", "Invoice No.,Style\nA1,B2\n", same},
		{"a byte order mark and semicolons", "\ufeffInvoice No.;Style", same},
		{"tabs", "Style\tPieces\nA1\t12\n", same},
		{"a header of two words with a tab", "Style\tPieces", same},
		{"tabs, and lines of one length", "Inv1\tSt1\nG240\tAB1\n", same},
		{"a space inside", "Style Pieces", same},
		{"one column", column("Invoice", "G24024", "G24025", "G24026"), same},
		{"one column of one width", column("Styl", "A123", "B456", "C789"), same},
		{"one column of a width that base64 has", strings.Repeat("ABCD1234\n", 1000), same},
		{"one column with CRLF", strings.ReplaceAll(column("Style", "AB123", "CD456"), "\n", "\r\n"), same},
		{"one column with CR", "Styl\rA123\rB456", same},
		{"one column, the last line the longest", column("Styl", "A123", "B4567890"), same},
		{"one word", "Invoice", same},
		{"one word of base64's length", "Cartons1", same},
		{"numbers", column("1234", "5678", "9012"), same},
		{"base64 in lines of several lengths", "SW52b2lj\nZSBOby4sU3R5\nbGU=", same},
		{"base64 in lines of no length that encoders make", "SW52b2\nljZSBO\nby4sU3\nR5bGU=", same},
		{"words with a hyphen", column("AB-1", "CD_2"), same},
		{"an equals sign in the middle", "aGVs=bG8s", same},
		{"too much padding", "SW52b2ljZSBOby4sU3R5bGU===", same},
		{"both alphabets at once", "ab+/ab-_", same},
		{"nothing but padding", "====", same},
		{"blanks", " \n ", same},
		{"a first cell that is called data", "data:,Style\n", "Style\n"},
		{"a first cell with a date", "Data:7/10/2025,Style\n", same},
		{"a first cell with a word", "data: export,Style\n", same},
		{"base64 of something else, in short", b64([]byte("\x00\x01\x02,")), same},

		{"base64", "SW52b2ljZSBOby4sU3R5bGU=", "Invoice No.,Style"},
		{"base64 without padding", "SW52b2ljZSBOby4sU3R5bGU", "Invoice No.,Style"},
		{"base64 of a whole export", b64([]byte(export)), export},
		{"base64 in lines", folded(b64([]byte(export)), 76, "\r\n"), export},
		{"base64 in lines of 64, and blanks around", " \n" + folded(b64([]byte(export)), 64, "\n") + "\n", export},
		{"base64 of the URL alphabet", base64.RawURLEncoding.EncodeToString([]byte("a,b>>>???")), "a,b>>>???"},
		{"base64 of a workbook", b64([]byte("PK\x03\x04\x00\x01\x02")), "PK\x03\x04\x00\x01\x02"},
		{"base64 of UTF-16", b64([]byte("\xff\xfea\x00,\x00")), "\xff\xfea\x00,\x00"},
		{"a data: URL", "data:text/csv;base64,SW52b2ljZSBOby4=", "Invoice No."},
		{"a data: URL after blanks", "\r\n  data:text/csv;charset=utf-8;base64,SW52b2ljZSBOby4=", "Invoice No."},
		{"a data: URL of its own escapes", "data:text/csv,Invoice%20No.%2CStyle%0A1", "Invoice No.,Style\n1"},
	} {
		if c.want == same {
			c.want = c.in
		}
		r, err := decoded(iotest.HalfReader(strings.NewReader(c.in)), AsEither, false)
		must.OK(t, err)
		got, err := io.ReadAll(r)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %.80q gives %.80q, %v", c.name, c.in, got, err)
		}
	}
	// In a form, a plus sign that was not escaped has become a space.
	for in, want := range map[string]string{
		"YSxiPj4 Pj4+": "a,b>>>>>>", "YSxiPj4 ": "a,b>>>", "Style Cartons Pieces": "Style Cartons Pieces", "Invoice No.,Style": "Invoice No.,Style",
	} {
		r, err := decoded(strings.NewReader(in), AsEither, true)
		must.OK(t, err)
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%q in a form gives %q, %v", in, got, err)
		}
	}
	// Invalid bytes far from the beginning of base64 cause an error, not half an export.
	r, err := decoded(strings.NewReader(strings.Repeat("SW52", maxHead)+",B2\n"), AsEither, false)
	must.OK(t, err)
	if _, err := io.ReadAll(r); fault.CodeOf(err) != BadBase64 {
		t.Errorf("base64 with a comma at its end: %v", err)
	}
}

// A body returns its files one after the other, and lists at the end those that were not
// used.
func TestABodyGivesItsFilesAsAStream(t *testing.T) {
	slot := Slot{For: "bills", Coding: AsPDF}
	rc := Reception{
		Forms: []string{Multipart}, Raw: []string{PDF}, RawField: "file", Fallback: "none.pdf",
		Files: map[string]Slot{"file": slot}, Stray: func(bool) Slot { return slot },
	}
	part := func(head, content string) string {
		return "--x\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + content + "\r\n"
	}
	first, second, stray := part(`name="file"; filename="1.pdf"`, "one"), part(`name="file"`+"\r\nContent-Type: application/pdf", "two"), part(`name="x"; filename="s.pdf"`, "stray")
	for _, c := range []struct {
		name, kind, body string
		files            string
		unused           []int
	}{
		{"raw", PDF, "%PDF-1", "none.pdf=%PDF-1", nil},
		{"two files", "multipart/form-data; boundary=x", first + second + "--x--", "1.pdf=one none.pdf=two", nil},
		{"a file of another name alone", "multipart/form-data; boundary=x", stray + "--x--", "s.pdf=stray", nil},
		{"a file of another name first", "multipart/form-data; boundary=x", stray + first + second + "--x--", "s.pdf=stray 1.pdf=one none.pdf=two", []int{0}},
		{"a file of another name after", "multipart/form-data; boundary=x", first + stray + "--x--", "1.pdf=one", nil},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		b := New(r, http.NewResponseController(httptest.NewRecorder()), Limits{Upload: 1 << 20, Timeout: time.Minute})
		var files []string
		got, err := b.Receive(rc, "", func(f File) error {
			content, err := io.ReadAll(f.Content)
			if f.For != "bills" {
				t.Errorf("%s: a file is for %q", c.name, f.For)
			}
			files = append(files, f.Name+"="+string(content))
			return err
		})
		if err != nil || strings.Join(files, " ") != c.files || !slices.Equal(got.Unused, c.unused) {
			t.Errorf("%s: %q, %v not used, %v; want %q, %v", c.name, files, got.Unused, err, c.files, c.unused)
		}
		// Receiving fails with the error of storing.
		full := errors.New("full")
		r.Body = io.NopCloser(strings.NewReader(c.body))
		b = New(r, http.NewResponseController(httptest.NewRecorder()), Limits{Upload: 1 << 20, Timeout: time.Minute})
		if _, err := b.Receive(rc, "", func(File) error { return full }); err != full {
			t.Errorf("%s: storing fails, and receiving with %v", c.name, err)
		}
	}
}
