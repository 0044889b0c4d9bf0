// Package shipments has the shipments that tests send to a service: the two files of
// a user, and their expected sheets; and a load that shows whether a line ever
// appears in another shipment's sheet.
package shipments

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tallyman/internal/sample"
)

// Shipment is a document of bills, its order export, and the expected sheets of both
// and of the bills alone.
type Shipment struct {
	// Letter is the first letter of its bills' numbers.
	Letter string
	// Count and Lines are the numbers of its bills and lines.
	Count, Lines int

	Bills, Orders, Expected, Unmatched []byte
}

// New invents a shipment whose bills' numbers begin with the letter; "" does not
// change them.
func New(t testing.TB, o sample.Options, letter string) Shipment {
	t.Helper()
	s, err := sample.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if letter == "" {
		letter = s.Bills[0].Number[:1]
	}
	for _, b := range s.Bills {
		b.Number = letter + b.Number[1:]
	}
	for i := range s.Orders {
		s.Orders[i].InvoiceNo = letter + s.Orders[i].InvoiceNo[1:]
	}
	write := func(f func(io.Writer) error) []byte {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	return Shipment{letter, len(s.Bills), s.Lines(), write(s.WritePDF), write(s.WriteOrders), write(s.WriteExpected), write(s.WriteUnmatched)}
}

// Real returns the real sample, which is not part of the repository: root is the
// repository's folder. It returns false if the sample is missing.
func Real(t testing.TB, root string) (Shipment, bool) {
	t.Helper()
	dir := filepath.Join(root, "../shared/testdata/midas-2025-07-10")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return Shipment{}, false
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return Shipment{"G", 83, 366, read(sample.PDFName), read(sample.OrdersName), read(sample.ExpectedName), read(sample.UnmatchedName)}, true
}

// Origin returns the number of a CSV sheet's lines by the letter of their bills, and
// whether any line has an order.
func Origin(sheet []byte) (lines map[string]int, merged bool, err error) {
	rows, err := csv.NewReader(bytes.NewReader(sheet)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, false, fmt.Errorf("a sheet is not CSV: %w: %.100s", err, sheet)
	}
	number, ship := slices.Index(rows[0], "Invoice No."), slices.Index(rows[0], "Ship To Name")
	if number < 0 || ship < 0 {
		return nil, false, fmt.Errorf("a sheet has the columns %q", rows[0])
	}
	lines = map[string]int{}
	for _, r := range rows[1:] {
		lines[r[number][:1]]++
		merged = merged || r[ship] != ""
	}
	return lines, merged, nil
}
