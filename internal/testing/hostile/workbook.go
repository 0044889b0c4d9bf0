package hostile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The four columns that an order export must have.
var keyColumns = []string{"Invoice No.", "Style", "Cartons*", "Pieces*"}

// Workbook is an XLSX with one sheet. The function writes its rows as XML after the
// header of the key columns.
func Workbook(rows func(w io.Writer)) []byte {
	return workbook("", func(w io.Writer) {
		fmt.Fprint(w, `<row r="1">`)
		for _, c := range keyColumns {
			fmt.Fprintf(w, `<c t="inlineStr"><is><t>%s</t></is></c>`, c)
		}
		fmt.Fprint(w, `</row>`)
		rows(w)
	})
}

// workbook is an XLSX with one sheet. dtd precedes its root.
func workbook(dtd string, rows func(w io.Writer)) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	const head = `<?xml version="1.0" encoding="UTF-8"?>`
	const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	const rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	part := func(name, content string) io.Writer {
		w, err := z.Create(name)
		if err != nil {
			panic(err) // a buffer never fails
		}
		io.WriteString(w, head+content)
		return w
	}
	part("[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">`+
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>`+
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>`+
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`)
	part("_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+
		`<Relationship Id="r1" Type="`+rels+`/officeDocument" Target="xl/workbook.xml"/></Relationships>`)
	part("xl/workbook.xml", `<workbook xmlns="`+main+`" xmlns:r="`+rels+`"><sheets><sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>`)
	part("xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+
		`<Relationship Id="r1" Type="`+rels+`/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`)
	sheet := part("xl/worksheets/sheet1.xml", dtd+`<worksheet xmlns="`+main+`"><sheetData>`)
	rows(sheet)
	io.WriteString(sheet, `</sheetData></worksheet>`)
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// ZipBomb is an XLSX whose sheet unpacks to n bytes of empty rows.
func ZipBomb(n int) []byte {
	const row = `<row><c/></row>`
	rows := strings.Repeat(row, 1<<16)
	return Workbook(func(w io.Writer) {
		for ; n > 0; n -= len(rows) {
			io.WriteString(w, rows)
		}
	})
}

// LyingZipBomb is a ZipBomb whose declared size is small.
func LyingZipBomb(n int) []byte {
	b := ZipBomb(n)
	// The sizes are in the central directory, and after the data.
	name := []byte("xl/worksheets/sheet1.xml")
	at := bytes.LastIndex(b, name) - 46
	copy(b[at+24:], []byte{0, 16, 0, 0})
	return b
}

// DisplacedWorkbook is an XLSX whose end record gives too high an offset of the
// directory, so that all parts seem to begin before the start of the file.
func DisplacedWorkbook() []byte {
	b := Workbook(func(io.Writer) {})
	at := bytes.LastIndex(b, []byte("PK\x05\x06")) + 16
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)+1000))
	return b
}

// CellBomb is an XLSX with a single cell of n characters.
func CellBomb(n int) []byte {
	return Workbook(func(w io.Writer) {
		fmt.Fprint(w, `<row r="2"><c t="inlineStr"><is><t>`)
		chunk := strings.Repeat("x", 1<<16)
		for ; n > 0; n -= len(chunk) {
			io.WriteString(w, chunk[:min(n, len(chunk))])
		}
		fmt.Fprint(w, `</t></is></c></row>`)
	})
}

// EntityBomb is an XLSX whose sheet defines entities that expand to billions of
// characters.
func EntityBomb() []byte {
	dtd := `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">`
	for c := 'b'; c <= 'j'; c++ {
		dtd += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	return workbook(dtd+"]>", func(w io.Writer) {
		fmt.Fprint(w, `<row><c t="inlineStr"><is><t>&j;</t></is></c></row>`)
	})
}

// CellText is a CSV with the key columns and a single cell of n characters.
func CellText(n int) []byte {
	return []byte(strings.Join(keyColumns, ",") + "\n" + strings.Repeat("x", n) + ",S1,1,12\n")
}
