// Package shipments has the shipments that tests send to a service: the two files as
// a user has them, and the sheets that must come of them; and a load that shows
// whether one ever gets into the sheet of another.
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

// Shipment is a document of bills, its order export, and what must come of both
// and of the bills alone.
type Shipment struct {
	// Letter is what the numbers of its bills begin with.
	Letter string
	// Count and Lines are how many bills and lines there are.
	Count, Lines int

	Bills, Orders, Expected, Unmatched []byte
}

// New invents a shipment whose bills' numbers begin with the letter; "" leaves
// them as they are.
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

// Real is the real sample, which is not part of the repository: root is the
// repository's. It is false if the sample is not there.
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

// Origin tells whose lines a sheet in CSV holds, by the letter of their bills, how
// many of each, and whether any has an order.
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
