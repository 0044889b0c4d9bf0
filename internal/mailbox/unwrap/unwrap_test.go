package unwrap

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// take takes the files out of a mail, as NAME=CONTENT.
func take(t testing.TB, mail string, lim Limits) (files, left []string, err error) {
	t.Helper()
	dir := t.TempDir()
	c, err := Mail(context.Background(), strings.NewReader(mail), dir, lim)
	if err != nil {
		return nil, nil, err
	}
	there, err := os.ReadDir(dir)
	must.OK(t, err)
	if len(there) != len(c.Files) {
		t.Errorf("the folder has %d files, the content %d", len(there), len(c.Files))
	}
	for _, f := range c.Files {
		b, err := os.ReadFile(f.Path)
		must.OK(t, err)
		if int64(len(b)) != f.Size || filepath.Dir(f.Path) != dir {
			t.Errorf("%s has %d bytes at %s, not %d", f.Name, len(b), f.Path, f.Size)
		}
		files = append(files, f.Name+"="+string(b))
	}
	return files, c.Left, nil
}

func mixed(parts ...string) string {
	var b strings.Builder
	b.WriteString("From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npreamble\r\n")
	for _, p := range parts {
		b.WriteString("--b1\r\n" + p + "\r\n")
	}
	return b.String() + "--b1--\r\n"
}

const attached = "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; "

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAllWrappingsAreOpened(t *testing.T) {
	nested := strings.ReplaceAll(mixed(attached+"filename=in.pdf\r\n\r\n%PDF-1 in"), "b1", "b9")
	for name, c := range map[string]struct{ mail, want, left string }{
		"base64 with line breaks":    {mail: mixed(attached + "filename=a.pdf\r\nContent-Transfer-Encoding: BASE64\r\n\r\nJVBE\r\n Ri0x\r\nLjc="), want: "a.pdf=%PDF-1.7"},
		"quoted-printable":           {mail: mixed(attached + "filename=a.csv\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc"), want: "a.csv=a=bc"},
		"as it stands":               {mail: mixed(attached + "filename=a.csv\r\n\r\na;b"), want: "a.csv=a;b"},
		"uuencoded part":             {mail: mixed(attached + "filename=a.txt\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend"), want: "a.txt=Cat"},
		"uuencoded in the text":      {mail: mixed("Content-Type: text/plain\r\n\r\nSee:\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nbegin to end\r\nBye"), want: "cat.txt=Cat"},
		"no multipart":               {mail: "Content-Type: application/pdf; name=\"a b.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64("%PDF-"), want: "a b.pdf=%PDF-"},
		"a mail in a mail":           {mail: mixed("Content-Type: message/rfc822\r\n\r\n" + nested), want: "in.pdf=%PDF-1 in"},
		"a mail as a file":           {mail: mixed(attached + "filename=\"fwd.eml\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(nested)), want: "in.pdf=%PDF-1 in"},
		"name in words":              {mail: mixed(attached + "filename=\"=?utf-8?Q?M=C3=BCller?= =?iso-8859-1?Q?=E9.pdf?=\"\r\n\r\nx"), want: "Mülleré.pdf=x"},
		"name as RFC 2231":           {mail: mixed(attached + "filename*=utf-8''M%C3%BCller.pdf\r\n\r\nx"), want: "Müller.pdf=x"},
		"name as RFC 2231, Latin-1":  {mail: mixed(attached + "filename*=iso-8859-1'de'M%FCller.pdf\r\n\r\nx"), want: "Müller.pdf=x"},
		"name in pieces":             {mail: mixed(attached + "filename*0*=iso-8859-1''M%FC; filename*1=\"ller.pdf\"\r\n\r\nx"), want: "Müller.pdf=x"},
		"name without quotes":        {mail: mixed(attached + "filename=bill of lading.pdf\r\n\r\nx"), want: "bill of lading.pdf=x"},
		"name of a path":             {mail: mixed(attached + "filename=\"../../etc/passwd\"\r\n\r\nx"), want: "passwd=x"},
		"name of Windows":            {mail: mixed(attached + "filename=\"C:\\\\x\\\\a.pdf\"\r\n\r\nx"), want: "a.pdf=x"},
		"name that controls":         {mail: mixed(attached + "filename=\"=?utf-8?Q?a=1B=E2=80=AEfdp.csv?=\"\r\n\r\nx"), want: "a__fdp.csv=x"},
		"no name":                    {mail: mixed(attached + "x=y\r\n\r\nx"), want: "attachment=x"},
		"text with a name":           {mail: mixed("Content-Type: text/csv; name=o.csv; charset=utf-8\r\n\r\na,b"), want: "o.csv=a,b"},
		"related within alternative": {mail: mixed("Content-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\nContent-Type: text/html\r\n\r\n<img src=http://x/>\r\n--b2\r\nContent-Type: multipart/related; boundary=b3\r\n\r\n--b3\r\n" + attached + "filename=i.png\r\n\r\nx\r\n--b3--\r\n--b2--"), want: "i.png=x"},
		"text only":                  {mail: "From: a\r\n\r\nhello"},
		"a line that is not a field": {mail: "From a@b Mon\r\nFrom: a\r\njunk\r\n more\r\nContent-Type: application/pdf\r\n\r\nx", want: "attachment=x"},

		"damaged base64":      {mail: mixed(attached + "filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBE!!"), left: "a.pdf is damaged"},
		"base64 that is cut":  {mail: mixed(attached + "filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBER"), left: "a.pdf is damaged"},
		"uuencode that ends":  {mail: mixed("Content-Type: text/plain\r\n\r\nbegin 644 cat.txt\r\n#0V%T\r\n"), left: "cat.txt is damaged"},
		"unknown encoding":    {mail: mixed(attached + "filename=a.pdf\r\nContent-Transfer-Encoding: yenc\r\n\r\nx"), left: "not known"},
		"a mail that is cut":  {mail: strings.TrimSuffix(mixed(attached+"filename=a.csv\r\n\r\na,b"), "\r\n--b1--\r\n"), want: "a.csv=a,b", left: "ends in the middle of a.csv"},
		"S/MIME":              {mail: "Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nx", left: "S/MIME"},
		"PGP":                 {mail: "Content-Type: multipart/encrypted; boundary=x\r\n\r\n--x--", left: "encrypted"},
		"a file elsewhere":    {mail: mixed("Content-Type: message/external-body; access-type=URL; URL=\"http://evil.example/a.pdf\"\r\n\r\n"), left: "nothing is fetched"},
		"without a boundary":  {mail: "Content-Type: multipart/mixed\r\n\r\n--x\r\n", left: "does not say"},
		"nothing in the file": {mail: mixed(attached + "filename=a.pdf\r\n\r\n"), left: "a.pdf is empty"},
	} {
		files, left, err := take(t, c.mail, Usual)
		if err != nil || strings.Join(files, "|") != c.want {
			t.Errorf("%s: %q, %v; want %q", name, files, err, c.want)
		}
		if all := strings.Join(left, " "); c.left == "" && all != "" || !strings.Contains(all, c.left) {
			t.Errorf("%s: left %q, want %q", name, left, c.left)
		}
	}
}

// tnefAttribute is an attribute of winmail.dat.
func tnefAttribute(level byte, id uint32, data []byte) []byte {
	b := append([]byte{level}, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, id), uint32(len(data)))...)
	b = append(b, data...)
	sum := uint16(0)
	for _, c := range data {
		sum += uint16(c)
	}
	return binary.LittleEndian.AppendUint16(b, sum)
}

func tnefProps(props ...[]byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(props))), bytes.Join(props, nil)...)
}

func tnefProp(kind, id uint16, value []byte) []byte {
	b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, kind), id)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, 1), uint32(len(value)))
	return append(append(b, value...), make([]byte, (4-len(value)%4)%4)...)
}

func utf16Bytes(s string) (b []byte) {
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func winmail(attributes ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint32(nil, tnefMark), 1)
	return append(b, bytes.Join(attributes, nil)...)
}

func sampleTNEF() []byte {
	number := append(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, 3), 0x3705), 1, 0, 0, 0)
	named := append(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, 3), 0x8001), make([]byte, 24)...)
	named = append(named, 1, 0, 0, 0)
	inner := winmail(tnefAttribute(2, attachRendering, nil), tnefAttribute(2, attachTitle, []byte("in.csv\x00")), tnefAttribute(2, attachData, []byte("in")))
	return winmail(
		tnefAttribute(1, 0x00089006, []byte{0, 0, 1, 0}), // the version of TNEF
		tnefAttribute(2, attachRendering, make([]byte, 14)),
		tnefAttribute(2, attachTitle, []byte("BOLLAD~1.PDF\x00")),
		tnefAttribute(2, attachData, []byte("%PDF-1.7")),
		tnefAttribute(2, attachProps, tnefProps(number, named, tnefProp(0x1f, propLongName, utf16Bytes("Bill of lading é.pdf")), tnefProp(0x1e, propDisplayName, []byte("shown\x00")))),
		tnefAttribute(2, attachRendering, make([]byte, 14)),
		tnefAttribute(2, attachTitle, []byte("orders.csv\x00")),
		tnefAttribute(2, attachData, []byte("a,b")),
		tnefAttribute(2, attachRendering, make([]byte, 14)),
		tnefAttribute(2, attachProps, tnefProps(tnefProp(0x0d, propDataObject, append(make([]byte, 16), inner...)))),
		tnefAttribute(2, attachRendering, make([]byte, 14)),
		tnefAttribute(2, attachProps, tnefProps(tnefProp(0x1e, propLongName, []byte("sheet object\x00")), tnefProp(0x0d, propDataObject, make([]byte, 40)))),
	)
}

func TestWinmailIsOpened(t *testing.T) {
	mail := mixed("Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(string(sampleTNEF())))
	files, left, err := take(t, mail, Usual)
	want := []string{"Bill of lading é.pdf=%PDF-1.7", "in.csv=in", "orders.csv=a,b"}
	slices.Sort(files)
	if err != nil || !slices.Equal(files, want) || len(left) != 1 || !strings.Contains(left[0], "sheet object") {
		t.Errorf("%q, %q, %v", files, left, err)
	}
	// Cut anywhere, it ends, and what is missing is said.
	whole := string(sampleTNEF())
	for n := 7; n < len(whole)-1; n++ {
		files, left, err := take(t, mixed(attached+"filename=w.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(whole[:n])), Usual)
		if err != nil || len(files) < len(want) && len(left) == 0 && n > 16 && !atEnd(whole, n) {
			t.Fatalf("cut at %d: %q, %q, %v", n, files, left, err)
		}
	}
}

// atEnd reports whether a file that is cut there ends with an attribute, or within its sum.
func atEnd(whole string, n int) bool {
	for at := 6; at < len(whole); {
		at += 9 + int(binary.LittleEndian.Uint32([]byte(whole[at+5:]))) + 2
		if n >= at-2 && n <= at {
			return true
		}
	}
	return false
}

func packed(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := w.Create(name)
		must.OK(t, err)
		f.Write([]byte(files[name]))
	}
	must.OK(t, w.Close())
	return b.String()
}

func TestArchivesAreOpened(t *testing.T) {
	inner := packed(t, map[string]string{"deep/c.csv": "c"})
	archive := packed(t, map[string]string{"a.pdf": "%PDF-", "__MACOSX/._a.pdf": "x", ".DS_Store": "x", "in.zip": inner, "dir/": "", "../../b.csv": "b"})
	files, left, err := take(t, mixed(attached+"filename=all.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(archive)), Usual)
	slices.Sort(files)
	if want := []string{"a.pdf=%PDF-", "b.csv=b", "c.csv=c"}; err != nil || len(left) > 0 || !slices.Equal(files, want) {
		t.Errorf("%q, %q, %v", files, left, err)
	}
	// A workbook is an archive, and stays a file. So does what is none.
	for name, content := range map[string]string{
		"o.xlsx": packed(t, map[string]string{"[Content_Types].xml": "x", "xl/a.xml": "y"}),
		"o.zip":  archive[:len(archive)-30],
	} {
		files, _, err := take(t, mixed(attached+"filename="+name+"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(content)), Usual)
		if err != nil || len(files) != 1 || files[0] != name+"="+content {
			t.Errorf("%s: %d files, %v", name, len(files), err)
		}
	}
	// One flipped byte is said.
	bad := strings.Replace(packed(t, map[string]string{"a.csv": strings.Repeat("abc", 100), "b.csv": "b"}), "b.csv", "b.csv", 1)
	at := strings.Index(bad, "a.csv") + 9
	bad = bad[:at] + string(bad[at]^0x55) + bad[at+1:]
	if files, left, err := take(t, mixed(attached+"filename=x.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(bad)), Usual); err != nil || len(left) != 1 || !slices.Equal(files, []string{"b.csv=b"}) {
		t.Errorf("%q, %q, %v", files, left, err)
	}
}

func TestLimits(t *testing.T) {
	lim := Limits{Size: 10_000, Parts: 40, Files: 5, Depth: 4, Header: 1000}
	deep := "x"
	for range 6 {
		deep = packed(t, map[string]string{"a.zip": deep})
	}
	nested := "From: a\r\n\r\nhi"
	for range 8 {
		nested = "Content-Type: message/rfc822\r\n\r\n" + nested
	}
	layers := "hi"
	for i := range 8 {
		layers = fmt.Sprintf("Content-Type: multipart/mixed; boundary=l%d\r\n\r\n--l%d\r\n%s\r\n--l%d--", i, i, layers, i)
	}
	part := attached + "filename=a.csv\r\n\r\nx"
	for name, mail := range map[string]string{
		"a bomb":              mixed(attached + "filename=b.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(packed(t, map[string]string{"a": strings.Repeat("0", 1_000_000)}))),
		"archives in depth":   mixed(attached + "filename=b.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(deep)),
		"mails in depth":      nested,
		"multiparts in depth": layers,
		"many files":          mixed(slices.Repeat([]string{part}, 6)...),
		"many parts":          mixed(slices.Repeat([]string{"Content-Type: text/plain\r\n\r\nx"}, 41)...),
		"a long header":       "X: " + strings.Repeat("x", 2000) + "\r\n\r\nhi",
		"a large file":        mixed(attached + "filename=a.csv\r\n\r\n" + strings.Repeat("x", 10_001)),
	} {
		if files, left, err := take(t, mail, lim); fault.CodeOf(err) != fault.TooLarge {
			t.Errorf("%s: %d files, %q, %v", name, len(files), left, err)
		}
	}
	// The directory of an archive is bounded before it is read.
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 60_000 {
		_, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%06d%s", i, strings.Repeat("x", 40))})
		must.OK(t, err)
	}
	w.Close()
	big := Usual
	files, _, err := take(t, mixed(attached+"filename=m.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"+b64(b.String())), big)
	if err != nil || len(files) != 1 || !strings.HasPrefix(files[0], "m.zip=") {
		t.Errorf("an archive of 60,000 files: %d, %v", len(files), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Mail(ctx, strings.NewReader(mixed(part)), t.TempDir(), Usual); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("a mail that nobody waits for: %v", err)
	}
}

func FuzzMail(f *testing.F) {
	f.Add([]byte(mixed(attached + "filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjc=")))
	f.Add([]byte(mixed("Content-Type: text/plain\r\n\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend")))
	f.Add([]byte(mixed("Content-Type: message/rfc822\r\n\r\n" + mixed(attached+"filename*0*=iso-8859-1''M%FC; filename*1=x\r\n\r\nx"))))
	f.Add(append([]byte("Content-Type: application/ms-tnef\r\n\r\n"), sampleTNEF()...))
	f.Add([]byte("Content-Type: application/zip\r\n\r\n" + packed(f, map[string]string{"a.pdf": "%PDF-", "b.zip": packed(f, map[string]string{"c": "d"})})))
	lim := Limits{Size: 1 << 20, Parts: 100, Files: 20, Depth: 5, Header: 10_000}
	f.Fuzz(func(t *testing.T, mail []byte) {
		dir := t.TempDir()
		c, err := Mail(context.Background(), bytes.NewReader(mail), dir, lim)
		if err != nil {
			switch fault.CodeOf(err) {
			case fault.TooLarge, fault.BadRequest:
			default:
				t.Fatal(err)
			}
			return
		}
		total := int64(0)
		for _, f := range c.Files {
			total += f.Size
			if f.Name == "" || strings.ContainsAny(f.Name, "/\\\n\r\x00") || filepath.Dir(f.Path) != dir {
				t.Fatalf("%q at %s", f.Name, f.Path)
			}
		}
		if total > lim.Size || len(c.Files) > lim.Files {
			t.Fatalf("%d files of %d bytes", len(c.Files), total)
		}
	})
}
